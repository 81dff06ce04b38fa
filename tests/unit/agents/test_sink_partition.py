"""One partition on its way into the archive: order of insert and acknowledgement."""

import asyncio
from collections.abc import Sequence

from sinks.archive import LogRecord
from streams.agents.sink_partition import SinkPartition


def records(*offsets: int) -> list[LogRecord]:
    return [LogRecord(0, offset, 0, None, b"{}", ()) for offset in offsets]


class Recorder:
    """An archive that notes what it is given, and can be held back."""

    def __init__(self) -> None:
        self.inserted: list[list[int]] = []
        self.acknowledged: list[str] = []
        self.failures: list[BaseException] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def insert(self, _partition: int, rows: Sequence[LogRecord]) -> None:
        await self.open.wait()
        if self.error:
            raise self.error
        self.inserted.append([row.offset for row in rows])

    def acknowledge(self, name: str) -> "Acknowledgement":
        return Acknowledgement(self, name)

    def sink(self, mark: int | None = None) -> SinkPartition:
        return SinkPartition(
            0, mark=mark, insert=self.insert, on_failure=self.failures.append, linger=0.01
        )


class Acknowledgement:
    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder = recorder
        self._name = name

    async def __call__(self) -> None:
        inserted = sum(map(len, self._recorder.inserted))
        self._recorder.acknowledged.append(f"{self._name} after {inserted}")


def test_batches_that_come_close_together_are_one_insert_acknowledged_after_it() -> None:
    """Invariant 9."""

    async def run() -> Recorder:
        recorder = Recorder()
        sink = recorder.sink()
        await sink.put(records(0, 1), recorder.acknowledge("a"))
        await sink.put(records(2), recorder.acknowledge("b"))
        await asyncio.sleep(0.1)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[0, 1, 2]]
    assert recorder.acknowledged == ["a after 3", "b after 3"]


def test_what_the_archive_already_has_is_skipped_and_still_acknowledged() -> None:
    """Guard 1: the high-water mark."""

    async def run() -> Recorder:
        recorder = Recorder()
        sink = recorder.sink(mark=5)
        await sink.put(records(4, 5), recorder.acknowledge("old"))
        await sink.put(records(6), recorder.acknowledge("new"))
        await asyncio.sleep(0.1)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[6]]
    assert recorder.acknowledged == ["old after 1", "new after 1"]


def test_closing_waits_for_the_insert_under_way_and_drops_what_is_only_buffered() -> None:
    async def run() -> Recorder:
        recorder = Recorder()
        recorder.open.clear()
        sink = recorder.sink()
        await sink.put(records(0), recorder.acknowledge("under way"))
        await asyncio.sleep(0.05)
        await sink.put(records(1), recorder.acknowledge("buffered"))
        closing = asyncio.create_task(sink.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        recorder.open.set()
        await closing
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[0]]
    assert recorder.acknowledged == ["under way after 1"]


def test_a_refused_insert_is_reported_at_once_and_nothing_is_acknowledged() -> None:
    async def run() -> Recorder:
        recorder = Recorder()
        recorder.error = RuntimeError("refused")
        sink = recorder.sink()
        await sink.put(records(0), recorder.acknowledge("a"))
        await asyncio.sleep(0.1)
        return recorder

    recorder = asyncio.run(run())
    assert recorder.failures == [recorder.error]
    assert not recorder.acknowledged
