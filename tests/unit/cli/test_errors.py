"""Trouble is one sentence with an exit code, and shows nothing that it must not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from clickhouse_connect.driver.exceptions import DatabaseError
from pydantic import ValidationError

from schemas.events import parse_event
from streams.cli.errors import FAULT, TROUBLE, USAGE, explain
from streams.local.lock import DataFolderError
from streams.local.processes import free_port
from streams.partitions import PartitionsError
from streams.settings import Settings

SECRET = "hush-1234"


def raised_by(error: Exception) -> Exception:
    try:
        raise error  # noqa: TRY301 - that is the point
    except Exception as caught:  # noqa: BLE001 - it comes back with its traceback
        return caught


def test_an_error_of_ours_is_told_in_its_own_words() -> None:
    assert explain(DataFolderError("the folder is full: empty it")) == (
        "the folder is full: empty it",
        TROUBLE,
    )


def test_a_broker_that_does_not_answer_is_named_with_its_variable() -> None:
    sentence, code = explain(KafkaConnectionError("Unable to bootstrap"))
    assert "DM_KAFKA" in sentence
    assert code == TROUBLE


def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Invariant 11."""
    monkeypatch.setenv("DM_PARTITIONS", SECRET)
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None)
    sentence, code = explain(caught.value)
    assert "DM_PARTITIONS" in sentence
    assert SECRET not in sentence
    assert code == USAGE


def test_a_number_of_partitions_that_is_not_the_log_s_is_a_wrong_setting() -> None:
    assert explain(PartitionsError("DM_PARTITIONS is 1")) == ("DM_PARTITIONS is 1", USAGE)


def test_settings_that_do_not_go_together_are_named_without_the_words_of_a_library() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None, kafka_security="SASL_SSL", kafka_username="dmstream")
    assert explain(caught.value) == (
        "wrong settings: DM_KAFKA_SECURITY is SASL_SSL: set DM_KAFKA_PASSWORD too",
        USAGE,
    )


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_full_disk_of_clickhouse_is_trouble_and_says_where_there_must_be_room(
    is_ours: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clickhouse").mkdir()
    monkeypatch.setenv("DM_DATA_DIR", str(tmp_path))
    host = "127.0.0.1" if is_ours else f"somebody:{SECRET}@archive.example"
    monkeypatch.setenv("DM_CLICKHOUSE_URL", f"http://{host}:18123")
    sentence, code = explain(DatabaseError(f"Cannot reserve 1 MiB {SECRET}", code=243))
    assert code == TROUBLE
    assert SECRET not in sentence
    if is_ours:
        assert f"{tmp_path / 'clickhouse'} is full (" in sentence
        assert " MB are free): make room there" in sentence
    else:
        assert "ClickHouse at archive.example:18123 (DM_CLICKHOUSE_URL) is full" in sentence
        assert "system.disks" in sentence


def test_a_fault_names_its_class_and_place_and_not_its_text() -> None:
    """Invariant 11: an error from anywhere may carry a message's text."""
    sentence, code = explain(raised_by(KeyError(SECRET)))
    assert "KeyError in test_errors.py:" in sentence
    assert SECRET not in sentence
    assert code == FAULT


def test_a_message_that_can_not_be_read_is_not_shown() -> None:
    """Invariant 11."""
    with pytest.raises(ValidationError) as caught:
        parse_event(f'{{"type": "dm.message.received.v1", "data": "{SECRET}"}}')
    assert SECRET not in explain(caught.value)[0]


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/nowhere/at/all").read_text()
    sentence, code = explain(caught.value)
    assert sentence == "No such file or directory: /nowhere/at/all"
    assert code == TROUBLE


def test_the_console_shows_one_line_and_no_traceback_unless_asked() -> None:
    environment = {**os.environ, "DM_KAFKA": f"127.0.0.1:{free_port()}", "DM_DEBUG": ""}
    command = [sys.executable, "-m", "streams.cli", "topics"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == TROUBLE
    assert shown.stderr.startswith("dmstream: no Kafka broker answers")
    assert len(shown.stderr.splitlines()) == 1
    debug = {**environment, "DM_DEBUG": "1"}
    shown = subprocess.run(command, env=debug, capture_output=True, text=True, check=False)
    assert shown.returncode != 0
    assert "Traceback" in shown.stderr
