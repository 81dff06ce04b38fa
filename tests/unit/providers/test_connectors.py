"""What goes over the wire, byte for byte, and what a success says about the account's rate."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from schemas.base import Platform
from streams.providers.ayrshare import Ayrshare
from streams.providers.client import Client, make_client
from streams.providers.credentials import Credential
from streams.providers.meta import Meta
from streams.providers.protocol import Connector, ErrorClass, OutboundSend, SendError, Sent
from streams.providers.registry import make_connectors
from streams.providers.retry import Fail, next_step
from streams.providers.x import MediaFetcher, X
from streams.settings import Settings
from tests.unit.providers.loopback import TRUST, Heard, answering, server

KEYS = {
    "token": "tok",
    "profile_key": "prof",
    "x_api_key": "xkey",
    "x_api_secret": "xsecret",
    "page_id": "4711",
}
CREDENTIAL = Credential.model_validate(KEYS)
BY_INSTAGRAM = Credential.model_validate(KEYS | {"login": "instagram"})
Make = Callable[[Client, str], Connector]


def ayrshare(client: Client, base: str) -> Connector:
    return Ayrshare(client, url=f"{base}/api")


def meta(client: Client, base: str) -> Connector:
    return Meta(client, graph_url=f"{base}/g/v25.0", instagram_url=f"{base}/i/v25.0/")


def x(client: Client, base: str) -> Connector:
    return X(client, url=base, media=MediaFetcher(client))


def exchange(
    make: Make,
    outbound: OutboundSend,
    *,
    credential: Credential = CREDENTIAL,
    status: str = "200 OK",
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[Sent | SendError, Heard]:
    """One send to a server that answers like that."""

    async def run() -> tuple[Sent | SendError, Heard]:
        behave = answering(status, orjson.dumps(body), headers)
        async with server(behave) as heard, make_client(verify=TRUST) as client:
            connector = make(client, f"http://{heard.address}")
            return await connector.send(outbound, credential), heard

    return asyncio.run(run())


def wire(heard: Heard) -> tuple[str, dict[str, str], Any]:
    """Request line, headers in lower case, and the body of the only request."""
    (request,) = heard.requests
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}
    return first, headers, json.loads(body)


META_OK = {"recipient_id": "200", "message_id": "m_1"}
AYRSHARE_OK = {"status": "success", "recipientId": "200", "messageId": "mid", "message": "hi"}
X_OK = {"data": {"dm_conversation_id": "1-200", "dm_event_id": "77"}}


def test_messenger_names_the_page_in_the_path_and_the_token_in_a_header() -> None:
    result, heard = exchange(
        meta, OutboundSend("c", "facebook", "100", "200", text="hé"), body=META_OK
    )
    line, headers, body = wire(heard)
    assert line == "POST /g/v25.0/100/messages HTTP/1.1"
    assert headers["authorization"] == "Bearer tok"
    assert headers["content-type"] == "application/json"
    assert body == {
        "recipient": {"id": "200"},
        "messaging_type": "RESPONSE",
        "message": {"text": "hé", "metadata": "dm:c"},
    }
    assert result == Sent(message_ids=("m_1",), recipient_id="200")


@pytest.mark.parametrize(
    ("credential", "path"),
    [(CREDENTIAL, "/g/v25.0/4711/messages"), (BY_INSTAGRAM, "/i/v25.0/17841/messages")],
)
def test_instagram_goes_through_its_page_or_its_own_host(credential: Credential, path: str) -> None:
    outbound = OutboundSend("c", "instagram", "17841", "200", text="hi", human_agent=True)
    _, heard = exchange(meta, outbound, credential=credential, body=META_OK)
    line, _, body = wire(heard)
    assert line == f"POST {path} HTTP/1.1"
    assert body == {
        "recipient": {"id": "200"},
        "messaging_type": "MESSAGE_TAG",
        "tag": "HUMAN_AGENT",
        "message": {"text": "hi"},
    }


def test_ayrshare_takes_the_network_in_the_path_and_the_profile_in_a_header() -> None:
    outbound = OutboundSend(
        "c", "instagram", "1", "200", text="hi", media_urls=("https://c.example/a.png",)
    )
    result, heard = exchange(ayrshare, outbound, body=AYRSHARE_OK)
    line, headers, body = wire(heard)
    assert line == "POST /api/messages/instagram HTTP/1.1"
    assert (headers["authorization"], headers["profile-key"]) == ("Bearer tok", "prof")
    assert "x-twitter-oauth1-api-key" not in headers
    assert body == {
        "recipientId": "200",
        "message": "hi",
        "mediaUrls": ["https://c.example/a.png"],
    }
    assert isinstance(result, Sent)
    assert result.message_ids == ("mid",)


def test_ayrshare_calls_x_twitter_and_wants_the_customer_s_own_keys() -> None:
    _, heard = exchange(ayrshare, OutboundSend("c", "x", "1", "200", text="hi"), body=AYRSHARE_OK)
    line, headers, _ = wire(heard)
    assert line == "POST /api/messages/twitter HTTP/1.1"
    assert headers["x-twitter-oauth1-api-key"] == "xkey"
    assert headers["x-twitter-oauth1-api-secret"] == "xsecret"


@pytest.mark.parametrize(
    ("message_id", "expected"), [(None, ()), (["a", "b"], ("a", "b")), (12, ("12",))]
)
def test_ayrshare_s_success_counts_whatever_it_names(
    message_id: Any, expected: tuple[str, ...]
) -> None:
    """The answer to several messages is not documented; the word `success` is."""
    reply = AYRSHARE_OK | {"messageId": message_id}
    result, _ = exchange(ayrshare, OutboundSend("c", "facebook", "1", "2", text="x"), body=reply)
    assert isinstance(result, Sent)
    assert result.message_ids == expected


def test_x_takes_the_participant_in_the_path_and_nothing_but_the_text() -> None:
    outbound = OutboundSend("c", "x", "1", "200", text="hi")
    result, heard = exchange(x, outbound, status="201 Created", body=X_OK)
    line, headers, body = wire(heard)
    assert line == "POST /2/dm_conversations/with/200/messages HTTP/1.1"
    assert headers["authorization"] == "Bearer tok"
    assert body == {"text": "hi"}
    assert result == Sent(("77",), "200", external_conversation_id="1-200")


@pytest.mark.parametrize("recipient_id", ["../../users/me", "2 00", "", "1" * 20, "12?x=1"])
def test_x_s_path_can_t_be_steered_by_a_recipient(recipient_id: str) -> None:
    result, heard = exchange(x, OutboundSend("c", "x", "1", recipient_id, text="hi"), body=X_OK)
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.BAD_REQUEST
    assert heard.requests == []


@pytest.mark.parametrize("account_id", ["../me", "me/messages?x=", "", "a b"])
def test_meta_s_path_can_t_be_steered_by_an_account(account_id: str) -> None:
    outbound = OutboundSend("c", "facebook", account_id, "200", text="hi")
    result, heard = exchange(meta, outbound, body=META_OK)
    assert isinstance(result, SendError)
    assert heard.requests == []


@pytest.mark.parametrize("make", [meta, ayrshare, x])
def test_nothing_is_written_at_or_after_the_end_of_the_command_or_the_window(make: Make) -> None:
    """Invariant 7: checked where the message is written, not only where the attempt began."""
    platform: Platform = "x" if make is x else "facebook"
    outbound = OutboundSend("c", platform, "1", "200", text="hi", not_after=datetime.now(UTC))
    result, heard = exchange(make, outbound, body=META_OK)
    assert isinstance(result, SendError)
    assert heard.requests == []
    ends = datetime.now(UTC)
    step = next_step(result, 1, ends, ends + timedelta(hours=1), ends)
    assert isinstance(step, Fail)
    assert step.reason == "window_closed"


def test_the_end_between_two_messages_of_a_command_stops_the_second() -> None:
    """Invariant 7."""
    end = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    clock = iter([end - timedelta(milliseconds=1), end])

    def timed(client: Client, base: str) -> Connector:
        return Meta(client, graph_url=base, instagram_url=base, now=lambda: next(clock))

    outbound = OutboundSend(
        "c",
        "facebook",
        "1",
        "200",
        text="hi",
        media_urls=("https://c.example/a.png",),
        not_after=end,
    )
    result, heard = exchange(timed, outbound, body=META_OK)
    assert isinstance(result, SendError)
    assert result.delivered == ("m_1",)
    assert len(heard.requests) == 1


def test_a_text_that_is_no_unicode_is_sent_escaped_and_never_raises() -> None:
    result, heard = exchange(
        meta, OutboundSend("c", "facebook", "1", "2", text="\ud800"), body=META_OK
    )
    assert isinstance(result, Sent)
    assert rb'"\ud800"' in heard.requests[0]


def test_a_success_tells_when_the_account_s_rate_is_used_up() -> None:
    outbound = OutboundSend("c", "x", "1", "200", text="hi")
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "1800000000"}
    result, _ = exchange(x, outbound, status="201 Created", body=X_OK, headers=headers)
    assert isinstance(result, Sent)
    assert result.pause_until == datetime.fromtimestamp(1_800_000_000, UTC)
    left = headers | {"x-rate-limit-remaining": "3"}
    result, _ = exchange(x, outbound, status="201 Created", body=X_OK, headers=left)
    assert isinstance(result, Sent)
    assert result.pause_until is None

    outbound = OutboundSend("c", "facebook", "1", "200", text="hi")
    headers = {"x-ratelimit-max": "300", "x-ratelimit-count": "300"}
    result, _ = exchange(ayrshare, outbound, body=AYRSHARE_OK, headers=headers)
    assert isinstance(result, Sent)
    assert result.pause_seconds == 300.0

    headers = {"x-business-use-case-usage": '{"1":[{"estimated_time_to_regain_access":2}]}'}
    result, _ = exchange(meta, outbound, body=META_OK, headers=headers)
    assert isinstance(result, Sent)
    assert result.pause_seconds == 120.0


def test_the_defaults_are_the_platforms_own_addresses_and_all_are_https() -> None:
    async def run() -> set[str]:
        async with make_client(verify=TRUST) as client:
            return set(make_connectors(Settings(_env_file=None), client))

    assert asyncio.run(run()) == {"ayrshare", "meta", "x"}


def test_a_setting_that_would_send_tokens_in_the_clear_is_refused_at_the_start() -> None:
    async def run() -> None:
        async with make_client(verify=TRUST) as client:
            make_connectors(Settings(_env_file=None, x_url="http://api.x.com"), client)

    with pytest.raises(ValueError, match="DM_X_URL"):
        asyncio.run(run())
