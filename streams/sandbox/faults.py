"""Faults on demand: which send gets which, decided by rules that tests and operators post."""

import random
from dataclasses import dataclass, field
from enum import StrEnum

from streams.sandbox.store import Incoming


class FaultKind(StrEnum):
    RATE_LIMITED = "rate_limited"
    """429; with `wait` (seconds) in the platform's own header, without it unsaid."""
    BUSY = "busy"
    """The platform's own "temporarily unavailable", which says that nothing was done."""
    SERVER_ERROR_BEFORE = "server_error_before"
    SERVER_ERROR_AFTER = "server_error_after"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    """The connection is reset once the body was read."""
    ERROR_IN_200 = "error_in_200"
    THREAD_CONTROL = "thread_control"
    BLOCKED = "blocked"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a kind of fault
    WINDOW_CLOSED = "window_closed"
    RESTRICTED = "restricted"
    REDIRECT = "redirect"
    OVERSIZED = "oversized"
    """Success, in an answer of many megabytes."""
    NOT_JSON = "not_json"
    TRUNCATED = "truncated"
    """Success, but the answer breaks off."""
    ERROR_YET_KEPT = "error_yet_kept"
    """An error in the platform's own form that says it may have been delivered."""


@dataclass(frozen=True, slots=True)
class Effect:
    kept: bool
    settled: bool
    """The answer tells for certain that the message was refused."""


_REFUSED = Effect(kept=False, settled=True)
_LOST = Effect(kept=False, settled=False)
_KEPT = Effect(kept=True, settled=False)

EFFECTS: dict[FaultKind, Effect] = {
    FaultKind.RATE_LIMITED: _REFUSED,
    FaultKind.BUSY: _REFUSED,
    FaultKind.SERVER_ERROR_BEFORE: _LOST,
    FaultKind.SERVER_ERROR_AFTER: _KEPT,
    FaultKind.HANG_BEFORE: _LOST,
    FaultKind.HANG_AFTER: _KEPT,
    FaultKind.RESET_BEFORE: _LOST,
    FaultKind.RESET_AFTER: _KEPT,
    FaultKind.ERROR_IN_200: _REFUSED,
    FaultKind.THREAD_CONTROL: _REFUSED,
    FaultKind.BLOCKED: _REFUSED,
    FaultKind.EXPIRED_TOKEN: _REFUSED,
    FaultKind.WINDOW_CLOSED: _REFUSED,
    FaultKind.RESTRICTED: _REFUSED,
    FaultKind.REDIRECT: _REFUSED,
    FaultKind.OVERSIZED: _KEPT,
    FaultKind.NOT_JSON: _KEPT,
    FaultKind.TRUNCATED: _KEPT,
    FaultKind.ERROR_YET_KEPT: _KEPT,
}


@dataclass(slots=True)
class Rule:
    """Which sends it meets (absent: all), and how often. `on` history: the reading calls."""

    kind: FaultKind
    on: str = "send"
    provider: str | None = None
    platform: str | None = None
    account: str | None = None
    recipient: str | None = None
    probability: float = 1.0
    next: int | None = None
    """So many times, then never again."""
    skip: int = 0
    """After so many that it lets pass."""
    wait: float | None = None
    status: int | None = None
    hits: int = 0

    def meets(self, incoming: Incoming) -> bool:
        return (
            (self.provider is None or self.provider == incoming.provider)
            and (self.platform is None or self.platform == incoming.platform)
            and (self.account is None or self.account == incoming.account.account_id)
            and (self.recipient is None or self.recipient == incoming.recipient_id)
        )


@dataclass(slots=True)
class Faults:
    """The rules, in the order they were posted: the first that meets and fires decides."""

    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def pick(self, incoming: Incoming, on: str = "send") -> Rule | None:
        for rule in self.rules:
            if rule.on != on or rule.next == 0 or not rule.meets(incoming):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if self._random.random() >= rule.probability:
                continue
            rule.hits += 1
            if rule.next is not None:
                rule.next -= 1
            return rule
        return None
