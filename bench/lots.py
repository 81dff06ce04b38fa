"""A lot of records onto a topic, and a process until it has worked it off.

The lot is packed into the client's batches beforehand and sent as it is: sending takes little of
the two cores while the clock runs.

How the end is seen, the same for everyone: the output is whole, and the process is idle. What
counts is the time and the processor time up to the moment when it became idle, so that neither the
intervals of somebody's commits nor idle polling is counted.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any, NamedTuple

from bench.harness import Sample
from bench.processes import processor_seconds
from streams import kafka
from streams.log_positions import log_ends
from streams.partitions import partition_of
from streams.settings import Settings

_LOOK_SECONDS = 0.1
_IDLE_SHARE = 0.35
"""Of a core. Idle, the processes measured here take 2 to 13 %."""
IDLE_SECONDS = 1.2
"""Longer than any pause in the middle of work that was seen."""


class Record(NamedTuple):
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp_ms: int | None = None


class Lot:
    """Records of one topic, packed by its own producer; sent once."""

    def __init__(self, settings: Settings, topic: str, records: Iterable[Record]) -> None:
        self._loop = asyncio.new_event_loop()
        self._topic = settings.topic(topic)
        self._loop.run_until_complete(self._pack(settings, records))

    async def _pack(self, settings: Settings, records: Iterable[Record]) -> None:
        self._producer = kafka.producer(settings)
        await self._producer.start()
        await self._producer.client.add_topic(self._topic)
        self._batches: dict[int, list[Any]] = {}
        for record in records:
            partition = partition_of(record.key, settings.partitions)
            made = self._batches.setdefault(partition, [])
            if not made or self._append(made[-1], record) is None:
                made.append(self._producer.create_batch())
                self._append(made[-1], record)
        for batch in (batch for made in self._batches.values() for batch in made):
            batch.close()

    @staticmethod
    def _append(batch: Any, record: Record) -> Any:
        return batch.append(
            timestamp=record.timestamp_ms, key=record.key, value=record.value,
            headers=record.headers,
        )  # fmt: skip

    def send(self) -> None:
        """Returns once all is acknowledged."""
        self._loop.run_until_complete(self._send())
        self._loop.close()

    async def _send(self) -> None:
        await asyncio.gather(*(self._send_to(place) for place in self._batches))
        await self._producer.stop()

    async def _send_to(self, partition: int) -> None:
        for batch in self._batches[partition]:
            await (await self._producer.send_batch(batch, self._topic, partition=partition))


def records_on(settings: Settings, *topics: str) -> int:
    return sum(asyncio.run(log_ends(settings, *topics)).values())


@dataclass(slots=True)
class Watch:
    """Of processes, from its making on."""

    children: "list[Popen[bytes]]"
    started: float = field(default_factory=time.monotonic)
    used: float = 0.0

    def __post_init__(self) -> None:
        self.used = self._used()

    def until_idle(
        self,
        units: int,
        is_whole: Callable[[], bool],
        *,
        idle_seconds: float = IDLE_SECONDS,
        patience: float = 180,
    ) -> Sample:
        """Until all of the work is done and the processes have nothing to do."""
        then, before = time.monotonic(), self._used()
        idle_since, used = then, before
        while True:
            time.sleep(_LOOK_SECONDS)
            now, used_now = time.monotonic(), self._used()
            if used_now - before > _IDLE_SHARE * (now - then):
                idle_since, used = now, used_now
            before, then = used_now, now
            if now - idle_since > idle_seconds:
                if is_whole():
                    return Sample(units, idle_since - self.started, used - self.used)
                # It waits for something: that is not its end.
                idle_since = now
            self._check(now, patience)

    def _check(self, now: float, patience: float) -> None:
        if now - self.started > patience:
            raise SystemExit(f"the lot was not worked off in {patience:g} s: see the log")
        if any(child.poll() is not None for child in self.children):
            raise SystemExit("a measured process ended: see its log")

    def _used(self) -> float:
        return sum(map(processor_seconds, self.children))
