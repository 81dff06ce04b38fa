"""The demonstration's day has in it what an operator has to see."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from streams.simulator.demonstration import UnintendedAnswersError, demonstration, plan
from streams.simulator.instants import to_ms
from streams.simulator.intention import ExpectedConversation, Intention
from streams.simulator.sign import Secrets
from tests.unit.simulator.days import UNTIL
from tests.unit.simulator.gateways import SECRETS, Heard, gateway

DAY_MS = 86_400_000
KNOWN = Secrets({name: SecretStr(secret) for name, secret in SECRETS.items()})  # type: ignore[misc]

ENDS = [
    UNTIL,
    datetime(2026, 12, 1, 0, 0, 20, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 0, tzinfo=UTC),
    datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
]


def waiting(intention: Intention) -> list[ExpectedConversation]:
    return [
        one
        for one in intention.conversations.values()
        if one.last_received_at and one.last_received_at > (one.last_sent_at or 0)
    ]


@pytest.mark.parametrize("until", ENDS, ids=str)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_profile_is_close_to_its_limit_and_one_above_in_the_month_that_is(
    until: datetime, seed: int
) -> None:
    """However young the month is."""
    profiles = plan(seed=seed, until=until, webhooks=1_200).intention.profiles.values()
    month = f"{until:%Y-%m}"
    counts = sorted(profile.active_conversations.get(month, 0) for profile in profiles)
    assert len(counts) == 10
    assert counts[-1] > 100
    assert 80 < counts[-2] < 100
    assert counts[-3] < 80


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_instagram_conversations_wait_with_all_of_their_window_left_or_none(seed: int) -> None:
    until = to_ms(UNTIL)
    left = [
        7 * DAY_MS - (until - (one.last_received_at or 0))
        for one in waiting(plan(seed=seed, until=UNTIL, webhooks=1_200).intention)
        if one.platform == "instagram"
    ]
    assert any(0 < one < 3_600_000 for one in left)
    assert any(3_600_000 < one < 24 * 3_600_000 for one in left)
    assert any(2 * DAY_MS < one < 5 * DAY_MS for one in left)
    assert any(one > 6 * DAY_MS for one in left)
    assert sum(one <= 0 for one in left) >= 3


def test_all_platforms_and_providers_take_part() -> None:
    messages = plan(seed=1, until=UNTIL, webhooks=2_000).intention.messages.values()
    routes = Counter((message.provider, message.platform) for message in messages)
    assert set(routes) >= {
        ("ayrshare", "facebook"),
        ("ayrshare", "instagram"),
        ("meta", "facebook"),
        ("meta", "instagram"),
        ("x", "x"),
    }


def test_too_few_webhooks_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="ask for more webhooks"):
        plan(seed=1, until=UNTIL, webhooks=300)
    assert len(plan(seed=1, until=UNTIL, webhooks=800)) == 800


def test_it_is_sent_and_its_intention_returned() -> None:
    with gateway() as (url, heard):
        intention = asyncio.run(
            demonstration(url, KNOWN, seed=3, until=UNTIL, webhooks=800, progress=None)
        )
    assert heard.answers.total() == 800
    assert intention == plan(seed=3, until=UNTIL, webhooks=800).intention


def test_a_gateway_that_answers_otherwise_than_meant_is_an_error() -> None:
    async def accepting(_: Request, __: bytes, ___: Heard) -> Response:
        return Response(status_code=200)

    with (
        gateway(accepting) as (url, _),
        pytest.raises(UnintendedAnswersError, match=r"of 800 requests .* got 200 in place of 40"),
    ):
        asyncio.run(demonstration(url, KNOWN, seed=3, until=UNTIL, webhooks=800))


def test_a_second_day_has_new_messages_of_the_same_profiles_and_moves_no_limit() -> None:
    """`make run` again, on another day of the month, with the archive of the first."""
    first = plan(seed=1, until=UNTIL, webhooks=1_200).intention
    second = plan(seed=1, until=UNTIL + timedelta(days=2), webhooks=1_200).intention
    assert not {key[1] for key in first.messages} & {key[1] for key in second.messages}
    assert set(first.profiles) == set(second.profiles)
    both = Counter(
        one.profile_id
        for one in (first.conversations | second.conversations).values()
        if "2026-11" in one.active_months
    )
    by_size = sorted(both.values())
    assert by_size[-1] > 100
    assert 80 < by_size[-2] < 100
