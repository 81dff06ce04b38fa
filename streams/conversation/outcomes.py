"""What became of a command: every one has exactly one end (invariant 6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from schemas.events import Event
from streams.conversation.instants import DAY
from streams.conversation.state import CommandOutcome, OutcomeEvent

Status = Literal["none", "accepted", "unknown", "sent", "failed", "rejected", "applied"]

MEMORY = 7 * DAY
"""Milliseconds after the last news of a command. Its id may be decided anew then, and that is
another command: nothing of the first counts for it."""
_LATE = DAY
"""So much longer an outcome is kept: news of it that are told late then still find it."""

_ENDS: dict[str, Status] = {
    "message.sent": "sent",
    "send.failed": "failed",
    "send.rejected": "rejected",
}
_NO_OUTCOME = frozenset({"send.attempted", "conversation.activated", "limit.reached"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a set of events says of one command."""

    status: Status
    """`accepted` and `unknown` are not ends yet (or for ever, if nothing resolves them); `applied`
    is the end of a command that does not send."""
    contradictory: bool = False
    """More than one end: sent and failed, two messages, or accepted and rejected."""


def outcome_of(events: Iterable[Event] | Iterable[OutcomeEvent]) -> Outcome:
    """What the events of one command come to, in any order, told any number of times.

    An unknown send that is resolved is `sent`.
    """
    told = {_told(event) for event in events}
    names = {event.name for event in told} - _NO_OUTCOME
    ends = {(event.name, event.id) for event in told if event.name in _ENDS}
    both = {"send.accepted", "send.rejected"} <= names
    for name, status in _ENDS.items():
        if name in names:
            return Outcome(status, contradictory=both or len(ends) > 1)
    if "send.unknown" in names:
        return Outcome("unknown")
    if "send.accepted" in names:
        return Outcome("accepted")
    return Outcome("applied" if names else "none")


def with_event(outcome: CommandOutcome | None, event: Event, at: int) -> CommandOutcome | None:
    """The outcome with one more event of its command; of two lives of an id, the later one."""
    told = _told(event)
    if told.name in _NO_OUTCOME or is_of_a_former_life(outcome, at):
        return outcome
    if outcome is None or is_forgotten(outcome, at):
        return CommandOutcome(at=at, events=(told,))
    if told in outcome.events and at <= outcome.at:
        return outcome
    return CommandOutcome(at=max(outcome.at, at), events=tuple(sorted({*outcome.events, told})))


def is_of_a_former_life(outcome: CommandOutcome | None, at: int) -> bool:
    """Whether what happened at `at` (ms) is of a command that had the id before this one."""
    return outcome is not None and outcome.at - at >= MEMORY


def has_left(outcome: CommandOutcome | None) -> bool:
    """Whether it is known what became of an accepted send: nothing more is awaited of it."""
    return outcome is not None and any(
        event.name in {"message.sent", "send.failed"} for event in outcome.events
    )


def is_under_way(outcome: CommandOutcome | None) -> bool:
    """Accepted, and nothing is known of what became of it."""
    return outcome is not None and outcome_of(outcome.events).status == "accepted"


def is_forgotten(outcome: CommandOutcome, at: int) -> bool:
    """Whether the command's id may be decided anew at `at` (ms)."""
    return at - outcome.at >= MEMORY


def is_gone(outcome: CommandOutcome, now: int) -> bool:
    """Whether the outcome is no part of the state any more, once the log tells of `now` (ms)."""
    return now - outcome.at >= MEMORY + _LATE


def _told(event: Event | OutcomeEvent) -> OutcomeEvent:
    if isinstance(event, OutcomeEvent):
        return event
    name = event.type.removeprefix("dm.").removesuffix(".v1")
    reason = event.data.reason if name.startswith("send.") and hasattr(event.data, "reason") else ""
    return OutcomeEvent(name, event.id, str(reason or ""))
