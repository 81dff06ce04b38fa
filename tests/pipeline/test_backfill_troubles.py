"""Providers that refuse, credentials that are dead, workers that are killed, and the command."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from schemas import events
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.linking import (
    DAY,
    INSTAGRAM,
    MESSENGER,
    Linkable,
    Way,
    X,
    every_way,
    linkable,
    linking,
)
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Talk

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    with linking(broker, embedded_clickhouse, tmp_path_factory.mktemp("troubles")) as found:
        yield found


def with_history(talk: Talk, way: Way, people: int) -> tuple[Linkable, list[str]]:
    """One message of each person."""
    found, persons = linkable(talk, way), [digits() for _ in range(people)]
    for number, person in enumerate(persons):
        found.writes(person, seconds_ago=DAY + 60 * number)
    return found, persons


def fetched(found: Linkable) -> set[str]:
    """Who wrote the messages that history brought so far."""
    return {
        e.data.correspondent_id for e in found.told(events.MessageReceived) if e.data.backfilled
    }


@every_way
def test_a_429_is_waited_out_as_long_as_the_platform_says(talk: Talk, way: Way) -> None:
    found, persons = with_history(talk, way, 2)
    found.fault("rate_limited", wait=3, next=1)
    found.activate_and_link()
    assert found.backfilled().data.messages == 2
    assert fetched(found) == set(persons)
    reads = found.reads()
    assert reads[0]["fault"] == "rate_limited"
    assert reads[1]["at_ms"] - reads[0]["at_ms"] >= 2_900


@every_way
def test_a_dead_token_stops_its_own_account_and_no_other(talk: Talk, way: Way) -> None:
    dead, _ = with_history(talk, way, 2)
    alive, persons = with_history(talk, way, 2)
    dead.fault("expired_token")
    dead.activate_and_link()
    alive.activate_and_link()
    assert alive.backfilled().data.messages == 2
    assert fetched(alive) == set(persons)
    talk.running.wait(lambda: dead.told(events.AccountUnlinked) != [], 20, "unlinking")
    assert dead.told(events.HistoryBackfilled) == []
    (failure,) = dead.failures()
    assert (failure["stage"], failure["reason"]) == ("backfill", "token_invalid")
    assert alive.failures() == []


def test_troubles_that_pass_end_nothing(talk: Talk) -> None:
    found, persons = with_history(talk, X, 5)
    for kind in ("server_error_before", "reset_before", "not_json"):
        found.fault(kind, next=1)
    found.activate_and_link()
    found.backfilled(seconds=60)
    assert fetched(found) == set(persons)
    assert found.failures() == []


def test_another_account_s_history_is_never_written_down(talk: Talk) -> None:
    """The credential is another profile's."""
    theirs, _ = with_history(talk, Way("ayrshare", "facebook"), 3)
    found = linkable(talk, Way("ayrshare", "facebook"))
    replace(found, credential=theirs.credential).activate_and_link()
    talk.running.wait(lambda: found.failures() != [], 30, "failure")
    (failure,) = found.failures()
    assert (failure["stage"], failure["reason"]) == ("backfill", "wrong_account")
    assert found.told(events.MessageReceived) == []


def test_a_missing_credential_is_a_failure_where_one_was_named(talk: Talk) -> None:
    found = replace(linkable(talk, MESSENGER), credential="nobody-set-this")
    found.activate_and_link()
    talk.running.wait(lambda: found.failures() != [], 30, "failure")
    (failure,) = found.failures()
    assert failure["reason"] == "credential_missing"
    assert "DM_CREDENTIAL_NOBODY_SET_THIS" in failure["message"]
    assert found.told(events.AccountUnlinked) == []


def test_killed_on_the_way_it_goes_on_from_the_last_page_and_nothing_is_doubled(
    talk: Talk,
) -> None:
    """X in pages of 100: after three of five the platform says wait, and the worker dies."""
    found, person = linkable(talk, X), digits()
    for number in range(430):
        found.writes(person, seconds_ago=DAY - number)
    found.fault("rate_limited", wait=50, skip=3, next=1)
    found.activate_and_link()
    talk.running.wait(
        lambda: (
            any(read["fault"] for read in found.reads())
            and len(found.told(events.MessageReceived)) == 300
        ),
        30,
        "three pages",
    )
    talk.running.kill("delivery")
    talk.running.start("delivery")
    assert found.backfilled(seconds=40).data.messages == 430
    assert len(found.reads()) == 6  # five pages, and the refused call
    rows = found.messages(person)
    assert len(rows) == len({row["message_id"] for row in rows}) == 430
    assert len(found.told(events.HistoryBackfilled)) == 1


@pytest.mark.parametrize("way", [MESSENGER, INSTAGRAM], ids=["messenger", "instagram"])
def test_killed_again_and_again_while_people_write_nothing_is_lost_or_doubled(
    talk: Talk, way: Way
) -> None:
    found, persons = with_history(talk, way, 16)
    found.activate_and_link()
    for done in (2, 7):
        talk.running.wait(lambda done=done: len(fetched(found)) >= done, 40, f"{done} of 16")
        talk.running.kill("delivery")
        found.writes(persons[-done], quiet=False)
        talk.running.start("delivery")
    found.backfilled(seconds=60)
    assert fetched(found) == set(persons)
    for number, person in enumerate(persons):
        rows = found.messages(person)
        assert len(rows) == (2 if number in {14, 9} else 1), number
    assert len(found.told(events.HistoryBackfilled)) == 1


def dmstream(talk: Talk, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, **talk.running.environment()},
    )


def test_the_command_fetches_all_of_a_profile_or_one_account_and_tells_the_count(
    talk: Talk,
) -> None:
    found, persons = with_history(talk, X, 3)
    found.activate_and_link()
    assert found.backfilled().data.messages == 3
    found.writes(persons[0], seconds_ago=60)
    told = dmstream(talk, "backfill", found.account.id, "--command-id", f"mine-{found.account.id}")
    assert told.returncode == 0, told.stderr
    (line,) = map(json.loads, told.stdout.splitlines())
    assert line == {
        "provider": "x", "platform": "x", "account_id": found.account.id,
        "event": "history.backfilled", "messages": 4, "conversations": 3, "skipped": 0,
    }  # fmt: skip
    reads = len(found.reads())
    again = dmstream(
        talk, "backfill", found.account.id, found.account.id,
        "--command-id", f"mine-{found.account.id}",
    )  # fmt: skip
    assert json.loads(again.stdout) == line
    assert len(found.reads()) == reads
    nobody = dmstream(talk, "backfill", found.account.id, "404")
    assert nobody.returncode == 1
    assert "has not linked 404" in nobody.stderr


def test_the_command_says_why_it_failed_and_a_replay_takes_it_up(talk: Talk) -> None:
    found, persons = with_history(talk, MESSENGER, 2)
    found.activate_and_link()
    found.backfilled()
    found.fault("restricted", next=1)
    told = dmstream(talk, "backfill", found.account.id)
    assert told.returncode == 1
    assert json.loads(told.stdout)["failed"] == "account_restricted"
    (failure,) = found.failures()
    replayed = dmstream(talk, "replay", failure["failure_id"])
    assert replayed.returncode == 0, replayed.stderr
    found.backfilled(count=2)
    assert fetched(found) == set(persons)


def test_one_who_is_not_linked_is_refused_with_what_to_do(talk: Talk) -> None:
    found, _ = with_history(talk, X, 1)
    talk.command(
        "BackfillHistory", found.account, provider="x", platform="x", account_id=found.account.id
    )
    talk.change("ActivateMessaging", found.account, "messaging.activated")
    talk.command(
        "BackfillHistory", found.account, provider="x", platform="x", account_id=found.account.id
    )
    time.sleep(0.5)
    assert found.told(events.MessageReceived) == []
    assert found.reads() == []
