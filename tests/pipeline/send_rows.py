"""What the archive tells of a send, held against what the log told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import events
from tests.pipeline.talking import Account, Talk


def row(talk: Talk, command_id: str, outcome: str) -> dict[str, Any]:
    """The command's row in the archive's `sends`, once it says that outcome."""
    client = talk.running.archive()
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = client.query(
            f"SELECT * FROM {talk.running.settings.clickhouse_database}_analytics.sends"
            " WHERE command_id = {id:String}",
            {"id": command_id},
        ).named_results()
        return len(found) == 1 and found[0]["outcome"] == outcome

    try:
        talk.running.wait(is_there, 20, f"{outcome} in sends, not {found}")
    finally:
        client.close()
    return {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in found[0].items()
    }


def assert_row(talk: Talk, account: Account, command_id: str, outcome: str) -> dict[str, Any]:
    """The archive tells of the send as the log does: reason, place and every time."""
    found = row(talk, command_id, outcome)
    told = talk.log.of(command_id)
    accepted = [e for e in told if isinstance(e, events.SendAccepted)]
    attempts = [e for e in told if isinstance(e, events.SendAttempted)]
    last = {
        "sent": events.MessageSent,
        "rejected": events.SendRejected,
        "failed": events.SendFailed,
        "unknown": events.SendUnknown,
    }[outcome]
    end = min((e for e in told if isinstance(e, last)), key=lambda e: e.receivedat)
    assert (found["profile_id"], found["platform"]) == (account.profile, account.platform)
    assert found["conversation_id"] == end.subject
    assert found["origin"] == "api"
    assert found["reason"] == getattr(end.data, "reason", "")
    assert found["accepted_at"] == (accepted[0].time if accepted else None)
    assert found["attempt_count"] == len({e.id for e in attempts})
    first = min((e.time for e in attempts), default=None)
    assert found["first_attempted_at"] == first
    assert found["finished_at"] == end.receivedat
    assert (found["sent_at"] is not None) == (outcome == "sent")
    if outcome == "sent":
        # The time of an echo is the platform's; Ayrshare cuts its own to whole seconds.
        begun = first.replace(microsecond=0) if account.provider == "ayrshare" else first
        assert found["accepted_at"] <= first
        assert begun <= found["sent_at"] <= found["finished_at"]
        seconds = (found["sent_at"] - found["accepted_at"]).total_seconds()
        assert found["accepted_to_sent_seconds"] == pytest.approx(seconds)
    else:
        assert found["message_id"] == ""
        assert found["accepted_to_sent_seconds"] is None
    return found


def assert_rejected(
    talk: Talk, account: Account, command_id: str, reason: str
) -> events.SendRejected:
    """The event and the row say so, and no request was made."""
    found = talk.outcome(command_id)
    assert isinstance(found, events.SendRejected)
    assert found.data.reason == reason
    told = assert_row(talk, account, command_id, "rejected")
    assert told["reason"] == reason
    assert told["attempt_count"] == 0
    assert told["accepted_at"] is None
    return found


def assert_failed(talk: Talk, account: Account, command_id: str, reason: str) -> None:
    assert talk.reason(command_id, "send.failed") == reason
    assert assert_row(talk, account, command_id, "failed")["reason"] == reason


def assert_sent(talk: Talk, account: Account, command_id: str) -> None:
    assert isinstance(talk.outcome(command_id), events.MessageSent)
    assert_row(talk, account, command_id, "sent")
