"""The connectors over real HTTP against the sandbox: every contract, every fault."""

import asyncio
import json
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from schemas.base import Platform, Provider
from schemas.ids import event_id
from streams.providers.client import make_client
from streams.providers.credentials import Credential, Credentials
from streams.providers.history import to_event
from streams.providers.protocol import (
    AccountHealth,
    ErrorClass,
    HistoryMessage,
    HistoryStopped,
    LinkedAccount,
    OutboundSend,
    SendError,
    Sent,
)
from streams.providers.registry import make_connectors, send
from tests.pipeline.sandbox import Sandbox, digits, sandbox
from tests.unit.providers.loopback import answering, server

pytestmark = pytest.mark.pipeline

TOKEN = "EAAG-token-of-the-test"
TEXT = "a text that nobody may log"
TRUST = ssl.create_default_context()  # made once: reading the authorities takes 30 ms


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.fixture
def box(stand_in: Sandbox) -> Sandbox:
    stand_in.clear_faults()
    return stand_in


@dataclass(frozen=True)
class Way:
    """One way a message goes out."""

    provider: Provider
    platform: Platform
    login: str = "page"

    @property
    def name(self) -> str:
        return f"{self.provider}-{self.platform}-{self.login}"


WAYS = [
    Way("ayrshare", "facebook"),
    Way("ayrshare", "instagram"),
    Way("ayrshare", "x"),
    Way("meta", "facebook"),
    Way("meta", "instagram"),
    Way("meta", "instagram", "instagram"),
    Way("x", "x"),
]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


@dataclass(frozen=True)
class Linked:
    """An account that the sandbox knows, and the credential that names it."""

    way: Way
    account_id: str
    token: str
    profile_key: str

    @property
    def credential(self) -> Credential:
        return Credential.model_validate(
            {"token": self.token, "profile_key": self.profile_key, "login": self.way.login}
        )

    def send(self, recipient_id: str, **more: Any) -> OutboundSend:
        more = {"text": TEXT} | more
        return OutboundSend(
            f"c-{digits()}", self.way.platform, self.account_id, recipient_id, **more
        )


def link(box: Sandbox, way: Way) -> Linked:
    linked = Linked(way, digits(), f"{TOKEN}-{digits()}", f"profile-{digits()}")
    box.post(
        "accounts",
        provider=way.provider,
        platform=way.platform,
        account_id=linked.account_id,
        token=linked.token,
        profile_key=linked.profile_key,
        reference=f"ref-{linked.account_id}",
    )
    return linked


def attempt(
    box: Sandbox, linked: Linked, outbound: OutboundSend, *, read_seconds: float = 10.0
) -> Sent | SendError:
    async def run() -> Sent | SendError:
        async with make_client(verify=TRUST, read_seconds=read_seconds) as client:
            connector = make_connectors(box.settings(), client)[linked.way.provider]
            return await connector.send(outbound, linked.credential)

    return asyncio.run(run())


@every_way
def test_a_text_arrives_once_and_its_id_comes_back(box: Sandbox, way: Way) -> None:
    linked, person = link(box, way), digits()
    outbound = linked.send(person, human_agent=way.provider == "meta")
    result = attempt(box, linked, outbound)
    assert isinstance(result, Sent)
    (kept,) = box.kept(person)
    assert kept["text"] == TEXT
    assert kept["account"]["account_id"] == linked.account_id
    assert result.message_ids == (kept["message_id"],)
    assert result.message_id == kept["message_id"]
    assert result.recipient_id == person
    marked = way.provider == "meta" and way.platform == "facebook"
    assert kept["metadata"] == (f"dm:{outbound.command_id}" if marked else None)


EXPECTED = {
    "rate_limited": "rate_limited",
    "busy": "transient",
    "server_error_before": "maybe_delivered",
    "server_error_after": "maybe_delivered",
    "hang_before": "maybe_delivered",
    "hang_after": "maybe_delivered",
    "reset_before": "maybe_delivered",
    "reset_after": "maybe_delivered",
    "error_in_200": "bad_request",
    "thread_control": "thread_control",
    "blocked": "recipient_unavailable",
    "expired_token": "token_invalid",
    "window_closed": "window_closed",
    "restricted": "account_restricted",
    "redirect": "bad_request",
    "oversized": "maybe_delivered",
    "not_json": "maybe_delivered",
    "truncated": "maybe_delivered",
    "error_yet_kept": "maybe_delivered",
}
X_KNOWS_NOT = ("thread_control", "window_closed")


@every_way
@pytest.mark.parametrize("kind", EXPECTED)
def test_every_fault_gets_its_class_and_is_written_once(box: Sandbox, way: Way, kind: str) -> None:
    """Invariant 8: whatever may be kept is `maybe_delivered`; only what is certainly not kept
    is ever tried again."""
    linked, person = link(box, way), digits()
    box.post("faults", kind=kind, account=linked.account_id)
    patience = 0.3 if kind.startswith("hang") else 10.0
    result = attempt(box, linked, linked.send(person), read_seconds=patience)
    assert isinstance(result, SendError)
    on_x = way.provider == "x" and kind in X_KNOWS_NOT
    assert result.error_class == ("bad_request" if on_x else EXPECTED[kind])
    (seen,) = box.attempts(person)
    assert seen["fault"] == kind
    if result.error_class in (ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED):
        assert seen["settled"]
    if seen["kept"]:
        assert result.error_class is ErrorClass.MAYBE_DELIVERED
    assert (result.http_status is None) == kind.startswith(("hang", "reset"))


@every_way
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(box: Sandbox, way: Way, status: int) -> None:
    linked, person = link(box, way), digits()
    box.post("faults", kind="redirect", account=linked.account_id, status=status)
    result = attempt(box, linked, linked.send(person))
    assert isinstance(result, SendError)
    assert result.http_status == status
    assert box.get("stats")["redirects_followed"] == 0


@every_way
@pytest.mark.parametrize("wait", [3.0, 300.0])
def test_the_wait_of_a_rate_limit_is_read_where_the_platform_writes_it(
    box: Sandbox, way: Way, wait: float
) -> None:
    linked = link(box, way)
    box.post("faults", kind="rate_limited", account=linked.account_id, wait=wait)
    result = attempt(box, linked, linked.send(digits()))
    assert isinstance(result, SendError)
    if way.provider == "x":
        assert result.retry_at is not None
        left = result.retry_at - datetime.now(UTC)
        assert timedelta(seconds=wait - 3) < left <= timedelta(seconds=wait + 1)
    else:
        assert result.retry_after_seconds == wait


IMAGE = "https://cdn.example/a.png"


def test_text_and_media_are_one_call_of_ayrshare(box: Sandbox) -> None:
    linked, person = link(box, Way("ayrshare", "facebook")), digits()
    result = attempt(box, linked, linked.send(person, media_urls=(IMAGE,)))
    assert isinstance(result, Sent)
    (kept,) = box.kept(person)
    assert (kept["text"], kept["attachments"][0]["url"]) == (TEXT, IMAGE)


@pytest.mark.parametrize("way", [WAYS[3], WAYS[5]], ids=lambda way: way.name)
def test_text_and_media_are_several_messages_of_meta_in_order(box: Sandbox, way: Way) -> None:
    linked, person = link(box, way), digits()
    result = attempt(box, linked, linked.send(person, media_urls=(IMAGE,)))
    assert isinstance(result, Sent)
    kept = box.kept(person)
    assert [m["text"] for m in kept] == [None, TEXT]
    assert result.message_ids == tuple(m["message_id"] for m in kept)


def test_after_an_error_in_the_middle_the_next_attempt_goes_on_where_it_stopped(
    box: Sandbox,
) -> None:
    """Invariant 8, for a command that is several messages."""
    linked, person = link(box, Way("meta", "facebook")), digits()
    box.post("faults", kind="busy", account=linked.account_id, skip=1, next=1)
    outbound = linked.send(person, media_urls=(IMAGE,))
    first = attempt(box, linked, outbound)
    assert isinstance(first, SendError)
    assert first.error_class is ErrorClass.TRANSIENT
    assert len(first.delivered) == 1
    assert "after 1 of 2 messages" in first.message
    again = OutboundSend(
        outbound.command_id,
        outbound.platform,
        outbound.account_id,
        person,
        text=TEXT,
        media_urls=(IMAGE,),
        delivered=first.delivered,
    )
    second = attempt(box, linked, again)
    assert isinstance(second, Sent)
    assert [m["text"] for m in box.kept(person)] == [None, TEXT]
    assert second.message_ids == tuple(m["message_id"] for m in box.kept(person))


def test_an_unknown_outcome_in_the_middle_names_what_was_delivered(box: Sandbox) -> None:
    linked, person = link(box, Way("meta", "facebook")), digits()
    box.post("faults", kind="reset_after", account=linked.account_id, skip=1)
    result = attempt(box, linked, linked.send(person, media_urls=(IMAGE,)))
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.MAYBE_DELIVERED
    assert result.delivered == (box.kept(person)[0]["message_id"],)


def test_an_error_about_one_of_ayrshare_s_several_messages_is_not_tried_again(
    box: Sandbox,
) -> None:
    """Invariant 8: the ones before it may have arrived."""
    linked, person = link(box, Way("ayrshare", "facebook")), digits()
    box.post("faults", kind="busy", account=linked.account_id)
    result = attempt(box, linked, linked.send(person, media_urls=(IMAGE,)))
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.MAYBE_DELIVERED


@pytest.mark.parametrize(
    ("media_type", "size"), [("image/png", 5), ("image/gif", 5), ("video/mp4", 5_000_000)]
)
def test_x_media_are_fetched_uploaded_and_named_by_id(
    box: Sandbox, media_type: str, size: int
) -> None:
    """Images in one call, the others in pieces and processed; the sandbox checks that all came."""
    linked, person = link(box, Way("x", "x")), digits()
    medium = answering(body=b"x" * size, headers={"content-type": media_type})

    async def no_wait(_: float) -> None:
        return

    async def run() -> Sent | SendError:
        async with server(medium) as heard, make_client(verify=TRUST) as client:
            connector = make_connectors(box.settings(), client, sleep=no_wait)["x"]
            url = f"http://{heard.address}/a"
            return await connector.send(linked.send(person, media_urls=(url,)), linked.credential)

    assert isinstance(asyncio.run(run()), Sent)
    (kept,) = box.kept(person)
    assert kept["text"] == TEXT
    assert kept["attachments"][0]["url"].startswith("x-media:")


@every_way
def test_a_send_that_can_t_be_is_refused_without_a_call(box: Sandbox, way: Way) -> None:
    linked, person = link(box, way), digits()
    result = attempt(box, linked, linked.send(person, text=None))
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.BAD_REQUEST
    assert box.attempts(person) == []


def test_a_missing_credential_stops_the_account_and_says_what_to_set(box: Sandbox) -> None:
    async def run() -> Sent | SendError:
        async with make_client(verify=TRUST) as client:
            connectors = make_connectors(box.settings(), client)
            outbound = OutboundSend("c", "facebook", "1", "2", text=TEXT)
            missing = Credentials({}, env_file=None)
            return await send(connectors, missing, "meta", "acme", outbound)

    result = asyncio.run(run())
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.TOKEN_INVALID
    assert result.message == "meta: no credential: set DM_CREDENTIAL_ACME"


@every_way
def test_neither_secret_nor_text_is_in_a_log_line_or_an_error(
    box: Sandbox, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11, with every logger of every library at its most talkative."""
    linked = link(box, way)
    shown = []
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as structured:
        for kind in (None, "error_in_200", "reset_after", "redirect", "not_json", "oversized"):
            box.clear_faults()
            if kind is not None:
                box.post("faults", kind=kind, account=linked.account_id)
            shown.append(repr(attempt(box, linked, linked.send(digits()))))
        shown.append(repr(linked.send("1")))
        box.clear_faults()
        shown.append(repr(verify(box, linked)))
        shown.append(repr([m.message_id for m in history(box, linked)]))
    everything = caplog.text + repr(caplog.records) + json.dumps(structured, default=str)
    everything += "".join(shown)
    assert "Using selector" in caplog.text  # the capture works: asyncio tells of each loop
    for hidden in (TEXT, linked.token, linked.profile_key):
        assert hidden not in everything


def verify(box: Sandbox, linked: Linked) -> AccountHealth:
    async def run() -> AccountHealth:
        async with make_client(verify=TRUST) as client:
            connector = make_connectors(box.settings(), client)[linked.way.provider]
            return await connector.verify(linked.credential)

    return asyncio.run(run())


@every_way
def test_a_credential_can_be_verified(box: Sandbox, way: Way) -> None:
    linked = link(box, way)
    health = verify(box, linked)
    assert health.ok
    assert health.account_id is not None
    if way.provider != "ayrshare":
        assert health.account_id == linked.account_id


def history(box: Sandbox, linked: Linked) -> list[HistoryMessage]:
    async def no_wait(_: float) -> None:
        return

    async def run() -> list[HistoryMessage]:
        async with make_client(verify=TRUST) as client:
            connector = make_connectors(box.settings(), client, sleep=no_wait)[linked.way.provider]
            account = LinkedAccount(linked.way.platform, linked.account_id)
            return [
                message
                async for page in connector.history(account, linked.credential)
                for message in page.messages
            ]

    return asyncio.run(run())


def write(box: Sandbox, linked: Linked, person: str, count: int, *, by: str = "") -> None:
    for number in range(count):
        box.post(
            "write",
            provider=linked.way.provider,
            platform=linked.way.platform,
            account_id=linked.account_id,
            correspondent_id=person,
            text=f"number {number}",
            by=by,
            quiet=True,
            seconds_ago=100_000 - 60 * number,
        )


@every_way
def test_history_brings_the_twenty_newest_of_each_conversation_with_their_live_ids(
    box: Sandbox, way: Way
) -> None:
    """Invariant 3: one message seen both ways is one event."""
    linked, first, second = link(box, way), digits(), digits()
    write(box, linked, first, 25)
    write(box, linked, second, 2, by="account")
    found = history(box, linked)
    of_first = [m for m in found if m.correspondent_id == first]
    of_second = [m for m in found if m.correspondent_id == second]
    assert len(of_first) == (25 if way.platform == "x" else 20)
    assert len(of_second) == 2
    assert {m.by for m in of_first} == {"correspondent"}
    assert {m.by for m in of_second} == {"account"}
    theirs = {m["message_id"]: m for m in box.get("messages") if m["correspondent_id"] == first}
    for message in of_first:
        kept = theirs[message.message_id]
        event = to_event(
            message,
            provider=way.provider,
            platform=way.platform,
            profileid="p",
            fetched_at=datetime.now(UTC),
        )
        live = event_id(way.provider, linked.account_id, "message", kept["message_id"])
        assert event.id == live
        assert event.type == "dm.message.received.v1"
        assert event.subject == f"{way.platform}:{linked.account_id}:{first}"
        assert event.data.backfilled
        assert event.data.text == kept["text"]
        assert event.data.external_conversation_id == kept["conversation_id"]
        # Graph tells whole seconds; X's ids and Ayrshare tell the milliseconds.
        exactly = round(event.time.timestamp() * 1000)
        assert exactly == kept["at_ms"] // 1000 * 1000 if way.provider == "meta" else kept["at_ms"]
    newest = {f"number {n}" for n in range(0 if way.platform == "x" else 5, 25)}
    assert {m.text for m in of_first} == newest


@pytest.mark.parametrize("way", [WAYS[2], WAYS[3], WAYS[6]], ids=lambda way: way.name)
def test_history_goes_through_all_pages_and_waits_out_troubles(box: Sandbox, way: Way) -> None:
    linked = link(box, way)
    people = [digits() for _ in range(120 if way.platform == "x" else 55)]
    for person in people:
        write(box, linked, person, 1)
    box.post("faults", kind="rate_limited", on="history", account=linked.account_id, next=1, wait=2)
    box.post("faults", kind="server_error_before", on="history", account=linked.account_id, next=2)
    assert {m.correspondent_id for m in history(box, linked)} == set(people)


@every_way
def test_history_stops_with_the_reason_when_the_token_is_dead(box: Sandbox, way: Way) -> None:
    linked = link(box, way)
    box.post("faults", kind="expired_token", on="history", account=linked.account_id)
    with pytest.raises(HistoryStopped) as stopped:
        history(box, linked)
    assert stopped.value.error.error_class is ErrorClass.TOKEN_INVALID
