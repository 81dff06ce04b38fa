"""One topic on its way into the archive: order of packing, insert and acknowledgement."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from sinks.archive import LogRecord, Packed
from streams.agents import sink as sink_module
from streams.agents.sink import Sink

Offsets = list[tuple[int, int]]
"""Partition and offset."""


def records(*offsets: int, partition: int = 0) -> list[LogRecord]:
    return [LogRecord(partition, offset, 0, None, b"{}", ()) for offset in offsets]


def places(rows: Sequence[LogRecord]) -> Offsets:
    return [(row.partition, row.offset) for row in rows]


class Recorder:
    """An archive that notes what it is given, and can be held back."""

    def __init__(self) -> None:
        self.packed: list[Offsets] = []
        self.begun: list[Offsets] = []
        self.inserted: list[Offsets] = []
        self.acknowledged: list[str] = []
        self.failures: list[BaseException] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def pack(self, rows: Sequence[LogRecord]) -> Packed:
        self.packed.append(places(rows))
        return Packed(rows, [], [], [], [])

    async def insert(self, packed: Packed) -> None:
        self.begun.append(places(packed.records))
        await self.open.wait()
        if self.error:
            raise self.error
        self.inserted.append(places(packed.records))

    def acknowledge(self, name: str) -> "Acknowledgement":
        return Acknowledgement(self, name)

    def sink(self, *marks: int | None, pace: float = 0.01) -> Sink:
        """`marks` of partitions 0, 1, ...; of one without any where none is given."""
        sink = Sink(self, on_failure=self.failures.append, pace=pace)
        for partition, mark in enumerate(marks or (None,)):
            sink.follow(partition, mark)
        return sink


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - of several kinds of things, none of which is an event
            await asyncio.sleep(0.005)


class Acknowledgement:
    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder = recorder
        self._name = name

    async def __call__(self) -> None:
        inserted = sum(map(len, self._recorder.inserted))
        self._recorder.acknowledged.append(f"{self._name} after {inserted}")


def test_what_comes_close_together_is_one_insert_acknowledged_after_it() -> None:
    """Invariant 9."""

    async def run() -> Recorder:
        recorder = Recorder()
        sink = recorder.sink(None, None)
        await sink.put(records(0, 1), recorder.acknowledge("a"))
        await sink.put(records(7, partition=1), recorder.acknowledge("b"))
        await sink.put(records(2), recorder.acknowledge("c"))
        await until(lambda: len(recorder.acknowledged) == 3)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(0, 0), (0, 1), (1, 7), (0, 2)]]
    assert recorder.acknowledged == ["a after 4", "b after 4", "c after 4"]


def test_what_the_archive_already_has_is_skipped_and_still_acknowledged() -> None:
    """Guard 1: the high-water mark of each partition."""

    async def run() -> Recorder:
        recorder = Recorder()
        sink = recorder.sink(5, None)
        await sink.put(records(4, 5), recorder.acknowledge("old"))
        await sink.put(records(4, partition=1), recorder.acknowledge("of another partition"))
        await sink.put(records(6), recorder.acknowledge("new"))
        await until(lambda: len(recorder.acknowledged) == 3)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(1, 4), (0, 6)]]
    assert recorder.acknowledged == ["old after 2", "of another partition after 2", "new after 2"]


def test_what_is_delivered_again_is_taken_once_and_acknowledged_after_its_insert() -> None:
    async def run() -> Recorder:
        recorder = Recorder()
        recorder.open.clear()
        sink = recorder.sink()
        await sink.put(records(0, 1), recorder.acknowledge("first"))
        await until(lambda: len(recorder.packed) == 1)
        await sink.put(records(1, 2), recorder.acknowledge("again"))
        await asyncio.sleep(0.05)
        recorder.open.set()
        await until(lambda: len(recorder.acknowledged) == 2)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(0, 0), (0, 1)], [(0, 2)]]
    assert recorder.acknowledged == ["first after 2", "again after 3"]


def test_a_full_batch_is_packed_while_the_one_before_is_inserted_and_a_small_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sink_module, "MAX_ROWS", 3)

    async def run() -> Recorder:
        recorder = Recorder()
        recorder.open.clear()
        sink = recorder.sink()
        await sink.put(records(0), recorder.acknowledge("under way"))
        await until(lambda: len(recorder.packed) == 1)
        await sink.put(records(1, 2), recorder.acknowledge("small"))
        await asyncio.sleep(0.05)
        assert recorder.packed == [[(0, 0)]], "it may still grow"
        await sink.put(records(3), recorder.acknowledge("full"))
        await until(lambda: len(recorder.packed) == 2)
        assert recorder.packed == [[(0, 0)], [(0, 1), (0, 2), (0, 3)]]
        assert recorder.inserted == []
        recorder.open.set()
        await until(lambda: len(recorder.acknowledged) == 3)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(0, 0)], [(0, 1), (0, 2), (0, 3)]]
    assert recorder.acknowledged == ["under way after 1", "small after 4", "full after 4"]


def test_a_batch_is_of_whole_deliveries_as_far_as_they_fit_into_one_insert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sink_module, "MAX_ROWS", 3)

    async def run() -> Recorder:
        recorder = Recorder()
        sink = recorder.sink(pace=5)
        await sink.put(records(0, 1), recorder.acknowledge("a"))
        await sink.put(records(2, 3), recorder.acknowledge("b"))
        await sink.put(records(4), recorder.acknowledge("c"))
        await sink.put(records(5, 6), recorder.acknowledge("not due"))
        await until(lambda: len(recorder.acknowledged) == 3)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(0, 0), (0, 1)], [(0, 2), (0, 3), (0, 4)]]
    assert recorder.acknowledged == ["a after 2", "b after 5", "c after 5"]


def test_a_sink_with_half_a_batch_or_more_at_a_time_is_behind_for_some_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sink_module, "MAX_ROWS", 10)
    monkeypatch.setattr(sink_module, "BEHIND_SECONDS", 0.05)

    async def run() -> None:
        recorder = Recorder()
        sink = recorder.sink()
        await sink.put(records(0, 1, 2, 3), recorder.acknowledge("little"))
        await until(lambda: len(recorder.acknowledged) == 1)
        assert not sink.is_behind()
        await sink.put(records(4, 5, 6, 7, 8), recorder.acknowledge("much"))
        await until(sink.is_behind)
        await until(lambda: not sink.is_behind())
        await sink.close()

    asyncio.run(run())


def test_who_puts_waits_while_the_buffer_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "MAX_ROWS", 2)
    monkeypatch.setattr(sink_module, "BUFFERED_RECORDS", 4)

    async def run() -> Recorder:
        recorder = Recorder()
        recorder.open.clear()
        sink = recorder.sink()
        for offset in range(0, 8, 2):  # one inserted, one packed, two buffered
            await sink.put(records(offset, offset + 1), recorder.acknowledge("-"))
            await asyncio.sleep(0.05)
        last = asyncio.create_task(sink.put(records(8), recorder.acknowledge("-")))
        await asyncio.sleep(0.05)
        assert not last.done()
        recorder.open.set()
        await last
        await until(lambda: len(recorder.acknowledged) == 5)
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert [place for batch in recorder.inserted for place in batch] == [(0, n) for n in range(9)]


def test_closing_waits_for_the_insert_under_way_and_drops_what_is_only_buffered() -> None:
    async def run() -> Recorder:
        recorder = Recorder()
        recorder.open.clear()
        sink = recorder.sink()
        await sink.put(records(0), recorder.acknowledge("under way"))
        await until(lambda: len(recorder.begun) == 1)
        await sink.put(records(1), recorder.acknowledge("buffered"))
        closing = asyncio.create_task(sink.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        recorder.open.set()
        await closing
        await asyncio.sleep(0.05)
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(0, 0)]]
    assert recorder.acknowledged == ["under way after 1"]


def test_closing_drops_what_is_packed_and_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "MAX_ROWS", 1)

    async def run() -> Recorder:
        recorder = Recorder()
        recorder.open.clear()
        sink = recorder.sink()
        for offset in range(2):
            await sink.put(records(offset), recorder.acknowledge(str(offset)))
            await until(lambda taken=offset + 1: len(recorder.packed) == taken)
        closing = asyncio.create_task(sink.close())
        recorder.open.set()
        await closing
        await asyncio.sleep(0.05)
        return recorder

    recorder = asyncio.run(run())
    assert recorder.inserted == [[(0, 0)]]
    assert recorder.acknowledged == ["0 after 1"]


def test_a_refused_insert_is_reported_at_once_and_nothing_is_acknowledged() -> None:
    async def run() -> Recorder:
        recorder = Recorder()
        recorder.error = RuntimeError("refused")
        sink = recorder.sink()
        await sink.put(records(0), recorder.acknowledge("a"))
        await until(lambda: bool(recorder.failures))
        assert recorder.failures == [recorder.error]
        await sink.put(records(1), recorder.acknowledge("b"))
        return recorder

    with pytest.raises(RuntimeError, match="refused"):
        asyncio.run(run())


def test_a_batch_that_can_not_be_packed_is_reported_at_once() -> None:
    class Unpackable(Recorder):
        async def pack(self, rows: Sequence[LogRecord]) -> Packed:
            del rows
            raise RuntimeError("does not fit")

    async def run() -> Recorder:
        recorder = Unpackable()
        sink = recorder.sink()
        await sink.put(records(0), recorder.acknowledge("a"))
        await until(lambda: bool(recorder.failures))
        await sink.close()
        return recorder

    recorder = asyncio.run(run())
    assert [str(failure) for failure in recorder.failures] == ["does not fit"]
    assert not recorder.acknowledged
