"""The writer's pure parts: cutting, waiting, telling errors apart."""

import random
from itertools import pairwise

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from hypothesis import given
from hypothesis import strategies as st

from sinks import packing
from sinks.archive import LogRecord, insert_until_acknowledged, until_available
from sinks.errors import ArchiveRefused, ArchiveUnavailable, TooManyParts, classified
from sinks.packing import Packed, cut


def of_sizes(sizes: list[int]) -> list[LogRecord]:
    return [LogRecord(0, n, 0, b"", bytes(size), ()) for n, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 40), max_size=60))
def test_cut_ranges_hold_every_record_once_in_order_and_keep_the_limits(sizes: list[int]) -> None:
    records = of_sizes(sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "MAX_ROWS", 7)
        patch.setattr(packing, "MAX_BYTES", 50)
        ranges = list(cut(records))
        assert ranges == list(cut(records))
    assert [r for part in ranges for r in part] == records
    for part in ranges:
        assert 0 < len(part) <= 7
        assert len(part) == 1 or sum(len(r.value or b"") for r in part) <= 50
    for part, following in pairwise(ranges):  # none is cut without need
        assert len(part) == 7 or sum(len(r.value or b"") for r in [*part, following[0]]) > 50


def test_the_limits_stay_below_what_one_insert_can_be() -> None:
    assert (packing.MAX_ROWS, packing.MAX_BYTES) == (50_000, 16 * 1024**2)


BATCH = Packed(of_sizes([1, 2, 3]), [], [], [], [])


class Failing:
    """Raises what it was given, one a call; then acknowledges."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[Packed] = []

    async def insert(self, packed: Packed) -> None:
        self.calls.append(packed)
        if self.errors:
            raise self.errors.pop(0)


async def run(
    failing: Failing, packed: Packed = BATCH
) -> tuple[list[float], list[tuple[int, float]]]:
    slept: list[float] = []
    troubles: list[tuple[int, float]] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await insert_until_acknowledged(
        failing,  # type: ignore[arg-type]
        packed,
        sleep=sleep,
        on_trouble=lambda _, attempt, wait: troubles.append((attempt, wait)),
        jitter=random.Random(7),
    )
    return slept, troubles


@pytest.mark.anyio
async def test_the_same_batch_is_sent_until_they_are_acknowledged_each_wait_longer() -> None:
    failing = Failing(*[ArchiveUnavailable("away", retry_after=0.5) for _ in range(12)])
    slept, troubles = await run(failing)
    assert len(failing.calls) == 13
    assert all(call is BATCH for call in failing.calls)
    assert troubles == list(enumerate(slept, start=1))
    for attempt, seconds in enumerate(slept):
        longest = min(30.0, 0.5 * 2**attempt)
        assert longest / 2 <= seconds <= longest
    assert len(set(slept)) == len(slept), "jittered"


@pytest.mark.anyio
async def test_too_many_parts_waits_longer_from_the_start() -> None:
    slept, _ = await run(Failing(TooManyParts("parts", retry_after=5.0)))
    assert 2.5 <= slept[0] <= 5.0


@pytest.mark.anyio
async def test_a_refusal_is_not_tried_again() -> None:
    failing = Failing(ArchiveRefused("schema"))
    with pytest.raises(ArchiveRefused):
        await run(failing)
    assert len(failing.calls) == 1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("code", [3, 159, 202, 203, 209, 210, 241, 242, 285, 319, 425, 999, 1002])
def test_codes_that_pass_by_are_unavailable(code: int) -> None:
    error = classified(DatabaseError("x", code=code, name="NAME"), table="dm.events")
    assert type(error) is ArchiveUnavailable
    assert f"code {code}" in str(error)


@pytest.mark.parametrize("code", [16, 60, 81, 53, 164, 497, 516, 27, 117, 6])
def test_codes_that_would_come_again_are_refused(code: int) -> None:
    error = classified(DatabaseError("x", code=code, name="NAME"), table="dm.events")
    assert type(error) is ArchiveRefused


def test_too_many_parts_is_its_own_kind() -> None:
    error = classified(DatabaseError("x", code=252, name="TOO_MANY_PARTS"), table="dm.events")
    assert type(error) is TooManyParts


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("Error executing HTTP request"),
        OSError("closed"),
        TimeoutError(),
        DatabaseError("HTTP driver received HTTP status 503"),
        DatabaseError("HTTP driver received HTTP status 502, <html>"),
    ],
)
def test_an_answer_that_did_not_come_is_unknown(error: Exception) -> None:
    assert type(classified(error, table="dm.events")) is ArchiveUnavailable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_refusal_by_a_proxy_is_one(status: int) -> None:
    error = DatabaseError(f"HTTP driver received HTTP status {status}")
    assert type(classified(error, table="dm.events")) is ArchiveRefused


def test_no_text_of_the_server_is_repeated() -> None:
    """Invariant 11: it may quote the row."""
    text = (
        "Cannot parse string 'my card number is 4242' as UInt8: while converting source column"
        " `text` to destination column `text`"
    )
    error = classified(DatabaseError(text, code=6, name="CANNOT_PARSE_TEXT"), table="dm.events")
    assert "4242" not in str(error)
    assert str(error).startswith(
        "ClickHouse refused the insert into dm.events, column text (code 6 CANNOT_PARSE_TEXT)"
    )


@pytest.mark.anyio
async def test_what_is_asked_of_an_archive_that_is_away_is_asked_until_it_answers() -> None:
    answers: list[int | None] = [None, None, 7]
    waits: list[float] = []

    async def ask() -> int:
        found = answers.pop(0)
        if found is None:
            raise ArchiveUnavailable("nobody answers", retry_after=0.5)
        return found

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    got = await until_available(
        ask, sleep=sleep, on_trouble=lambda *_: None, jitter=random.Random(1)
    )
    assert got == 7
    assert len(waits) == 2
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1.0
