"""What to do after a failed attempt: the whole policy of delivery, as one pure function.

Three thoughts make it up. A message that may have been delivered is never sent again. What the
platform refused stays refused. What was certainly not delivered is tried again, quickly a few
times and then slowly, as long as the command and its reply window live.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from streams.providers.protocol import ErrorClass, SendError

Scope = Literal["conversation", "account"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Wait here, holding the conversation, and try again."""

    after: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Delay:
    """To the delayed topic; later sends of the scope go there too, behind this one."""

    until: datetime
    scope: Scope


@dataclass(frozen=True, slots=True)
class Fail:
    """`send.failed`, terminal."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """`send.unknown`: left to an echo, never sent again."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StopAccount:
    """This send fails, and the account's others are not attempted."""

    reason: str
    message: str
    until: datetime | None
    """None: until the account is linked again (`account.unlinked`). Else a pause."""


Step = Retry | Delay | Fail | Unknown | StopAccount


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers. Seconds, and counts of attempts made for one command."""

    quick_attempts: int = 3
    quick_wait: float = 0.5
    """The first quick wait; it doubles."""
    longest_quick_wait: float = 5.0
    """A rate limit's wait up to this is waited out in place."""
    slow_wait: float = 15.0
    """The first wait on the delayed topic; it doubles."""
    unsaid_rate_wait: float = 60.0
    """After a rate limit that names no wait; it doubles."""
    longest_wait: float = 15 * 60.0
    """Of waits that we choose ourselves."""
    most_attempts: int = 8
    restricted_pause: float = 3600.0
    """How long a restricted account rests before the next send tries it."""


DEFAULT_POLICY = Policy()


def before_attempt(
    at: datetime, expires_at: datetime, window_expires_at: datetime | None
) -> Fail | None:
    """Why no attempt may be made at this instant; None where one may. Checked at each attempt."""
    if window_expires_at is not None and at >= window_expires_at <= expires_at:
        return _window_closed(window_expires_at)
    if at >= expires_at:
        return _expired(expires_at)
    return None


def next_step(
    error: SendError,
    attempt: int,
    at: datetime,
    expires_at: datetime,
    window_expires_at: datetime | None,
    *,
    jitter: float = 1.0,
    policy: Policy = DEFAULT_POLICY,
) -> Step:
    """What follows the failed attempt number `attempt` (from 1), which ended at `at`.

    `jitter` in [0, 1] spreads the waits that we choose over their upper half. A wait that would
    end at or after the command's or the window's end is not begun: the send fails at once.
    """
    match error.error_class:
        case ErrorClass.MAYBE_DELIVERED:
            return Unknown(error.error_class, error.message)
        case ErrorClass.TOKEN_INVALID:
            return StopAccount(error.error_class, error.message, until=None)
        case ErrorClass.ACCOUNT_RESTRICTED:
            pause = _asked(error, at)
            until = at + timedelta(seconds=policy.restricted_pause if pause is None else pause)
            return StopAccount(error.error_class, error.message, until=until)
        case ErrorClass.RATE_LIMITED:
            step = _after_rate_limit(error, attempt, at, jitter, policy)
        case ErrorClass.TRANSIENT:
            step = _after_transient(error, attempt, at, jitter, policy)
        case _:
            return Fail(error.error_class, error.message)
    if isinstance(step, Fail):
        return step
    next_at = step.until if isinstance(step, Delay) else at + timedelta(seconds=step.after)
    return before_attempt(next_at, expires_at, window_expires_at) or step


def _after_rate_limit(
    error: SendError, attempt: int, at: datetime, jitter: float, policy: Policy
) -> Retry | Delay | Fail:
    if attempt >= policy.most_attempts:
        return Fail(error.error_class, error.message)
    asked = _asked(error, at)
    if asked is None:
        asked = _doubling(policy.unsaid_rate_wait, attempt, jitter, policy)
    if asked <= policy.longest_quick_wait and attempt < policy.quick_attempts:
        return Retry(asked)
    return Delay(at + timedelta(seconds=asked), "account")


def _after_transient(
    error: SendError, attempt: int, at: datetime, jitter: float, policy: Policy
) -> Retry | Delay | Fail:
    if attempt >= policy.most_attempts:
        return Fail(error.error_class, error.message)
    asked = _asked(error, at)
    if attempt < policy.quick_attempts and (asked or 0.0) <= policy.longest_quick_wait:
        return Retry(asked or _doubling(policy.quick_wait, attempt, jitter, policy))
    slow = max(1, attempt - policy.quick_attempts + 1)
    wait = asked or _doubling(policy.slow_wait, slow, jitter, policy)
    return Delay(at + timedelta(seconds=wait), "conversation")


def _asked(error: SendError, at: datetime) -> float | None:
    """The seconds that the platform asked to wait, seen from `at`."""
    if error.retry_after_seconds is not None:
        return error.retry_after_seconds
    if error.retry_at is not None:
        return max(0.0, (error.retry_at - at).total_seconds())
    return None


def _doubling(first: float, nth: int, jitter: float, policy: Policy) -> float:
    wait = min(first * 2.0 ** (nth - 1), policy.longest_wait)
    return wait * (0.5 + 0.5 * jitter)


def _expired(expires_at: datetime) -> Fail:
    return Fail("expired", f"the command's time ends at {expires_at.isoformat()}")


def _window_closed(window_expires_at: datetime) -> Fail:
    return Fail(
        ErrorClass.WINDOW_CLOSED, f"the reply window ends at {window_expires_at.isoformat()}"
    )
