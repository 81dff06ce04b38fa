"""A message of any platform's history becomes the event that its webhook would have been."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.events import MessageReceived, MessageSent
from schemas.ids import event_id
from streams.providers.history import instant, to_event
from streams.providers.protocol import HistoryMessage
from tests.unit.providers.history_tables import IG, PERSON


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-04-05T05:27:08+0000", datetime(2026, 4, 5, 5, 27, 8, tzinfo=UTC)),
        ("2026-10-04T09:12:33.1239Z", datetime(2026, 10, 4, 9, 12, 33, 123_000, tzinfo=UTC)),
        ("2026-10-04T11:12:33+02:00", datetime(2026, 10, 4, 9, 12, 33, tzinfo=UTC)),
        ("2026-10-04T09:12:33", datetime(2026, 10, 4, 9, 12, 33, tzinfo=UTC)),
        ("soon", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1_600_000_000, None),
        (None, None),
    ],
)
def test_times_are_read_in_every_spelling_the_platforms_use(
    written: object, expected: datetime | None
) -> None:
    assert instant(written) == expected


@pytest.mark.parametrize("by", ["correspondent", "account"])
def test_a_backfilled_message_is_the_event_that_its_webhook_would_have_been(by: Any) -> None:
    """Invariant 3."""
    at = datetime(2026, 4, 5, tzinfo=UTC)
    message = HistoryMessage(IG, PERSON, "mid", by, at, text="hi")
    event = to_event(message, provider="meta", platform="instagram", profileid="p", fetched_at=at)
    assert isinstance(event, MessageReceived if by == "correspondent" else MessageSent)
    assert event.id == event_id("meta", IG, "message", "mid")
    assert event.subject == f"instagram:{IG}:{PERSON}"
    assert event.data.backfilled
    assert event.data.origin is None
