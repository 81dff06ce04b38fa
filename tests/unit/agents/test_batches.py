"""What the batched consumer does around a rebalance, without a broker: Faust's own object, with
only the thread that talks to the broker in its place."""

import asyncio
from collections.abc import Mapping
from typing import Any

import faust
import pytest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from faust.types import TP

from streams.agents.batches import RecordBatch, deliver_in_batches, paced

pytestmark = pytest.mark.anyio

BATCHED, OTHER = TP("batched", 0), TP("other", 0)


class Record:
    def __init__(self, offset: int) -> None:
        self.topic, self.partition, self.offset = BATCHED.topic, BATCHED.partition, offset
        self.timestamp, self.timestamp_type = 1_795_000_000_000, 0


class Thread:
    """Stands where the broker's thread is."""

    def __init__(self, committed: Mapping[TP, int | None]) -> None:
        self.offsets = committed
        self.from_beginning: list[tuple[str, int]] = []
        self.asked: Any = None

    def assignment(self) -> set[TP]:
        return set(self.offsets)

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        return self.offsets

    async def seek_to_beginning(self, *partitions: Any) -> None:
        self.from_beginning += [tuple(place) for place in partitions]

    async def getmany(self, partitions: Any, timeout: float) -> dict[TP, list[Any]]:  # noqa: ASYNC109
        self.asked = partitions
        await asyncio.sleep(timeout)
        return {}


def consumer(committed: Mapping[TP, int | None]) -> Any:
    app = faust.App("batches-of-a-test", broker="kafka://127.0.0.1:9", store="memory://")
    deliver_in_batches(app, frozenset({BATCHED.topic}))
    made: Any = app.consumer
    made._thread.thread_loop.close()
    made._thread = Thread(committed)
    return made


def delivered(made: Any, *offsets: int) -> list[Any]:
    return [made._to_message(BATCHED, RecordBatch([Record(offset)])) for offset in offsets]


async def test_only_what_was_delivered_and_acknowledged_is_committed_from_the_oldest_on() -> None:
    """Invariant 9."""
    made = consumer({BATCHED: 3})
    first, second, third = delivered(made, 3, 4, 5)
    second.acked = True
    assert made._new_offset(BATCHED) is None
    first.acked = True
    assert made._new_offset(BATCHED) == 5
    third.acked = True
    assert made._new_offset(BATCHED) == 6
    assert made._new_offset(BATCHED) is None


async def test_the_oldest_that_is_not_done_is_known_though_its_batch_was_emptied() -> None:
    """The conversations worker empties a batch once it is folded, long before it is acknowledged:
    its lag and its age are told all the same."""
    made = consumer({BATCHED: 3})
    (only,) = delivered(made, 3)
    only.value.clear()
    assert made.oldest_uncommitted(BATCHED) == 1_795_000_000
    assert made._delivered[BATCHED][0].first == 3


@pytest.mark.parametrize("ended_by", ["seek", "revocation"])
async def test_an_acknowledgement_of_before_a_seek_or_a_rebalance_commits_nothing(
    ended_by: str,
) -> None:
    """Invariant 9: what was dropped on the way is behind it, and comes again."""
    made = consumer({BATCHED: 3})
    _dropped, worked_on = delivered(made, 3, 4)
    if ended_by == "seek":
        await made.perform_seek()
    else:
        await made.on_partitions_revoked({BATCHED})
    worked_on.acked = True
    assert made._new_offset(BATCHED) is None


@pytest.mark.parametrize("committed", [None, 0])
async def test_a_partition_with_nothing_committed_is_read_from_its_beginning(
    committed: int | None,
) -> None:
    made = consumer({BATCHED: committed, OTHER: None})
    await made.perform_seek()
    assert made._thread.from_beginning == [tuple(BATCHED)]


async def test_a_fetch_under_way_does_not_see_its_partitions_being_paused() -> None:
    """An empty set would mean all partitions to it."""
    made = consumer({BATCHED: 3})
    active = {OTHER}
    fetching = asyncio.create_task(made._getmany(active, 0.01))
    await asyncio.sleep(0)
    active.clear()
    await fetching
    assert made._thread.asked == {OTHER}


async def test_batched_partitions_are_resumed_with_the_flow_and_not_before_it() -> None:
    made = consumer({BATCHED: 3, OTHER: 3})
    made.pause_partitions({BATCHED, OTHER})
    made.resume_partitions({BATCHED, OTHER})
    assert made._get_active_partitions() == {OTHER}
    made.resume_flow()
    assert made._get_active_partitions() == {BATCHED, OTHER}


async def test_fetches_keep_their_distance_and_nothing_else_waits() -> None:
    now, sent, slept = 100.0, list[tuple[str, float]](), list[float]()

    async def send(_node: int, request: Any) -> None:
        sent.append((type(request).__name__, round(now, 3)))

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = paced(send, 0.008, clock=lambda: now, sleep=sleep)
    fetch, other = FetchRequest(16, 1, 1, 0, []), MetadataRequest([])
    for request, seconds_later in ((fetch, 0.001), (fetch, 0.0), (other, 1.0), (fetch, 0.0)):
        await pace(0, request)
        now += seconds_later
    names = [name for name, _ in sent]
    assert names == ["FetchRequest", "FetchRequest", "MetadataRequest", "FetchRequest"]
    assert [at for _, at in sent] == [100.0, 100.008, 100.008, 101.008]
    assert slept == [pytest.approx(0.007)]


@pytest.mark.parametrize(
    ("batches_left", "fetched_at"),
    [(0, 100.0), (2, 100.024), (50, 100.048)],
)
async def test_a_busy_worker_s_fetch_waits_for_its_work_and_not_for_ever(
    batches_left: int, fetched_at: float
) -> None:
    now, sent = 100.0, list[float]()

    async def send(_node: int, _request: Any) -> None:
        sent.append(round(now, 3))

    async def sleep(seconds: float) -> None:
        nonlocal now, batches_left
        now += seconds
        batches_left -= 1

    pace = paced(
        send, 0.012, busy=lambda: batches_left > 0, work_first=0.048, clock=lambda: now, sleep=sleep
    )
    await pace(0, MetadataRequest([]))
    await pace(0, FetchRequest(16, 1, 1, 0, []))
    assert sent == [100.0, fetched_at]


async def test_in_hand_is_what_was_delivered_and_is_neither_emptied_nor_acknowledged() -> None:
    made = consumer({BATCHED: 3})
    _waits, folded, done = delivered(made, 3, 4, 5)
    assert made.in_hand() == 3
    folded.value.clear()
    done.acked = True
    assert made.in_hand() == 1
