"""What several invariants read out of a history, worked out once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, cast

from schemas.base import Provider
from schemas.commands import AnyCommand, parse_command
from schemas.events import Event, SendAccepted, parse_event
from schemas.topics import (
    COMMANDS,
    EVENTS,
    FAILURES,
    WEBHOOKS,
    FailureHeader,
    WebhookHeader,
)
from schemas.webhooks import normalise
from streams.checker.history import History, Place, Record
from streams.conversation.keys import command_of

REGISTERING = "register"
"""The stage of failures that a body alone does not explain: an account that nobody linked."""

Command = tuple[str, str]
"""Profile and command id."""


class LoggedEvent(NamedTuple):
    record: Record
    event: Event


class LoggedCommand(NamedTuple):
    record: Record
    command: AnyCommand


class LoggedFailure(NamedTuple):
    record: Record
    stage: str
    reason: str
    of: Place | None
    """The record that failed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one record of `dm.webhooks.v1` must lead to."""

    record: Record
    events: tuple[str, ...]
    """Ids, in the order of the body."""
    failures: frozenset[tuple[str, str]]
    """Stage and reason."""


@dataclass(frozen=True)
class Reading:
    """`prefix` is the pipeline's, which stands in what its records say of one another."""

    history: History
    prefix: str = ""

    @cached_property
    def events(self) -> list[LoggedEvent]:
        """In the order of their partitions; a record that is no event is in `unreadable`."""
        found = []
        for record in self.history.log.get(EVENTS, ()):
            try:
                found.append(LoggedEvent(record, parse_event(record.value or b"")))
            except ValueError:
                continue
        return found

    @cached_property
    def commands(self) -> list[LoggedCommand]:
        found = []
        for record in self.history.log.get(COMMANDS, ()):
            try:
                found.append(LoggedCommand(record, parse_command(record.value or b"")))
            except ValueError:
                continue
        return found

    @cached_property
    def failures(self) -> list[LoggedFailure]:
        return [self._failure(record) for record in self.history.log.get(FAILURES, ())]

    @cached_property
    def failed(self) -> dict[Place, list[LoggedFailure]]:
        """By the record that failed."""
        found: dict[Place, list[LoggedFailure]] = {}
        for failure in self.failures:
            if failure.of is not None:
                found.setdefault(failure.of, []).append(failure)
        return found

    @cached_property
    def expected(self) -> list[Expected]:
        return [self._expected(record) for record in self.history.log.get(WEBHOOKS, ())]

    @cached_property
    def first_logged(self) -> dict[str, LoggedEvent]:
        """By event id: its first record, by the writers' clocks."""
        found: dict[str, LoggedEvent] = {}
        for logged in self.events:
            known = found.get(logged.event.id)
            if known is None or logged.record.timestamp < known.record.timestamp:
                found[logged.event.id] = logged
        return found

    @cached_property
    def told_of(self) -> dict[Command, list[LoggedEvent]]:
        """What the log tells of each command."""
        found: dict[Command, list[LoggedEvent]] = {}
        for logged in self.events:
            command_id = command_of(logged.event)
            if command_id is not None:
                found.setdefault((logged.event.profileid, command_id), []).append(logged)
        return found

    @cached_property
    def accepted(self) -> dict[Command, SendAccepted]:
        return {
            command: logged.event
            for command, told in self.told_of.items()
            for logged in told
            if isinstance(logged.event, SendAccepted)
        }

    def origin(self, event: Event) -> Place | None:
        """The webhook's record that an event was read from; None where it was none."""
        name, _, rest = (event.causationid or "").partition(f"{WEBHOOKS}/")
        if name != self.prefix or not rest:
            return None
        partition, _, offset = rest.partition("/")
        if not (partition.isdigit() and offset.isdigit()):
            return None
        return Place(WEBHOOKS, int(partition), int(offset))

    def by_partition(self, topic: str) -> Iterator[list[Record]]:
        found: dict[int, list[Record]] = {}
        for record in self.history.log.get(topic, ()):
            found.setdefault(record.place.partition, []).append(record)
        yield from found.values()

    def _failure(self, record: Record) -> LoggedFailure:
        told = {name: value.decode(errors="replace") for name, value in record.headers}
        topic = told.get(FailureHeader.TOPIC, "").removeprefix(self.prefix)
        partition, offset = (
            told.get(FailureHeader.PARTITION, ""), told.get(FailureHeader.OFFSET, "")
        )  # fmt: skip
        known = topic and partition.isdigit() and offset.isdigit()
        return LoggedFailure(
            record,
            told.get(FailureHeader.STAGE, ""),
            told.get(FailureHeader.REASON, ""),
            Place(topic, int(partition), int(offset)) if known else None,
        )

    def _expected(self, record: Record) -> Expected:
        """By the same pure reader that the worker calls: what is proven is that its result
        arrived. What the reader itself does is the unit tests' matter."""
        told = {name: value.decode(errors="replace") for name, value in record.headers}
        try:
            received_at = datetime.fromisoformat(told[WebhookHeader.RECEIVED_AT])
            provider = cast("Provider", told[WebhookHeader.PROVIDER])
        except (KeyError, ValueError):
            return Expected(record, (), frozenset({(REGISTERING, "not_from_the_gateway")}))
        result = normalise(
            provider, record.value or b"", received_at, own_app_ids=self.history.own_app_ids
        )
        return Expected(
            record,
            tuple(event.id for event in result.events),
            frozenset((failure.stage, failure.reason) for failure in result.failures),
        )
