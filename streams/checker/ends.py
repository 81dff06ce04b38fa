"""Every command has one end, and no message goes out twice."""

from collections import Counter
from collections.abc import Iterator

from schemas.commands import BackfillHistory, SendMessage
from streams.checker.findings import Finding
from streams.checker.reading import Reading
from streams.conversation.outcomes import outcome_of

_OPEN = frozenset({"none", "accepted"})


def ends(reading: Reading) -> Iterator[Finding]:
    """Every command has exactly one terminal outcome: sent, rejected, failed, or unknown (which an
    echo may still turn into sent), or a failure where it is none. And the platform has nothing
    twice, nor was it asked again after an attempt whose fate nobody could know."""
    known: set[tuple[str, str]] = set()
    for record, command in reading.commands:
        key = (command.profileid, command.command_id)
        if key in known or record.place in reading.failed:
            continue
        known.add(key)
        # What it asks the platform for comes as events of their own, maybe days later.
        if isinstance(command, BackfillHistory):
            continue
        told = outcome_of(logged.event for logged in reading.told_of.get(key, ()))
        if told.status in _OPEN:
            what = f"{command.type} {command.command_id} has no end: {told.status}"
            yield Finding("outcome", what, command.profileid, record.place)
        if told.contradictory:
            what = f"{command.type} {command.command_id} has several ends"
            yield Finding("outcome", what, command.profileid, record.place)
        if isinstance(command, SendMessage) and told.status == "applied":
            what = f"send {command.command_id} was attempted and never accepted"
            yield Finding("outcome", what, command.profileid, record.place)
    yield from _twice(reading)


def _twice(reading: Reading) -> Iterator[Finding]:
    attempts = reading.history.attempts or ()
    for key, times in Counter(attempt.key for attempt in attempts if attempt.kept).items():
        if times > 1:
            yield Finding("outcome", f"the platform has the message {_named(key)} {times} times")
    unsettled: set[str] = set()
    told: set[str] = set()
    for attempt in attempts:
        if attempt.key in unsettled and attempt.key not in told:
            told.add(attempt.key)
            what = f"{_named(attempt.key)} was sent again while its fate was unknown"
            yield Finding("outcome", what)
        if not attempt.settled:
            unsettled.add(attempt.key)


def _named(key: str) -> str:
    """The command where the platform knows it; else to whom, since the rest is a text."""
    return key if key.startswith("dm:") else ":".join(key.split(":", 3)[:3])
