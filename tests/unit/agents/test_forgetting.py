"""Outcomes leave the state a week after the last news of them, by the log's time alone."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import data, events
from schemas.base import to_milliseconds
from streams.agents import forgetting
from streams.agents.working_set import table_key
from streams.conversation import outcomes
from streams.rebuilding import Fold, Rebuilt
from tests.unit.agents.deciding import (
    ASKED,
    CONVERSATION,
    HEARD,
    NOW,
    PAGE,
    PERSON,
    PROFILE,
    SEND,
    Place,
    open_for_business,
    records,
)

pytestmark = pytest.mark.anyio
OUTCOME = table_key("o", PROFILE, "c1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def written(days: float, kind: Any = events.MessageReceived, **more: Any) -> events.Event:
    at = to_milliseconds(NOW + timedelta(days=days))
    found: events.Event = kind(
        id=f"m{days}", source="/test", time=at, receivedat=at, profileid=PROFILE,
        subject=CONVERSATION, platform="facebook",
        data=data.Message(
            provider="meta", account_id=PAGE, correspondent_id=PERSON, message_id=f"m{days}", **more
        ),
    )  # fmt: skip
    return found


async def hear(place: Place, *happened: events.Event) -> None:
    value = [
        SimpleNamespace(
            timestamp=0,
            offset=place.partition.position + n,
            value=event.to_json(),
            key=b"",
            headers=[],
        )
        for n, event in enumerate(happened)
    ]
    await place.keeper.take([SimpleNamespace(value=value, message=HEARD)])


async def asked() -> Place:
    """A send was accepted, and sent."""
    place = open_for_business()
    place.partition.clock = lambda: NOW + timedelta(days=365)
    await place.keeper.take([SimpleNamespace(value=records(SEND), message=ASKED)])
    await hear(place, written(0.001, events.MessageSent, command_id="c1", origin="api"))
    return place


async def test_an_outcome_goes_from_memory_and_changelog_eight_days_after_its_last_news() -> None:
    place = await asked()
    others = {key for key in place.table.data if not key.startswith(b"o")}
    await hear(place, written(7.9))
    assert OUTCOME in place.table.data
    await hear(place, written(8.002))
    assert OUTCOME not in place.table.data
    assert others <= place.table.data.keys()


async def test_no_receipt_that_is_ahead_of_our_clock_makes_the_state_forget() -> None:
    place = await asked()
    place.partition.clock = lambda: NOW + timedelta(days=1)
    await hear(place, written(20_000))
    assert OUTCOME in place.table.data


async def test_news_of_a_command_that_come_with_the_batch_that_forgets_it_are_kept() -> None:
    place = await asked()
    again = written(9, events.MessageSent, command_id="c1", origin="api")
    await hear(place, written(8.9), again)
    assert OUTCOME in place.table.data


async def test_many_are_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_PIECE", 3)
    place = open_for_business()
    place.partition.clock = lambda: NOW + timedelta(days=365)
    wanted = [SEND.model_copy(update={"command_id": f"c{n}"}) for n in range(10)]
    await place.keeper.take([SimpleNamespace(value=records(*wanted), message=ASKED)])
    left = []
    for minute in range(6):
        await hear(place, written(9 + minute / 1440))
        left.append(sum(key.startswith(b"o") for key in place.table.data))
    assert left == sorted(left, reverse=True)
    assert left[0] > 0
    assert left[-1] == 0


async def test_a_round_ends_where_nothing_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_PIECE", 3)
    table = {table_key("o", PROFILE, f"c{n}"): b'1{"t":%d}' % n for n in range(100)}
    looked_at = []

    class Counted:
        def keys_of(self, _: int) -> list[bytes]:
            return list(table)

        def get(self, key: bytes) -> bytes | None:
            looked_at.append(key)
            return table.get(key)

    rounds = forgetting.Forgetting(Counted())
    now = 4 + outcomes.MEMORY + timedelta(days=1) // timedelta(milliseconds=1)
    gone = [key for _ in range(10) for key, _ in rounds.due(0, now)]
    assert gone == list(table)[:5]
    assert looked_at == list(table)[:9]


async def test_state_rebuilt_from_the_log_equals_the_live_one_that_has_forgotten() -> None:
    """Invariant 4."""
    place = await asked()
    await hear(place, written(4, events.MessageSent, command_id="c2", origin="api"))
    await hear(place, written(9))
    fold = Fold()
    fold.add(
        value for topic, _, value in place.written.records if topic == "dm.events.v1" and value
    )
    heard = [written(0.001, events.MessageSent, command_id="c1", origin="api")]
    heard += [written(4, events.MessageSent, command_id="c2", origin="api"), written(9)]
    fold.add(event.to_json() for event in heard)
    rebuilt = Rebuilt(fold, dict(place.table.data))
    assert OUTCOME in fold.states
    rebuilt.forget(NOW + timedelta(days=365))
    outcomes = {key for key in fold.states if key.startswith(b"o")}
    assert outcomes == {key for key in rebuilt.live if key.startswith(b"o")}
    assert table_key("o", PROFILE, "c2") in outcomes
    assert not [key for key in rebuilt.differing if key.startswith(b"o")]
