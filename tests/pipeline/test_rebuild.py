"""State made anew from the log and from the archive, against the live one (invariant 4)."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from schemas.data import AutoResponseConfigured
from streams import kafka, rebuilding
from streams.agents.outbox import Outbox
from streams.log_positions import STATE_CHANGELOG
from streams.rebuilding import Fold, Rebuilt, compare
from streams.simulator.client import Sending, send
from streams.simulator.sign import Secrets
from streams.simulator.simulation import Parameters, simulate
from streams.state_differences import differences
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline import sandbox as boxes
from tests.pipeline.talking import Account, Talk, own_settings, talking

pytestmark = pytest.mark.pipeline

UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)
WEBHOOKS = 1200


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    """A pipeline that has seen a simulated day, sends of every fate, and an erasure."""
    folder = tmp_path_factory.mktemp("rebuild")
    settings = own_settings(broker, folder, embedded_clickhouse)
    with talking(
        settings, folder, "conversations", "delivery", "history", x_send_limits=""
    ) as found:
        a_day(found)
        for platform in ("facebook", "instagram", "x"):
            sends_of_every_fate(found, found.account(platform))  # type: ignore[arg-type]
        found.running.settled()
        yield found


def a_day(talk: Talk) -> None:
    simulation = simulate(Parameters(seed=31, until=UNTIL, webhooks=WEBHOOKS))
    sending = Sending(
        url=f"http://127.0.0.1:{talk.running.settings.port}",
        secrets=Secrets(
            {
                "ayrshare": SecretStr(boxes.SECRETS["DM_AYRSHARE_SECRETS"]),
                "meta": SecretStr(boxes.SECRETS["DM_META_APP_SECRETS"]),
                "x": SecretStr(boxes.SECRETS["DM_X_CONSUMER_SECRETS"]),
            }
        ),
    )
    tally = asyncio.run(send(simulation.deliveries(), len(simulation), sending))
    assert not tally.unexpected


def sends_of_every_fate(talk: Talk, account: Account) -> None:
    people = [talk.somebody_writes(account) for _ in range(7)]
    change = AutoResponseConfigured(active=True, message="We are on it.")
    talk.change("ConfigureAutoResponse", account, "autoresponse.configured", change=change)
    sent, blocked, unknown, cut, again, forgotten, answered = people
    talk.box.post("faults", kind="blocked", recipient=blocked, next=1)
    talk.box.post("faults", kind="reset_after", recipient=unknown, next=1)
    talk.box.post("faults", kind="reset_before", recipient=cut, next=1)
    commands = [talk.send(account, person) for person in (sent, blocked, unknown, cut)]
    commands += [talk.send(account, again, command_id=f"twice-{account.id}") for _ in range(2)]
    commands += [talk.send(account, "404"), talk.send(account, sent, text="a" * 20_000)]
    commands += [talk.send(account, forgotten, text=f"your order {n}") for n in range(6)]
    for command_id in commands:
        talk.outcome(command_id)
    talk.somebody_writes(account, answered)  # and is answered by itself
    talk.running.wait(lambda: len(talk.texts_kept(answered)) == 1, 20, "auto-response")
    talk.change(
        "ArchiveConversation",
        account,
        "conversation.archived",
        conversation_id=account.conversation(sent),
    )
    talk.change(
        "EraseCorrespondent",
        account,
        "correspondent.erased",
        conversation_id=account.conversation(forgotten),
    )
    talk.somebody_writes(account, forgotten)


def compared(talk: Talk, *, archive: bool) -> Rebuilt:
    return asyncio.run(compare(talk.running.settings, archive=archive, progress=lambda *_: None))


def test_the_day_has_sends_of_every_fate_and_events_that_are_told_twice(talk: Talk) -> None:
    """What the next tests compare would be little without them."""
    kinds = Counter(event.type for event in talk.log.seen)
    for name in ("accepted", "rejected", "attempted", "failed", "unknown"):
        assert kinds[f"dm.send.{name}.v1"] >= 3
    copies = Counter((e.id, getattr(e.data, "command_id", None) is None) for e in talk.log.seen)
    both = [its_id for its_id, bare in copies if bare and (its_id, False) in copies]
    assert len(both) >= 3, "an echo without the command beside the answer that names it"
    assert kinds["dm.correspondent.erased.v1"] == 3


@pytest.mark.parametrize("archive", [False, True], ids=["log", "archive"])
def test_state_rebuilt_after_a_day_with_sends_is_the_live_one_field_by_field(
    talk: Talk, archive: bool
) -> None:
    """Invariant 4."""
    rebuilt = compared(talk, archive=archive)
    assert list(differences(rebuilt.live, rebuilt.fold.states)) == []
    assert rebuilt.live == rebuilt.fold.states
    kinds = Counter(key[:1] for key in rebuilt.live)
    assert kinds.keys() == {b"p", b"c", b"o", b"x"}
    assert kinds[b"c"] > 50
    if archive:
        assert rebuilt.from_archive > WEBHOOKS


def test_the_archive_alone_gives_the_state_without_the_logs_help(talk: Talk) -> None:
    """Everything was archived, so that nothing was left to take from the log's tail."""
    rebuilt = compared(talk, archive=True)
    assert rebuilt.fold.events == rebuilt.from_archive


def test_a_difference_is_told_by_profile_conversation_and_field(talk: Talk) -> None:
    rebuilt = compared(talk, archive=False)
    key = next(key for key in sorted(rebuilt.live) if key.startswith(b"c"))
    changed = json.loads(rebuilt.live[key][1:])
    changed["s"] = None if "s" in changed else 1
    told = {name: value for name, value in changed.items() if value is not None}
    other = rebuilt.live | {key: b"1" + json.dumps(told).encode()}
    (found,) = differences(other, rebuilt.live)
    assert (found.kind, found.field) == ("conversation", "started")
    assert found.live is not found.rebuilt
    del other[key]
    assert {one.live for one in differences(other, rebuilt.live)} == {"(absent)"}


def rebuild(talk: Talk, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "rebuild", *arguments],
        env=talk.running.environment() | {"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_spoilt_state_is_found_by_the_command_and_written_anew(talk: Talk) -> None:
    """Last: it stops the worker."""
    good = rebuild(talk, "--from", "archive")
    assert (good.returncode, good.stderr) == (0, "")
    assert "They are equal, field by field." in good.stdout

    live = compared(talk, archive=False).live
    conversations = sorted(key for key in live if key.startswith(b"c"))
    child = talk.running.children.pop("conversations")
    child.terminate()
    assert child.wait(15) == 0
    spoil(talk, conversations[0], b'1{"p":"meta"}')
    spoil(talk, conversations[1], None)
    spoil(talk, b"cnobody\x1ffacebook:1:2", b"1{}")

    found = rebuild(talk, "--from", "log", "--show", "1000")
    assert found.returncode == 1
    assert "3 states differ." in found.stdout
    for key in conversations[:2]:
        assert key.decode().partition("\x1f")[2] in found.stdout

    written = rebuild(talk, "--from", "archive", "--write", "--yes")
    assert written.returncode == 0, written.stderr
    assert "3 states were written" in written.stdout
    talk.running.start("conversations")
    talk.somebody_writes(talk.account("facebook"))  # it works with what it has recovered
    talk.running.settled()
    rebuilt = compared(talk, archive=True)
    assert rebuilt.live == rebuilt.fold.states


def spoil(talk: Talk, key: bytes, value: bytes | None) -> None:
    async def put() -> None:
        settings = talk.running.settings
        producer = kafka.producer(settings)
        await producer.start()
        outbox = Outbox(producer, partitions=settings.partitions)
        profile = key[1:].partition(b"\x1f")[0]
        number = rebuilding.partition_of(profile, settings.partitions)
        outbox.add(settings.topic(STATE_CHANGELOG), key, value, partition=number)
        await outbox.flush()
        await producer.stop()

    asyncio.run(put())


def test_what_is_no_event_is_passed_over() -> None:
    fold = Fold()
    fold.add([b"", b"{}", b"\xff"])
    assert (fold.events, fold.states) == (0, {})
