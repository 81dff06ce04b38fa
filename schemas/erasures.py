"""Who was erased: what workers that know no state must not say any more. Topic `dm.erasures.v1`."""

from pydantic import ValidationError

from schemas.base import Instant, Model
from schemas.events import CorrespondentErased, parse_event

_KIND = CorrespondentErased.model_fields["type"].default.encode()


class ErasureRecord(Model):
    """Value of `dm.erasures.v1`; the key is the conversation's id."""

    profileid: str
    conversation_id: str
    erased_at: Instant
    """Sends that were accepted up to then are not attempted any more."""


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
