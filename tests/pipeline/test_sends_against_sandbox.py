"""The connectors over real HTTP against the sandbox: each way of sending, each kind of message."""

import asyncio
import json
import logging

import pytest
import structlog

from streams.providers.client import make_client
from streams.providers.credentials import Credentials
from streams.providers.protocol import ErrorClass, OutboundSend, SendError, Sent
from streams.providers.registry import make_connectors, send
from tests.pipeline.provider_ways import (
    TEXT,
    TRUST,
    WAYS,
    Way,
    attempt,
    every_way,
    history,
    link,
    verify,
)
from tests.pipeline.sandbox import Sandbox, digits
from tests.unit.providers.loopback import answering, server

pytestmark = pytest.mark.pipeline


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


@every_way
def test_a_credential_can_be_verified(box: Sandbox, way: Way) -> None:
    linked = link(box, way)
    health = verify(box, linked)
    assert health.ok
    assert health.account_id is not None
    if way.provider != "ayrshare":
        assert health.account_id == linked.account_id
