"""What whoever waits for a command reads on the topic of failures."""

from types import SimpleNamespace

import pytest

from schemas.topics import FailureHeader
from streams.told_failures import told_failure


def record(value: bytes | None, *headers: tuple[str, bytes]) -> SimpleNamespace:
    return SimpleNamespace(value=value, headers=headers)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{", b"[1]", b'"text"'])
def test_an_original_that_is_no_json_object_is_nobodys(value: bytes | None) -> None:
    assert told_failure(record(value)) is None


def test_the_failures_own_headers_count_where_the_original_record_had_some_too() -> None:
    told = told_failure(
        record(
            b'{"command_id":"c"}',
            (FailureHeader.REASON, b"of an earlier failure"),
            (FailureHeader.STAGE, b"command"),
            (FailureHeader.REASON, b"invalid_command"),
            (FailureHeader.MESSAGE, b"why"),
        )
    )
    assert told is not None
    assert (told.stage, told.reason, told.sentence) == ("command", "invalid_command", "why")
    assert told.original == {"command_id": "c"}
