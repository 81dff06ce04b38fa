"""Writes commands to `dm.commands.v1`, and waits for what is told of them: events, or a failure."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event, parse_event
from schemas.topics import COMMANDS, EVENTS, FAILURES
from streams import kafka
from streams.agreed import agreed
from streams.log_positions import ends_now
from streams.outcomes import told_of
from streams.partitions import partition_of
from streams.settings import Settings
from streams.told_failures import told_failure

_ENDS = ("dm.message.sent.v1", "dm.send.rejected.v1", "dm.send.failed.v1")


def is_end(command: AnyCommand, event: Event) -> bool:
    """Whether nothing more will be told of the command. What does not send has one event."""
    return event.type in _ENDS or not isinstance(command, SendMessage)


class NotCarriedOutError(Exception):
    """The command can't be carried out; the sentence is the pipeline's own, without content."""


async def carry_out(settings: Settings, command: AnyCommand, seconds: float) -> list[Event]:
    """Writes the command; the events that told of it within that time, up to its end.

    Empty: nobody decided it in time, or its id was used before (it is not decided twice). Raises
    NotCarriedOutError where a failure of the stage `command` was told, and PartitionsError, with
    nothing written, where the settings mean another log.
    """
    settings = await agreed(settings)
    number = partition_of(command.profileid.encode(), settings.partitions)
    events = TopicPartition(settings.topic(EVENTS), number)
    failures = TopicPartition(settings.topic(FAILURES), number)
    named, told = (command.profileid, command.command_id), list[Event]()
    async with reader_from_here(settings, events, failures) as reader:
        await write(settings, command)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not told or not is_end(command, told[-1]):
                    found = await reader.getmany(timeout_ms=500)
                    for record in found.get(failures, ()):
                        _raise_if_of(named, record)
                    told += _events_of(named, found.get(events, ()))
    return told


def _events_of(named: tuple[str, str], records: Iterable[Any]) -> Iterator[Event]:
    for record in records:
        # Where it is no event of the contract, workers say so: it is nobody's outcome.
        with suppress(ValueError, KeyError, AttributeError):
            if told_of(record.value or b"") == named:
                yield parse_event(record.value)


def _raise_if_of(named: tuple[str, str], record: Any) -> None:
    failure = told_failure(record)
    if failure is not None and failure.command == named:
        raise NotCarriedOutError(failure.sentence)


async def write(settings: Settings, *commands: AnyCommand) -> None:
    """Returns once they are durable. The settings are those that `agreed` gave: else commands go
    where nobody decides them."""
    producer = kafka.producer(settings)
    await producer.start()
    try:
        for command in commands:
            await producer.send_and_wait(
                settings.topic(COMMANDS),
                command_bytes(command),
                key=command.profileid.encode(),
                partition=partition_of(command.profileid.encode(), settings.partitions),
            )
    finally:
        await producer.stop()


@asynccontextmanager
async def reader_from_here(
    settings: Settings, *places: TopicPartition
) -> AsyncIterator[AIOKafkaConsumer]:
    """Reads what is written to these partitions from now on."""
    reader = kafka.reader(settings)
    await reader.start()
    try:
        ends = await ends_now(settings, reader, list(places))
        reader.assign(list(places))
        for place in places:
            reader.seek(place, ends[place])
        yield reader
    finally:
        await reader.stop()


def command_bytes(command: AnyCommand) -> bytes:
    """The record's value on `dm.commands.v1`."""
    return command.model_dump_json(exclude_none=True).encode()
