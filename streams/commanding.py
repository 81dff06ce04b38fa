"""Writes commands to `dm.commands.v1`, and waits for what is told of them on `dm.events.v1`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event
from schemas.topics import COMMANDS
from streams import kafka
from streams.log_positions import ends_now
from streams.outcomes import Outcomes
from streams.partitions import partition_of
from streams.settings import Settings

_ENDS = ("dm.message.sent.v1", "dm.send.rejected.v1", "dm.send.failed.v1")


def is_end(command: AnyCommand, event: Event) -> bool:
    """Whether nothing more will be told of the command. What does not send has one event."""
    return event.type in _ENDS or not isinstance(command, SendMessage)


async def carry_out(settings: Settings, command: AnyCommand, seconds: float) -> list[Event]:
    """Writes the command; the events that told of it within that time, up to its end.

    Empty: nobody decided it in time, or its id was used before (it is not decided twice), or it
    can't be carried out (a failure of the stage `command` then says why).
    """
    settings = await kafka.recognised(settings)
    outcomes, told = Outcomes(settings), list[Event]()
    try:
        async with outcomes.watch(command.profileid, command.command_id) as news:
            await write(settings, command)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not told or not is_end(command, told[-1]):
                        told.append(await news.get())
    finally:
        await outcomes.stop()
    return told


async def write(settings: Settings, *commands: AnyCommand) -> None:
    """Returns once they are durable."""
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
