"""How fast sends leave, per account: within the platform's limits, before it has to refuse one.

Each limit of an account is a token bucket, kept as one instant (the generic cell rate algorithm):
a share of the limit may leave at once, the rest is spread over its time, and no stretch of that
time sees more than the limit. Beyond that, those who wait stand in line by turns, so that a
thousand do not wake together for one place.

A library does not fit (aiolimiter, pyrate-limiter): they wait inside a call, by a clock of their
own. Here a send must know beforehand until when it would wait, since it may not wait beyond its
deadline, and waits long on the delayed topic, where it survives a restart.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from schemas.base import Provider
from streams.agents.outgoing import Outgoing
from streams.providers.protocol import Allowance
from streams.providers.rates import Rate, weight

log = structlog.get_logger()

_KEPT_ACCOUNTS = 10_000
"""Above it, accounts whose buckets are full again are forgotten: a new one says the same."""
_OVERDUE_SECONDS = 5.0
"""Who comes later than this after their turn gets a new one: after a pause all come at once."""
_QUIET_SECONDS = 30.0
"""After so long without a wait, the next one is another."""
_CLOCK_TICK = 0.001
"""Instants on the delayed topic are whole milliseconds: who is early by one need not wait again."""


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    share: float
    burst_share: float
    whole: int = 0
    """The limit's number, of which this worker has its share."""
    full_at: float = 0.0
    """When all of the burst is there again, in seconds since 1970."""
    planned_at: float = 0.0
    """The same once all those in line have gone."""

    def __post_init__(self) -> None:
        self.whole = self.rate.limit.most

    @property
    def most(self) -> int:
        return max(1, int(self.whole * self.share))

    @property
    def _burst(self) -> int:
        return max(1, int(self.most * self.burst_share))

    @property
    def _every(self) -> float:
        """Seconds between two once the burst is used. In any stretch of the limit's time there are
        at most the burst and what is spread over it: together the limit."""
        return self.rate.limit.seconds / max(1, self.most - self._burst)

    def allow(self, whole: int, now: float) -> None:
        """Another number from now on. What was used stays used."""
        used = max(0.0, self.full_at - now) / self._every
        planned = max(0.0, self.planned_at - now) / self._every
        self.whole = whole
        self.full_at, self.planned_at = now + used * self._every, now + planned * self._every

    def free_at(self, weight: int) -> float:
        return self._free(self.full_at, weight)

    def planned_free_at(self, weight: int) -> float:
        return self._free(max(self.full_at, self.planned_at), weight)

    def take(self, weight: int, now: float) -> None:
        self.full_at = max(self.full_at, now) + weight * self._every

    def plan(self, weight: int, now: float) -> None:
        self.planned_at = max(self.full_at, self.planned_at, now) + weight * self._every

    def leave(self, left: int, now: float) -> None:
        """The platform says that no more are left: ours may not think otherwise."""
        self.full_at = max(self.full_at, now + (self._burst - left) * self._every)

    def _free(self, full_at: float, weight: int) -> float:
        return full_at + (weight - self._burst) * self._every if weight else 0.0


@dataclass(slots=True)
class _Account:
    buckets: tuple[_Bucket, ...]
    turns: dict[str, float] = field(default_factory=dict)
    """Who waits, by the id of the accepted send, and the instant from which it may ask again."""
    waited_at: float | None = None
    """When it last had to wait. The log tells of it anew after a while without: an account just
    above its limit waits for a moment at every send."""
    people: "OrderedDict[int, float]" = field(default_factory=OrderedDict)
    """Whom the account wrote to, and when last, the longest ago first."""

    def is_idle(self, now: float) -> bool:
        return not self.turns and all(bucket.full_at <= now for bucket in self.buckets)

    def disperse(self) -> None:
        """Nobody is in line any more."""
        self.turns.clear()
        for bucket in self.buckets:
            bucket.planned_at = 0.0


@dataclass(slots=True)
class Pace:
    """One worker's view of its accounts. Outlives its dispatchers: a rebalance refills no bucket.
    After a restart they are full; the platform's headers then say what is left."""

    rates: Mapping[Provider, tuple[Rate, ...]]
    burst: float = 1 / 3
    share: float = 1.0
    """Of each limit: workers share an account's conversations by their partitions."""
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _forget_above: int = _KEPT_ACCOUNTS

    def begin(self, share: float) -> None:
        """For a new assignment of partitions."""
        self.share = share
        for account in self._accounts.values():
            account.disperse()
            for bucket in account.buckets:
                bucket.share = share

    def wait(self, item: Outgoing, now: datetime) -> datetime | None:
        """Until when the account's limits hold the send back; None where it may go at once, and
        then `take` counts it. It has a turn until it has gone, or says that it `gives_up`."""
        account, at = self._account(item), now.timestamp()
        self._count_people(account, item, at)
        weighed = self._weighed(account, item)
        turn = account.turns.get(item.accepted.id)
        if turn is None or at > turn + _OVERDUE_SECONDS:
            due = max((bucket.planned_free_at(n) for bucket, n in weighed), default=0.0)
            in_line = False
        else:
            due = max(turn, *(bucket.free_at(n) for bucket, n in weighed))
            in_line = True
        if due <= at + _CLOCK_TICK:
            return None
        if account.waited_at is None or at - account.waited_at > _QUIET_SECONDS:
            _tell(item, weighed, due)
        account.waited_at = max(at, due)
        if not in_line:
            for bucket, n in weighed:
                bucket.plan(n, at)
        account.turns[item.accepted.id] = due
        return _instant(due)

    def take(self, item: Outgoing, now: datetime) -> None:
        """The send goes: it counts."""
        for bucket, n in self._weighed(self._account(item), item):
            bucket.take(n, now.timestamp())
        self.gives_up(item)

    def gives_up(self, item: Outgoing) -> None:
        """It will not ask again."""
        account = self._accounts.get(item.paused_with)
        if account is not None and item.accepted.id in account.turns:
            del account.turns[item.accepted.id]
            if not account.turns:
                account.disperse()

    def told(self, item: Outgoing, allowance: Allowance, now: datetime) -> None:
        """What the headers of an answer say: the platform knows better than its pages."""
        for bucket in self._account(item).buckets:
            if bucket.rate.told:
                bucket.allow(allowance.most, now.timestamp())
                bucket.leave(allowance.left, now.timestamp())

    def _weighed(self, account: _Account, item: Outgoing) -> list[tuple[_Bucket, int]]:
        provider, outbound = item.accepted.data.provider, item.outbound()
        return [(bucket, weight(provider, bucket.rate, outbound)) for bucket in account.buckets]

    def _count_people(self, account: _Account, item: Outgoing, at: float) -> None:
        mine = [bucket for bucket in account.buckets if bucket.rate.counts == "per person"]
        if not mine:
            return
        person = hash(item.accepted.data.correspondent_id)
        account.people[person] = at
        account.people.move_to_end(person)
        longest = max(bucket.rate.limit.seconds for bucket in mine)
        while next(iter(account.people.values())) < at - longest:
            account.people.popitem(last=False)
        for bucket in mine:
            bucket.allow(bucket.rate.limit.most * len(account.people), at)

    def _account(self, item: Outgoing) -> _Account:
        found = self._accounts.get(item.paused_with)
        if found is None:
            self._forget_the_idle(item.accepted.time.timestamp())
            rates = self.rates.get(item.accepted.data.provider, ())
            found = _Account(tuple(_Bucket(rate, self.share, self.burst) for rate in rates))
            self._accounts[item.paused_with] = found
        return found

    def _forget_the_idle(self, now: float) -> None:
        if len(self._accounts) >= self._forget_above:
            self._accounts = {
                name: account
                for name, account in self._accounts.items()
                if not account.is_idle(now)
            }
            self._forget_above = max(_KEPT_ACCOUNTS, 2 * len(self._accounts))


def _tell(item: Outgoing, weighed: list[tuple[_Bucket, int]], due: float) -> None:
    slowest, _ = max(weighed, key=lambda pair: pair[0].planned_free_at(pair[1]))
    log.info(
        "sends_wait_for_limit", account=item.paused_with, counts=slowest.rate.counts,
        limit=f"{slowest.most} in {slowest.rate.limit.seconds:g} s",
        until=_instant(due).isoformat(timespec="milliseconds"),
    )  # fmt: skip


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
