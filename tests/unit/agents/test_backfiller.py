"""A request for history: pages written and noted, refusals waited out or told, kills survived."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.backfills import BackfillRequest
from schemas.events import AccountUnlinked, HistoryBackfilled
from schemas.ids import event_id
from schemas.topics import FailureHeader
from streams.agents.backfill_waits import BackfillRefused, Patience
from streams.providers.credentials import CredentialMissingError
from streams.providers.protocol import (
    ErrorClass,
    HistoryMessage,
    HistoryPage,
    HistoryStopped,
    SendError,
)
from tests.unit.agents.backfilling import (
    LIMITED,
    PAGE,
    KilledError,
    Provider,
    World,
    record,
    request,
)
from tests.unit.agents.sends import NOON


def test_every_page_becomes_events_with_live_ids_and_the_end_is_told() -> None:
    """Invariant 3."""
    world = World()
    world.run()
    assert sorted(world.fetched()) == sorted(f"m-{number}" for number in range(10))
    first = world.durable.events()[0]
    assert first.id == event_id("meta", PAGE, "message", "m-1")  # the older of the page
    assert (first.causationid, first.correlationid) == ("request-1", "c")
    body = world.told().data
    assert (body.messages, body.conversations, body.asked_at) == (10, 5, NOON)


def test_a_long_wait_is_waited_out_and_goes_on_from_the_last_page() -> None:
    world = World(Provider(refusals=[(3, LIMITED), (1, LIMITED)]))
    world.run()
    assert world.provider.looks == [None, "3", "4"]
    assert world.slept == [900.0, 900.0]
    assert len(world.fetched()) == len(set(world.fetched())) == 10


def test_a_wait_that_names_an_instant_ends_after_it() -> None:
    until = NOON + timedelta(minutes=14)
    error = SendError(ErrorClass.RATE_LIMITED, "wait", retry_at=until)
    world = World(Provider(refusals=[(0, error)]))
    world.run()
    assert world.clock.now > until


def test_what_waits_holds_up_no_other_account() -> None:
    world = World()
    released = asyncio.Event()

    async def history(wanted: BackfillRequest, _: str | None) -> AsyncGenerator[HistoryPage, None]:
        if wanted.account_id == "waits" and not released.is_set():
            raise HistoryStopped(LIMITED)
        yield world.provider.page(0)

    async def sleep(_: float) -> None:
        await released.wait()

    async def scenario() -> None:
        backfiller = world.backfiller()
        backfiller.history, backfiller.sleep = history, sleep
        waiting = [
            asyncio.create_task(backfiller.carry_out(wanted, record(wanted)))
            for number in range(10)
            for wanted in [request(account="waits", request_id=f"waits-{number}")]
        ]
        other = request(request_id="other")
        await asyncio.wait_for(backfiller.carry_out(other, record(other)), 2)
        assert not any(task.done() for task in waiting)
        released.set()
        await asyncio.gather(*waiting)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "error_class",
    [
        ErrorClass.TOKEN_INVALID,
        ErrorClass.ACCOUNT_RESTRICTED,
        ErrorClass.BAD_REQUEST,
    ],
)
def test_what_no_waiting_mends_is_a_failure_by_its_class(error_class: ErrorClass) -> None:
    world = World(Provider(refusals=[(0, SendError(error_class, "the sentence"))]))
    world.run()
    (failure,) = world.durable.failures()
    assert failure[FailureHeader.STAGE] == b"backfill"
    assert failure[FailureHeader.REASON] == error_class.encode()
    assert b"the sentence" in failure[FailureHeader.MESSAGE]
    unlinked = [e for e in world.durable.events() if isinstance(e, AccountUnlinked)]
    assert bool(unlinked) == (error_class is ErrorClass.TOKEN_INVALID)
    assert not any(isinstance(e, HistoryBackfilled) for e in world.durable.events())


def test_a_failed_request_that_is_replayed_goes_on_where_it_stopped() -> None:
    restricted = SendError(ErrorClass.ACCOUNT_RESTRICTED, "no credit")
    world = World(Provider(refusals=[(2, restricted)]))
    world.run()
    world.run()
    assert world.provider.looks == [None, "2"]
    assert len(world.fetched()) == 10
    assert world.told().data.messages == 10


def test_a_cursor_that_lapsed_begins_again_once_and_then_it_is_a_failure() -> None:
    lapsed = SendError(ErrorClass.BAD_REQUEST, "the cursor is not known")
    world = World(Provider(refusals=[(2, LIMITED), (0, lapsed)]))
    world.run()
    assert world.provider.looks == [None, "2", None]
    assert world.told().data.messages == 10
    broken = World(Provider(refusals=[(2, lapsed), (2, lapsed)]))
    broken.run()
    assert broken.provider.looks == [None, None]
    assert len(broken.durable.failures()) == 1


def test_a_day_without_a_page_is_a_failure_and_a_page_begins_the_day_anew() -> None:
    trouble = SendError(ErrorClass.TRANSIENT, "away")
    world = World(Provider(refusals=[(0, trouble)] * 200))
    world.run()
    (failure,) = world.durable.failures()
    assert failure[FailureHeader.REASON] == b"transient"
    assert timedelta(hours=23) < world.clock.now - NOON < timedelta(hours=24)
    slow = World(Provider(pages=60, refusals=[(1, LIMITED)] * 59))
    slow.provider.refusals = [
        (1, SendError(ErrorClass.RATE_LIMITED, "wait", retry_after_seconds=5 * 3600.0))
    ] * 59
    slow.run()
    assert slow.told().data.messages == 120


def test_waits_that_nobody_named_double_up_to_a_quarter_of_an_hour() -> None:
    patience = Patience(NOON)
    error = SendError(ErrorClass.TRANSIENT, "away")
    waits = [patience.wait(error, NOON) for _ in range(9)]
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]
    patience.a_page_came(NOON)
    assert patience.wait(error, NOON) == 15


@pytest.mark.parametrize(("origin", "failures"), [("link", 0), ("command", 1)])
def test_without_any_credential_a_link_asks_nothing_and_a_command_is_told(
    origin: str, failures: int
) -> None:
    error = CredentialMissingError("no credential: set DM_CREDENTIAL_META")
    world = World(Provider(refusals=[(0, error)]))
    world.run(request(origin))
    assert len(world.durable.failures()) == failures
    assert world.durable.events() == []


def test_a_refusal_by_us_is_a_failure_too() -> None:
    world = World(Provider(refusals=[(0, BackfillRefused("wrong_account", "theirs"))]))
    world.run()
    assert world.durable.failures()[0][FailureHeader.REASON] == b"wrong_account"


def test_only_another_account_s_messages_are_a_failure_and_some_beside_ours_are_not() -> None:
    world = World(Provider(pages=1, foreign=2))
    world.run()
    assert world.told().data.messages == 2

    class Theirs(Provider):
        def page(self, number: int) -> HistoryPage:
            return HistoryPage((), foreign=3, cursor=str(number))

    theirs = World(Theirs(pages=1))
    theirs.run()
    assert theirs.durable.failures()[0][FailureHeader.REASON] == b"wrong_account"


def test_a_request_that_is_done_is_not_fetched_again_but_who_commands_is_answered() -> None:
    world = World()
    world.run()
    before = len(world.durable.records)
    world.run()
    assert len(world.durable.records) == before
    world.run(request("command"))
    assert world.told().data.messages == 10
    assert world.provider.looks == [None]


def test_no_text_of_a_message_is_in_a_failure_s_headers_or_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Invariant 11."""
    secret = HistoryMessage(PAGE, "p", "m", "correspondent", NOON, "a text that nobody may log")

    class Telling(Provider):
        def page(self, number: int) -> HistoryPage:
            return HistoryPage((secret,), cursor=str(number))

    restricted = SendError(ErrorClass.ACCOUNT_RESTRICTED, "no credit")
    world = World(Telling(refusals=[(1, LIMITED), (1, restricted)]))
    world.run()
    (failure,) = world.durable.failures()
    shown = capsys.readouterr()
    assert b"nobody may log" not in b"".join(failure.values())
    assert "nobody may log" not in shown.out + shown.err + repr(secret)
    assert "backfill_waits" in shown.out


@given(st.lists(st.integers(0, 14), max_size=4), st.integers(0, 6))
def test_killed_at_any_write_any_number_of_times_everything_is_there_once(
    kills: list[int], pages: int
) -> None:
    """Nothing lost; what came twice has one id; the end is told under one id."""
    world = World(Provider(pages=pages))
    for dies_after in kills:
        world.durable.dies_after = dies_after
        try:
            world.run()
        except KilledError:
            continue
    world.durable.dies_after = None
    world.run(request("command"))
    assert set(world.fetched()) == {f"m-{number}" for number in range(2 * pages)}
    ids = {event.id for event in world.durable.events() if event.subject}
    assert len(ids) == 2 * pages
    assert world.told().data.messages == 2 * pages
    read_again = len(world.fetched()) - 2 * pages
    assert read_again <= 2 * len(kills)  # one page a kill
