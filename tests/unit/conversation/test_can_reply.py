"""`can_reply` against what the log itself says (invariant 7)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events
from schemas.events import Event
from streams.conversation import months
from streams.conversation.can_reply import can_reply
from streams.conversation.decide import decide
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, State
from tests.unit.conversation.test_order import (
    instants,
    limits,
    messages,
    others,
    places,
    sends,
)  # fmt: skip
from tests.unit.conversation.world import Worker, folded, linked, of_profile, send

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
moments = st.one_of(
    instants,
    st.tuples(instants, st.sampled_from([HOUR, WEEK]), st.integers(-1, 1)).map(
        lambda parts: parts[0] + parts[1] + timedelta(milliseconds=parts[2])
    ),
)
# Logs in which much is allowed: people write, and nobody switches anything off.
lively = st.lists(
    st.one_of(messages(), messages(), messages(), others(), places(), sends(), limits()),
    min_size=5,
    max_size=30,
)
permissive: list[Event] = [
    of_profile("messaging.activated"),
    *(linked(platform) for platform in ("facebook", "instagram", "x")),
]


def told_of(log: Sequence[Event], conversation: str, kind: type[Event]) -> list[Event]:
    return [event for event in log if isinstance(event, kind) and event.subject == conversation]


def monthly_limit(log: Sequence[Event]) -> int:
    changes = [event for event in log if isinstance(event, events.LimitChanged)]
    if not changes:
        return Rules().monthly_limit
    limit = max(changes, key=lambda event: (event.time, event.id)).data.monthly_limit
    assert limit is not None
    return limit


def other_app_since(log: Sequence[Event], conversation: str) -> datetime | None:
    """When another app was last seen in control, if nothing later speaks for us."""
    signs: list[tuple[datetime, str, bool]] = []
    for event in log:
        if event.subject != conversation or conversation.startswith("x:"):
            continue
        body = event.data
        failed = isinstance(event, events.SendFailed) and event.data.reason == "thread_control"
        lost = isinstance(event, events.ThreadControlLost) or failed
        ours = (
            isinstance(event, events.ThreadControlGained)
            or (
                isinstance(event, events.MessageReceived)
                and event.data.provider == "meta"
                and not event.data.backfilled
            )
            or (isinstance(event, events.MessageSent) and event.data.command_id is not None)
        )
        if lost or getattr(body, "standby", False):
            signs.append((event.time, event.id, True))
        elif ours:
            signs.append((event.time, event.id, False))
    # Two signs in one event at most: then the one against us is the greater value.
    last = max(signs, default=None)
    return last[0] if last is not None and last[2] else None


@settings(deadline=None, max_examples=150)
@given(lively, moments)
def test_what_is_allowed_breaks_no_rule_that_the_log_shows(log: list[Event], at: datetime) -> None:
    """Invariant 7."""
    log = [*log, *permissive]
    one = folded(log)
    rules = Rules()
    for conversation in one.conversations.values():
        decision = can_reply(one.profile, conversation, at, rules)
        if not decision.allowed:
            assert decision.reason is not None
            continue
        written = [event.time for event in told_of(log, conversation.id, events.MessageReceived)]
        assert written, "they have written"
        if conversation.platform == "instagram":
            assert at < max(written) + WEEK
        other = other_app_since(log, conversation.id)
        assert other is None or at >= other + HOUR
        assert_has_place(one, conversation, at, monthly_limit(log))


def assert_has_place(
    one: Worker, conversation: ConversationState, at: datetime, limit: int
) -> None:
    month = f"{at.year:04}-{at.month:02}"
    rank = months.rank_of(one.profile, conversation, month)
    assert (months.count_of(one.profile, month) + 1 if rank is None else rank) <= limit


@settings(deadline=None, max_examples=100)
@given(lively, moments)
def test_decide_and_can_reply_say_the_same(log: list[Event], at: datetime) -> None:
    one = folded([*log, *permissive])
    for conversation in one.conversations.values():
        command = send("new", to=conversation.id)
        answer = decide(State(one.profile, conversation), command, at, one.rules)
        decision = can_reply(one.profile, conversation, at, one.rules)
        last = answer[-1]
        if decision.allowed:
            assert isinstance(last, events.SendAccepted)
            assert last.data.rank <= monthly_limit(log)
        else:
            assert isinstance(last, events.SendRejected)
            assert last.data.reason == decision.reason
        assert sum(event.type.startswith("dm.send.") for event in answer) == 1
