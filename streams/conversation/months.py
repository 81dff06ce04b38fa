"""Active conversations: each gets the next rank of its profile's month, once, and keeps it.

Ranks are recorded facts. Events and commands come by two topics whose interleaving nobody records,
so a rank that were computed again on replay could come out differently: `react` and `decide` take
the next one and write it down, and here it is only applied.

An accident (a worker that is taken for dead and writes on) can give one conversation two ranks, or
one rank to two conversations. All that is recorded is kept: a conversation's ranks as a set, and
for each rank of the newest months the conversation that holds it. Of several claimants the one with
the smallest fingerprint holds it, whichever record came first. A conversation's place is its lowest
rank that nobody else holds. So no rank lets two conversations send, in any order of the log, and
who lost a rank gets a new one at the next send, if one is left. A rank that nobody holds is lost:
the limit is never exceeded, at worst it is missed by the number of accidents.
"""

from collections.abc import Mapping
from typing import Literal

from streams.conversation import fingerprints
from streams.conversation.merging import newest
from streams.conversation.state import (
    KEPT_MONTHS,
    ConversationState,
    MonthTally,
    ProfileState,
)

_HELD_MONTHS = 2
"""This month and the one before: sends are decided in no other."""
MOST_HOLDERS = 1_000
"""Ranks above are believed without a look. The providers' largest plan is 1,000; each holder
costs 5.4 bytes of the profile's state."""

_WIDTH = 4
"""Bytes of a holder's fingerprint."""

_SHARES: tuple[Literal[80, 100], ...] = (80, 100)


def with_rank(conversation: ConversationState, month: str, rank: int) -> ConversationState:
    ranks = conversation.months.get(month, ())
    if rank in ranks:
        return conversation
    grown = {**conversation.months, month: tuple(sorted((*ranks, rank)))}
    return conversation._replace(months=newest(grown, KEPT_MONTHS))


def with_rank_given(
    profile: ProfileState, conversation_id: str, month: str, rank: int
) -> ProfileState:
    tally = profile.months.get(month, MonthTally())
    tallies = newest(
        {**profile.months, month: tally._replace(highest=max(tally.highest, rank))}, KEPT_MONTHS
    )
    holders = _with_holder(
        profile.holders, month, rank, fingerprints.of_conversation(conversation_id)
    )
    if tallies == profile.months and holders == profile.holders:
        return profile
    return profile._replace(months=tallies, holders=holders)


def _with_holder(
    holders: Mapping[str, bytes], month: str, rank: int, claimant: int
) -> Mapping[str, bytes]:
    # Also above the most that are kept, the month itself is: it may push an older one out.
    held = holders.get(month, b"")
    if rank <= MOST_HOLDERS:
        holder = min(holder_of(held, rank) or claimant, claimant)
        start, end = (rank - 1) * _WIDTH, rank * _WIDTH
        held = held[:start].ljust(start, b"\0") + holder.to_bytes(_WIDTH) + held[end:]
    return newest({**holders, month: held}, _HELD_MONTHS)


def holder_of(held: bytes, rank: int) -> int:
    """The fingerprint of the conversation that holds a rank of a month; 0 where nobody does."""
    return int.from_bytes(held[(rank - 1) * _WIDTH : rank * _WIDTH])


def with_limit_told(
    profile: ProfileState, month: str, share: Literal[80, 100], limit: int
) -> ProfileState:
    tally = profile.months.get(month, MonthTally())
    if share == _SHARES[0]:
        told = tally._replace(told_80=max(tally.told_80, limit))
    else:
        told = tally._replace(told_100=max(tally.told_100, limit))
    months = newest({**profile.months, month: told}, KEPT_MONTHS)
    return profile if months == profile.months else profile._replace(months=months)


def rank_of(profile: ProfileState, conversation: ConversationState, month: str) -> int | None:
    """The conversation's place in the month; None while it has none."""
    ranks = conversation.months.get(month)
    if ranks is None:
        return None
    held = profile.holders.get(month, b"")
    claimant = fingerprints.of_conversation(conversation.id)
    for rank in ranks:
        if holder_of(held, rank) in {0, claimant}:
            return rank
    return None


def count_of(profile: ProfileState, month: str) -> int:
    """Active conversations of the month: the highest rank."""
    tally = profile.months.get(month)
    return 0 if tally is None else tally.highest


def is_kept(months: Mapping[str, object], month: str) -> bool:
    """Whether state has room for the month. Activity in an older one is history and no more."""
    return month in months or len(months) < KEPT_MONTHS or month > min(months)


def shares_to_tell(tally: MonthTally, limit: int) -> list[Literal[80, 100]]:
    """Which shares of the limit are used and were not told yet, of this limit or a greater one."""
    told = {80: tally.told_80, 100: tally.told_100}
    return [
        share
        for share in _SHARES
        if limit > told[share] and tally.highest >= -(-limit * share // 100)
    ]
