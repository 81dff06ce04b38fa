"""`dmstream erase` over the whole route: command, event, state, archive, report."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from schemas import events
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.talking import Talk, own_settings, talking

pytestmark = pytest.mark.pipeline

TEXT = "I live in Rose Street 7"


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("erase")
    settings = own_settings(broker, folder, embedded_clickhouse)
    with talking(settings, folder, "conversations", "delivery", "history") as found:
        yield found


def erase(talk: Talk, *arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "erase", *arguments],
        env=talk.running.environment() | {"PATH": ""},
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


def texts(talk: Talk, person: str) -> list[str]:
    client = talk.running.archive()
    rows = client.query(
        f"SELECT text FROM {talk.running.settings.clickhouse_database}_analytics.messages"
        " WHERE correspondent_id = {person:String}",
        parameters={"person": person},
    ).result_rows
    client.close()
    return [str(text) for (text,) in rows]


def test_a_correspondent_is_erased_after_a_question_and_others_are_not(talk: Talk) -> None:
    account = talk.account("facebook")
    person, other = (talk.somebody_writes(account, text=TEXT) for _ in range(2))
    talk.running.settled()
    named = (account.id, account.conversation(person))

    refused = erase(talk, *named, said="n\n")
    assert refused.returncode == 1
    assert "1 messages from" in refused.stdout
    assert texts(talk, person) == [TEXT]

    done = erase(talk, *named, said="y\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 messages are still counted, 0 rows of the archive hold content" in done.stdout
    assert f"{talk.running.settings.topic('dm.events.v1')} " in done.stdout
    assert "without end" in done.stdout
    assert texts(talk, person) == [""]
    assert texts(talk, other) == [TEXT]
    assert TEXT not in done.stdout


def test_who_never_wrote_is_not_erased(talk: Talk) -> None:
    account = talk.account("facebook")
    talk.somebody_writes(account)
    done = erase(talk, account.id, account.conversation("123"), "--yes")
    assert done.returncode == 1
    assert "has no message" in done.stdout
    assert "nothing was ever heard of it" in done.stderr


def test_sends_that_were_accepted_before_end_without_leaving_a_text_behind(talk: Talk) -> None:
    """One waits on the delayed topic; the request of the other is under way."""
    account = talk.account("facebook")
    waiting, under_way = talk.somebody_writes(account), talk.somebody_writes(account)
    answer = "Your keys are in Apple Lane 9"
    talk.box.post("faults", kind="busy", recipient=waiting)
    delayed = talk.send(account, waiting, text=answer)
    talk.running.wait(lambda: len(talk.box.attempts(waiting)) == 3, 20, "three quick attempts")
    talk.box.post("faults", kind="hang_before", recipient=under_way)
    hanging = talk.send(account, under_way, text=answer)
    talk.running.wait(lambda: len(talk.box.attempts(under_way)) == 1, 20, "the attempt")
    for person in (waiting, under_way):
        done = erase(talk, account.id, account.conversation(person), "--yes")
        assert (done.returncode, done.stderr) == (0, "")

    assert talk.reason(delayed, "send.failed") == "erased"
    unknown = talk.outcome(hanging)
    assert isinstance(unknown, events.SendUnknown)
    assert unknown.data.text is None
    talk.running.settled()
    assert len(talk.box.attempts(waiting)) == 3
    assert set(texts(talk, waiting) + texts(talk, under_way)) <= {""}
    client = talk.running.archive()
    database = talk.running.settings.clickhouse_database
    for table, column in (("events", "text"), ("events", "details"), ("event_log", "payload")):
        left = client.command(
            f"SELECT countIf({column} LIKE '%Apple Lane%') FROM {database}.{table}"
        )
        assert left == 0, (table, column)
    client.close()
