"""A command whose id was used before, as the command line tells of it."""

import json
from datetime import timedelta

import pytest
from click.testing import Result
from typer.testing import CliRunner

from streams.cli import app
from tests.conftest import ClickHouse
from tests.pipeline.days import NOW, Day

pytestmark = pytest.mark.pipeline


@pytest.fixture(autouse=True)
def nothing_new_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an id that was decided already: only the archive is asked here."""
    monkeypatch.setattr("streams.cli.commands.carried_out", lambda *_: [])


def send(profile: str, **environment: str) -> Result:
    return CliRunner().invoke(
        app,
        ["send", profile, "instagram:page:ada", "--text", "Twice?", "--command-id", "s1"],
        env=environment,
    )


def test_what_became_of_an_id_that_was_used_is_told(embedded_clickhouse: ClickHouse) -> None:
    """Invariant 11: without the message."""
    database = embedded_clickhouse.migrated()
    day = Day()
    day.received("m", NOW - timedelta(hours=1))
    day.sent("r", NOW, command_id="s1", origin="api", text="Yes, in blue.")
    day.store(embedded_clickhouse.connect(), database)
    environment = {
        "DM_CLICKHOUSE_URL": embedded_clickhouse.url,
        "DM_CLICKHOUSE_DATABASE": database,
    }
    done = send(day.profile, **environment)
    assert done.exit_code == 1
    (told,) = map(json.loads, done.stdout.splitlines())
    assert (told["event"], told["message_id"]) == ("message.sent", "r")
    assert "blue" not in done.output
    assert "its id was used before" in done.stderr
    other = send("another-profile", **environment)
    assert (other.exit_code, other.stdout) == (1, "")
    assert "is the conversations worker running" in other.stderr


def test_an_archive_that_does_not_answer_is_told_too() -> None:
    done = send("shop", DM_CLICKHOUSE_URL="http://127.0.0.1:1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "is the conversations worker running" in done.stderr
    assert "the archive did not answer (OperationalError), which would know" in done.stderr
