"""What a backfill tells, as events."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from schemas import backfills, data
from schemas.backfills import BackfillRequest
from schemas.base import to_milliseconds
from schemas.events import AccountUnlinked, Event, HistoryBackfilled
from schemas.ids import event_id, profile_event_id
from streams.agents.backfill_journal import Progress
from streams.providers.history import to_event
from streams.providers.protocol import HistoryMessage


def messages(
    request: BackfillRequest, found: Iterable[HistoryMessage], at: datetime
) -> Iterator[Event]:
    """The events that the messages' webhooks would have been."""
    for message in found:
        event = to_event(
            message,
            provider=request.provider,
            platform=request.platform,
            profileid=request.profileid,
            fetched_at=at,
            correlationid=request.correlationid,
        )
        yield event.model_copy(update={"causationid": request.request_id})


def backfilled(request: BackfillRequest, progress: Progress, at: datetime) -> Event:
    own = profile_event_id(request.profileid, "history_backfilled", request.request_id)
    return HistoryBackfilled(
        **_envelope(request, own, at),
        data=backfills.HistoryBackfilled(
            provider=request.provider,
            platform=request.platform,
            account_id=request.account_id,
            conversations=progress.conversations,
            messages=progress.messages,
            skipped=progress.skipped,
            asked_at=request.asked_at,
        ),
    )


def unlinked(request: BackfillRequest, reason: str, at: datetime) -> Event:
    """The platform calls the credential dead: nothing can be sent with it either."""
    moment = str(round(to_milliseconds(at).timestamp() * 1000))
    own = event_id(request.provider, request.account_id, "unlinked", request.platform, moment)
    return AccountUnlinked(
        **_envelope(request, own, at),
        data=data.AccountLink(
            provider=request.provider,
            platform=request.platform,
            account_id=request.account_id,
            reason=reason,
        ),
    )


def _envelope(request: BackfillRequest, own: str, at: datetime) -> dict[str, Any]:
    moment = to_milliseconds(at)
    return {
        "id": own,
        "source": f"/dmstream/delivery/{request.account_id}",
        "time": moment,
        "receivedat": moment,
        "profileid": request.profileid,
        "platform": request.platform,
        "correlationid": request.correlationid,
        "causationid": request.request_id,
    }
