"""Who was erased: what workers that know no state must not say any more. Topic `dm.erasures.v1`."""

from datetime import datetime

from pydantic import ValidationError

from schemas.base import Instant, Model
from schemas.events import CorrespondentErased, Event, parse_event

_KIND = CorrespondentErased.model_fields["type"].default.encode()


class ErasureRecord(Model):
    """Value of `dm.erasures.v1`; the key is the conversation's id."""

    profileid: str
    conversation_id: str
    erased_at: Instant
    """Sends that were accepted up to then are not attempted any more."""


class ErasedUntil:
    """By profile and conversation, the latest instant of an erasure."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], datetime] = {}

    def __bool__(self) -> bool:
        return bool(self._until)

    def add(self, profileid: str, conversation: str, at: datetime) -> None:
        place = (profileid, conversation)
        self._until[place] = max(self._until.pop(place, at), at)

    def until(self, event: Event) -> datetime | None:
        """The latest of the event's conversation."""
        return self._until.get((event.profileid, event.subject or ""))


def erasure_in(value: bytes | None) -> CorrespondentErased | None:
    """Of a record of `dm.events.v1`: the erasure it tells of, if it does. One that can't be read is
    none: the conversations worker tells of it as a failure."""
    if value is None or _KIND not in value:
        return None
    try:
        event = parse_event(value)
    except ValidationError:
        return None
    return event if isinstance(event, CorrespondentErased) else None
