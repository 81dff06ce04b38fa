"""Connectors and policy together, under every fault at once: nothing is ever sent twice.

The delivery worker adds Kafka to this; the thinking is all here.
"""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.base import Provider
from streams.providers.client import make_client
from streams.providers.credentials import Credential
from streams.providers.protocol import Connector, OutboundSend, SendError, Sent
from streams.providers.registry import make_connectors
from streams.providers.retry import (
    Delay,
    Fail,
    Retry,
    Step,
    StopAccount,
    Unknown,
    next_step,
)
from tests.pipeline.sandbox import Sandbox, digits, sandbox

pytestmark = pytest.mark.pipeline

SENDS = 600
FAULTS = (
    "rate_limited", "busy", "server_error_before", "server_error_after", "hang_after",
    "reset_before", "reset_after", "error_in_200", "thread_control", "blocked", "expired_token",
    "window_closed", "restricted", "redirect", "oversized", "not_json", "truncated",
    "error_yet_kept",
)  # fmt: skip
IMAGE = "https://cdn.example/a.png"
Decide = Callable[[SendError, int, datetime], Step]


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--seed", "7") as found:
        for kind in FAULTS:
            found.post("faults", kind=kind, probability=0.04)
        yield found


def by_policy(error: SendError, attempt: int, at: datetime) -> Step:
    return next_step(error, attempt, at, at + timedelta(days=1), None)


def recklessly(error: SendError, attempt: int, _: datetime) -> Step:
    """What many senders do: try again after anything that looks like trouble."""
    return Retry(0) if error.is_platform_trouble and attempt < 4 else Fail("failed", "x")


async def deliver(
    connector: Connector, outbound: OutboundSend, decide: Decide
) -> Sent | Fail | Unknown | StopAccount:
    """All attempts of one command; waits are skipped, since only their order matters here."""
    attempt = 0
    while True:
        attempt += 1
        result = await connector.send(outbound, Credential.model_validate({"token": "t"}))
        if isinstance(result, Sent):
            return result
        step = decide(result, attempt, datetime.now(UTC))
        if not isinstance(step, Retry | Delay):
            return step
        outbound = replace(outbound, delivered=result.delivered)


def sends() -> list[tuple[Provider, OutboundSend]]:
    chosen = random.Random(11)
    made: list[tuple[Provider, OutboundSend]] = []
    for number in range(SENDS):
        provider, platform = chosen.choice(
            [("meta", "facebook"), ("meta", "instagram"), ("ayrshare", "instagram"), ("x", "x")]
        )
        media = (IMAGE,) if platform != "x" and chosen.random() < 0.3 else ()
        outbound = OutboundSend(
            f"c-{number}", platform, "900", digits(), text=f"text {number}", media_urls=media
        )
        made.append((provider, outbound))
    return made


def run(box: Sandbox, decide: Decide) -> dict[str, object]:
    async def all_of_them() -> dict[str, object]:
        limit = asyncio.Semaphore(16)
        verify = ssl.create_default_context()
        async with make_client(verify=verify, read_seconds=0.6) as client:
            connectors = make_connectors(box.settings(), client)

            async def one(provider: Provider, outbound: OutboundSend) -> tuple[str, object]:
                async with limit:
                    outcome = await deliver(connectors[provider], outbound, decide)
                    return outbound.command_id, outcome

            return dict(await asyncio.gather(*(one(*each) for each in sends())))

    return asyncio.run(all_of_them())


def test_under_every_fault_each_command_ends_once_and_nothing_is_sent_twice(box: Sandbox) -> None:
    """Invariants 6 and 8."""
    outcomes = run(box, by_policy)
    assert len(outcomes) == SENDS
    stats = box.get("stats")
    assert stats["sent_again"] == []
    assert stats["kept_more_than_once"] == {}
    kept = {m["message_id"] for m in box.get("messages")}
    sent = [outcome for outcome in outcomes.values() if isinstance(outcome, Sent)]
    for outcome in sent:
        assert kept.issuperset(outcome.message_ids)
    # The run means nothing unless every kind of end was met.
    kinds = Counter(type(outcome).__name__ for outcome in outcomes.values())
    assert set(kinds) == {"Sent", "Fail", "Unknown", "StopAccount"}
    assert {a["fault"] for a in box.get("attempts")} == {None, *FAULTS}


def test_a_reckless_sender_is_caught(box: Sandbox) -> None:
    """So that the test above can fail: the sandbox sees what a careless policy does."""
    run(box, recklessly)
    stats = box.get("stats")
    assert stats["sent_again"]
    assert stats["kept_more_than_once"]
