"""`dmstream normalise`, run as a person runs it."""

from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.cli.normalise import normalise_command

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
TEXT = PAYLOADS / "meta" / "messenger_text.json"
BATCH = PAYLOADS / "meta" / "messenger_batch_of_two_pages.json"
TAKE = PAYLOADS / "meta" / "messenger_handover_on_a_channel_of_its_own.json"


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    app = typer.Typer()
    app.command("normalise")(normalise_command)
    app.command("other")(lambda: None)  # with two commands, the name is part of the line
    return CliRunner().invoke(app, ["normalise", *map(str, arguments)], input=stdin)


def test_one_canonical_event_a_line() -> None:
    result = run("--provider", "meta", TEXT, BATCH)
    lines = [orjson.loads(line) for line in result.stdout_bytes.splitlines()]
    assert result.exit_code == 0
    assert [line["type"] for line in lines] == [
        "dm.message.received.v1",
        "dm.message.received.v1",
        "dm.message.received.v1",
        "dm.message.received.v1",
        "dm.message.read.v1",
        "dm.message.received.v1",
    ]
    first = lines[0]
    assert first["subject"] == "facebook:204455667788990:6811223344556677"
    assert first["profileid"] == "204455667788990"
    assert first["data"]["text"] == "Avez-vous encore la veste bleue ? 🧥"


def test_a_failure_is_a_line_too_and_the_exit_code_is_1(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"hello")
    result = run("--provider", "meta", broken, TEXT)
    first, second = (orjson.loads(line) for line in result.stdout_bytes.splitlines())
    assert result.exit_code == 1
    assert first["failure"].keys() == {"stage", "reason", "message"}
    assert (first["failure"]["stage"], first["failure"]["reason"]) == ("normalise", "unreadable")
    assert second["type"] == "dm.message.received.v1"


def test_a_body_from_standard_input() -> None:
    result = run("--provider", "meta", "-", stdin=TEXT.read_bytes())
    assert result.exit_code == 0
    assert len(result.stdout_bytes.splitlines()) == 1


def test_the_receipt_s_time_can_be_told() -> None:
    result = run("--provider", "meta", "--received-at", "2026-01-02T03:04:05+01:00", TEXT)
    assert orjson.loads(result.stdout_bytes)["receivedat"] == "2026-01-02T02:04:05.000Z"


@pytest.mark.parametrize("time", ["yesterday", "2026-01-02T03:04:05"])
def test_a_receipt_time_that_is_none_or_has_no_zone_is_refused(time: str) -> None:
    result = run("--provider", "meta", "--received-at", time, TEXT)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_our_own_app_ids_tell_control_gained_from_control_lost() -> None:
    lost = run("--provider", "meta", "--own-app-id", "1", TAKE)
    gained = run("--provider", "meta", "--own-app-id", "1", "--own-app-id", "990088007700", TAKE)
    assert orjson.loads(lost.stdout_bytes)["type"] == "dm.thread.control_lost.v1"
    assert orjson.loads(gained.stdout_bytes)["type"] == "dm.thread.control_gained.v1"


def test_a_missing_file_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    result = run("--provider", "meta", tmp_path / "absent.json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"Can't read {tmp_path / 'absent.json'}: No such file or directory.\n"


def test_a_folder_is_no_body(tmp_path: Path) -> None:
    result = run("--provider", "meta", tmp_path)
    assert result.exit_code == 2
    assert "Is a directory" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("--provider", "tiktok", TEXT), (TEXT,), ("--provider", "x")]
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str | Path, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_the_help_has_an_example() -> None:
    assert "Example: dmstream normalise --provider meta body.json" in " ".join(
        run("--help").stdout.split()
    )
