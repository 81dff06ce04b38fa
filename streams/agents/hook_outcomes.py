"""What is told of an attempt to deliver a webhook: its row, a failure, a subscription that ends.

Everything is put into the outbox that the cursors go through as well, and is durable before them
(streams.agents.hook_cursors).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from schemas.base import to_milliseconds
from schemas.failures import Failure
from schemas.hooks import Attempt, HookDelivery, HookRecord
from schemas.topics import EVENTS, FAILURES, HOOK_DELIVERIES, HOOKS
from streams.agents.failing import failure_headers
from streams.agents.hook_lane import Lane, Pending
from streams.agents.outbox import Outbox
from streams.hooks.directory import deleted, disabled
from streams.hooks.posting import Reply
from streams.settings import Settings

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HookOutcomes:
    settings: Settings
    outbox: Outbox
    log: str
    clock: Callable[[], datetime]

    def tell(
        self,
        head: Pending,
        lane: Lane,
        reply: Reply,
        *,
        attempt: int,
        at: datetime,
        outcome: Attempt,
    ) -> None:
        waits = lane.cursor.not_before
        told = HookDelivery(
            hook_id=lane.hook.subscription,
            replay_id=lane.hook.hook_id if lane.hook.replay is not None else None,
            profileid=lane.hook.profileid,
            event_id=head.event_id,
            event_type=head.event_type,
            attempt=attempt,
            at=to_milliseconds(at),
            outcome=outcome,
            http_status=reply.status,
            error=reply.error,
            milliseconds=reply.milliseconds,
            next_at=_instant(waits) if outcome == "failed" else None,
        )
        self.outbox.add(
            self.settings.topic(HOOK_DELIVERIES),
            told.profileid.encode(),
            told.model_dump_json(exclude_none=True).encode(),
        )

    def disable(self, lane: Lane, reply: Reply) -> None:
        """Of a replay: it ends, and its subscription goes on by itself."""
        why = f"HTTP {reply.status}" if reply.status is not None else reply.error
        if lane.hook.replay is not None:
            self.end_replay(lane, why)
            return
        self._write(lane, disabled(lane.hook, why, self.clock()))
        _log.warning("webhook_disabled", hook_id=lane.hook.hook_id, reason=why)

    def end_replay(self, lane: Lane, why: str = "") -> None:
        self._write(lane, deleted(lane.hook, self.clock()))
        _log.info(
            "webhook_replay_ended", hook_id=lane.hook.subscription, replay_id=lane.hook.hook_id,
            reason=why or "all of it was told",
        )  # fmt: skip

    def _write(self, lane: Lane, changed: HookRecord) -> None:
        lane.hook = changed
        self.outbox.add(
            self.settings.topic(HOOKS),
            changed.hook_id.encode(),
            changed.model_dump_json(exclude_none=True).encode(),
        )

    def fail(self, head: Pending, lane: Lane, outcome: Attempt, number: int) -> None:
        sentence = _SENTENCES[outcome] % lane.hook.subscription
        failure = Failure("hook", f"webhook_{outcome}", sentence)
        key = lane.hook.profileid.encode()
        topic = self.settings.topic(EVENTS)
        record = _Origin(topic, number, head.offset)
        written = failure_headers(failure, record, self.log, self.clock())
        self.outbox.add(self.settings.topic(FAILURES), key, head.value, written)


@dataclass(frozen=True, slots=True)
class _Origin:
    """As much of a record as a failure tells of."""

    topic: str
    partition: int
    offset: int
    headers: tuple[tuple[str, bytes], ...] = ()


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


_SENTENCES: dict[Attempt, str] = {
    "given_up": "Webhook %s did not take this event within DM_HOOK_GIVE_UP_HOURS; the next one is"
    " tried.",
    "disabled": "Webhook %s took nothing within DM_HOOK_DISABLE_HOURS, or answered 410: it is"
    " disabled. Register it again (POST /hook/webhook): it goes on with this event.",
}
