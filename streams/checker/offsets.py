"""What is committed is done."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from schemas.events import SendFailed, SendUnknown, parse_event
from schemas.outbound import DelayedSend
from schemas.topics import (
    COMMANDS,
    OUTBOUND_DELAYED,
    OUTBOUND_FACEBOOK,
    OUTBOUND_INSTAGRAM,
    OUTBOUND_X,
    WEBHOOKS,
)
from streams.checker.findings import Finding
from streams.checker.history import CONVERSATIONS, DELIVERY, Commit, Place, Record
from streams.checker.reading import Command, Expected, LoggedEvent, Reading

Done = dict[Place, int]
"""By record: when (ms) the last of what it leads to was written. Absent: not yet."""

_OUTBOUND = (OUTBOUND_FACEBOOK, OUTBOUND_INSTAGRAM, OUTBOUND_X)
_NEVER = 2**63


def offsets(reading: Reading) -> Iterator[Finding]:
    """At every moment that was looked at, the committed offset was at most the first offset that
    was not done. Done is what the log or the archive shows by then, not what a worker says."""
    prefixes: dict[tuple[str, str, int], _Prefixes] = {}
    for group, topic, done in _done(reading):
        for records in reading.by_partition(topic):
            times = accumulate((done.get(record.place, _NEVER) for record in records), max)
            found = _Prefixes([record.place.offset for record in records], list(times))
            prefixes[group, topic, records[0].place.partition] = found
    for commit in reading.history.commits:
        yield from _too_far(commit, prefixes.get((commit.group, commit.topic, commit.partition)))


class _Prefixes(NamedTuple):
    """One partition: when everything up to each offset was done."""

    offsets: Sequence[int]
    done_at: Sequence[int]


def _too_far(commit: Commit, prefixes: _Prefixes | None) -> Iterator[Finding]:
    place = Place(commit.topic, commit.partition, commit.offset)
    if commit.archived is not None and commit.offset > commit.archived:
        what = f"{commit.group} had committed it, and {commit.archived} was not in the archive"
        yield Finding("offset", what, place=place)
    if prefixes is None:
        return
    if commit.offset > prefixes.offsets[-1] + 1:
        what = f"{commit.group} had committed it, and the log ends at {prefixes.offsets[-1] + 1}"
        yield Finding("offset", what, place=place)
        return
    covered = bisect_left(prefixes.offsets, commit.offset)
    if covered and prefixes.done_at[covered - 1] > commit.read_at:
        undone = next(n for n, at in enumerate(prefixes.done_at) if at > commit.read_at)
        what = f"{commit.group} had committed it, and {prefixes.offsets[undone]} was not done"
        yield Finding("offset", what, place=place)


def _done(reading: Reading) -> Iterator[tuple[str, str, Done]]:
    webhooks = {}
    for expected in reading.expected:
        at = _webhook_done_at(reading, expected)
        if at is not None:
            webhooks[expected.record.place] = at
    yield CONVERSATIONS, WEBHOOKS, webhooks
    yield CONVERSATIONS, COMMANDS, _commands_done(reading)
    delayed = _delayed_at(reading)
    for topic in _OUTBOUND:
        yield DELIVERY, topic, _sends_done(reading, topic, delayed)


def _webhook_done_at(reading: Reading, expected: Expected) -> int | None:
    failures = reading.failed.get(expected.record.place, ())
    if len({(f.stage, f.reason) for f in failures} & expected.failures) < len(expected.failures):
        return None
    latest = max((failure.record.timestamp for failure in failures), default=0)
    for event_id in expected.events:
        logged = reading.first_logged.get(event_id)
        if logged is not None:
            latest = max(latest, logged.record.timestamp)
        elif not failures:
            return None
    return latest


def _commands_done(reading: Reading) -> Done:
    """Decided: whatever the log tells of a command was written with its decision or after it.
    A command that is no command is a failure at once; one that asks for history has no event."""
    done: Done = {}
    decided: dict[Command, int] = {
        command: min(logged.record.timestamp for logged in told)
        for command, told in reading.told_of.items()
    }
    known = {logged.record.place: logged.command for logged in reading.commands}
    for record in reading.history.log.get(COMMANDS, ()):
        command = known.get(record.place)
        failures = reading.failed.get(record.place)
        if failures:
            done[record.place] = min(failure.record.timestamp for failure in failures)
        elif command is not None and command.type == "BackfillHistory":
            done[record.place] = 0
        elif command is not None and (command.profileid, command.command_id) in decided:
            done[record.place] = decided[command.profileid, command.command_id]
    return done


def _sends_done(reading: Reading, topic: str, delayed: dict[str, int]) -> Done:
    """A send is off the outbound topic when it has its outcome, or waits on the delayed topic."""
    done: Done = {}
    for record in reading.history.log.get(topic, ()):
        failures = reading.failed.get(record.place)
        if failures:
            done[record.place] = min(failure.record.timestamp for failure in failures)
            continue
        accepted = _accepted(record)
        if accepted is None:
            continue
        identity, command = accepted
        told = reading.told_of.get(command, ())
        times = [logged.record.timestamp for logged in told if _is_end(logged)]
        if identity in delayed:
            times.append(delayed[identity])
        if times:
            done[record.place] = min(times)
    return done


def _is_end(logged: LoggedEvent) -> bool:
    return logged.event.type == "dm.message.sent.v1" or isinstance(
        logged.event, SendFailed | SendUnknown
    )


def _delayed_at(reading: Reading) -> dict[str, int]:
    found: dict[str, int] = {}
    for record in reading.history.log.get(OUTBOUND_DELAYED, ()):
        try:
            delayed = DelayedSend.model_validate_json(record.value or b"")
        except ValueError:
            continue
        identity = delayed.send.id
        found[identity] = min(found.get(identity, record.timestamp), record.timestamp)
    return found


def _accepted(record: Record) -> tuple[str, Command] | None:
    try:
        event = parse_event(record.value or b"")
    except ValueError:
        return None
    command_id = getattr(event.data, "command_id", None)
    return None if command_id is None else (event.id, (event.profileid, command_id))
