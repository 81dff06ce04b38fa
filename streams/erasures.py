"""Which conversations were erased and up to when: the topic `dm.erasures.v1`, in memory.

A send that was accepted lies on its outbound topic with its text, and its worker knows no state. It
reads this topic whole before its first send, and follows it from there.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from pydantic import ValidationError

from schemas.erasures import ErasedUntil, ErasureRecord
from schemas.events import CorrespondentErased, SendAccepted
from schemas.topics import ERASURES
from streams.followed import FollowedTopic
from streams.settings import Settings

log = structlog.get_logger()

_KEPT = timedelta(days=30)
"""As long as outbound topics keep a send (schemas.topics)."""


def record_of(event: CorrespondentErased) -> ErasureRecord:
    if event.subject is None:
        raise ValueError(f"erasure {event.id} names no conversation")
    return ErasureRecord(
        profileid=event.profileid, conversation_id=event.subject, erased_at=event.time
    )


class Erasures(ErasedUntil):
    """For sends, which topics keep for a while: what is older than those is forgotten."""

    def note(self, record: ErasureRecord) -> None:
        self.add(record.profileid, record.conversation_id, record.erased_at)
        oldest = next(iter(self._until))  # they come in their order, or nearly
        if self._until[oldest] < record.erased_at - _KEPT:
            del self._until[oldest]

    def covers(self, accepted: SendAccepted) -> bool:
        """Whether the send was accepted before its correspondent was erased."""
        until = self.until(accepted)
        return until is not None and accepted.time <= until

    def records(self) -> list[ErasureRecord]:
        return [
            ErasureRecord(profileid=profile, conversation_id=conversation, erased_at=until)
            for (profile, conversation), until in self._until.items()
        ]


class ErasureDirectory:
    """Start it, then ask `covers`."""

    def __init__(self, settings: Settings) -> None:
        self._erasures = Erasures()
        self._told: Callable[[str], None] = _nobody
        self._topic = FollowedTopic(
            settings, ERASURES, what="erasures", apply=self._apply, changed=lambda: None
        )

    async def start(self, told: Callable[[str], None]) -> None:
        """Returns once everything written before the call is known. `told` hears of each erasure,
        by its conversation. Raises LookupError where the topic is missing, and aiokafka's errors.
        """
        self._told = told
        await self._topic.start_known()

    async def stop(self) -> None:
        await self._topic.stop()

    def covers(self, accepted: SendAccepted) -> bool:
        return self._erasures.covers(accepted)

    def _apply(self, key: str, value: bytes | None) -> None:
        try:
            record = ErasureRecord.model_validate_json(value or b"")
        except ValidationError as error:
            log.error(
                "erasure_record_unreadable", key=key, errors=error.error_count(),
                remedy="erase again: dmstream erase PROFILE CONVERSATION",
            )  # fmt: skip
            return
        self._erasures.note(record)
        self._told(record.conversation_id)


def _nobody(_: str) -> None:
    pass
