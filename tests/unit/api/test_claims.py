"""Who may link an account where several ask at once: the order of the topic decides."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.accounts import AccountClaim, claim_key
from streams.api.claims import LASTS, AccountClaims
from streams.api.errors import Problem
from streams.gateway.keep import NotKeptError, broker_away
from streams.settings import Settings

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
SETTINGS = Settings(_env_file=None, publish_timeout_seconds=0.2)


class Topic:
    """One log for all gateways; each has read it up to some place."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []
        self.gateways: list[AccountClaims] = []
        self.trouble: NotKeptError | None = None
        self.silent = False

    def gateway(self) -> AccountClaims:
        made = AccountClaims(SETTINGS, self)  # type: ignore[arg-type]
        self.gateways.append(made)
        return made

    async def publish(self, key: bytes, value: bytes, _: Any) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.records.append((key.decode(), value))
        await asyncio.sleep(0)
        for gateway in () if self.silent else self.gateways:
            gateway.apply(key.decode(), value)


def claim(name: str, profile: str, *, after: float = 0, released: bool = False) -> AccountClaim:
    at = NOW + timedelta(seconds=after)
    return AccountClaim(claim_id=name, profileid=profile, at=at, released=released)


async def undecided(_profile: str, _command_id: str) -> bool:
    return False


def test_of_two_at_once_at_two_gateways_one_goes_on_and_the_other_is_refused() -> None:
    async def run() -> None:
        topic = Topic()
        going_on = asyncio.Event()
        won: list[str] = []
        refused: list[str] = []
        reasons: list[tuple[str, int]] = []

        async def link(gateway: AccountClaims, profile: str) -> None:
            try:
                async with gateway.claimed(profile, "123", NOW, undecided) as mine:
                    won.append(profile)
                    mine.command_id = "link"
                    await going_on.wait()
                    mine.is_decided = True
            except Problem as problem:
                refused.append(profile)
                reasons.append((problem.reason, problem.status))
                going_on.set()

        first, second = topic.gateway(), topic.gateway()
        await asyncio.gather(link(first, "a"), link(second, "b"))
        assert (len(won), len(refused)) == (1, 1)
        assert reasons == [("account_being_linked", 409)]
        await link(second, refused[0])  # the other one is done
        assert sorted(won) == ["a", "b"]

    asyncio.run(run())


def test_a_link_that_waits_for_its_worker_keeps_its_claim_and_a_refused_one_does_not() -> None:
    async def run() -> None:
        gateway = Topic().gateway()
        with pytest.raises(Problem):
            async with gateway.claimed("a", "1", NOW, undecided):
                raise Problem("account_of_another")
        async with gateway.claimed("b", "1", NOW, undecided) as pending:
            pending.command_id = "link of b"  # 202: not decided yet
        with pytest.raises(Problem, match="at this moment"):
            async with gateway.claimed("a", "1", NOW + LASTS - timedelta(seconds=1), undecided):
                raise AssertionError
        async with gateway.claimed("a", "1", NOW + LASTS, undecided):
            pass

    asyncio.run(run())


def test_a_link_that_was_decided_after_its_answer_is_in_nobody_s_way() -> None:
    """At whichever gateway: the one that claimed may be gone."""

    async def run() -> None:
        topic = Topic()
        first, second = topic.gateway(), topic.gateway()
        decided: set[tuple[str, str]] = set()

        async def is_decided(profile: str, command_id: str) -> bool:
            return (profile, command_id) in decided

        async def link(gateway: AccountClaims, profile: str, command_id: str) -> None:
            async with gateway.claimed(profile, "1", NOW, is_decided) as claim:
                claim.command_id = command_id

        await link(first, "b", "once")
        await link(first, "b", "again")
        decided.add(("b", "once"))
        with pytest.raises(Problem, match="at this moment"):
            await link(second, "a", "later")
        decided.add(("b", "again"))
        await link(second, "a", "later")
        with pytest.raises(Problem, match="at this moment"):
            await link(first, "b", "once more")
        assert first._standing == second._standing

    asyncio.run(run())


def test_a_request_that_is_still_under_way_is_waited_for_though_its_link_is_decided() -> None:
    """It may still have to take the account from its former owner."""

    async def run() -> None:
        topic = Topic()
        first, second = topic.gateway(), topic.gateway()

        async def decided(_profile: str, _command_id: str) -> bool:
            return True

        async with first.claimed("b", "1", NOW, decided) as claim:
            claim.command_id = "link"
            with pytest.raises(Problem, match="at this moment"):
                async with second.claimed("a", "1", NOW, decided):
                    raise AssertionError
        async with second.claimed("a", "1", NOW, decided):
            pass

    asyncio.run(run())


def test_who_never_came_to_ask_for_a_link_is_in_nobody_s_way() -> None:
    async def run() -> None:
        gateway = Topic().gateway()
        with pytest.raises(ZeroDivisionError):
            async with gateway.claimed("b", "1", NOW, undecided):
                raise ZeroDivisionError  # as where the archive is away
        async with gateway.claimed("a", "1", NOW, undecided):
            pass

    asyncio.run(run())


def test_trouble_with_the_broker_is_an_answer_and_no_claim_is_believed() -> None:
    async def run() -> None:
        topic = Topic()
        gateway = topic.gateway()
        topic.trouble = broker_away()
        with pytest.raises(Problem) as away:
            async with gateway.claimed("a", "1", NOW, undecided):
                raise AssertionError
        topic.trouble, topic.silent = None, True
        with pytest.raises(Problem) as silent:
            async with gateway.claimed("a", "1", NOW, undecided):
                raise AssertionError
        assert (away.value.status, silent.value.status) == (503, 503)

    asyncio.run(run())


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 300), st.booleans(), st.integers(0, 9)),
        max_size=40,
    )
)
def test_at_most_one_profile_has_an_account_at_any_time(steps: Sequence[Any]) -> None:
    """And whoever reads the same records comes to the same word."""
    one, two = AccountClaims(SETTINGS, Topic()), AccountClaims(SETTINGS, Topic())  # type: ignore[arg-type]
    key, after = claim_key("1"), 0.0
    held: dict[str, tuple[str, float]] = {}
    for profile, wait, released, name in steps:
        after += wait / 10
        record = claim(f"{profile}{name}", profile, after=after, released=released)
        one.apply(key, record.model_dump_json().encode())
        two.apply(key, record.model_dump_json().encode())
        held = {n: (p, at) for n, (p, at) in held.items() if after - at < LASTS.total_seconds()}
        if released:
            held.pop(record.claim_id, None)
        elif all(owner == profile for owner, _ in held.values()):
            held[record.claim_id] = (profile, after)
        standing = one._standing.get(key)
        assert set(standing.claims if standing else ()) == set(held)
        assert len({owner for owner, _ in held.values()}) <= 1
    assert one._standing == two._standing


def test_ids_that_are_taken_for_each_other_are_one_claim_and_what_is_none_counts_for_nothing() -> (
    None
):
    assert claim_key("Ref-of.them") == claim_key("REF_OF_THEM") != claim_key("refofthem")
    gateway = AccountClaims(SETTINGS, Topic())  # type: ignore[arg-type]
    gateway.apply("meta:1", b"{}")
    gateway.apply(claim_key("1"), b"nonsense")
    gateway.apply(claim_key("1"), None)
    assert not gateway._standing
