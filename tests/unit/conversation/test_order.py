"""Any order, any number of times: the state is the same (invariant 5)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Event
from streams.conversation import months
from streams.conversation.instants import to_ms
from streams.conversation.state import ConversationState
from tests.unit.conversation.world import (
    NOW,
    Worker,
    became,
    echo,
    folded,
    linked,
    of_profile,
    thread,
    told,
    writes,
)  # fmt: skip

PERSONS = ("1", "2", "3")
MONTHS = [f"{2024 + month // 12}-{month % 12 + 1:02}" for month in range(30)]

# Few instants, so that many events share one; some a month or a year apart.
instants = st.one_of(
    st.integers(0, 5).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    st.integers(0, 29).map(lambda n: datetime(2024 + n // 12, n % 12 + 1, 1, tzinfo=UTC)),
)
persons = st.sampled_from(PERSONS)
platforms = st.sampled_from(["facebook", "instagram", "x"])
texts = st.sampled_from(["hello", "good day", None])
commands = st.sampled_from(["c-1", "c-2", "c-3"])


@st.composite
def messages(draw: st.DrawFn) -> Event:
    make = draw(st.sampled_from([writes, echo]))
    more: dict[str, Any] = {
        "person": draw(persons),
        "text": draw(texts),
        "provider": draw(st.sampled_from(["meta", "ayrshare"])),
        "standby": draw(st.booleans()),
        "backfilled": draw(st.booleans()),
        "external_conversation_id": draw(st.sampled_from([None, "t_1", "t_2"])),
    }
    platform = draw(platforms)
    if make is echo and draw(st.booleans()):
        # A command is of one conversation.
        command_id, platform = draw(commands), "facebook"
        more |= {"command_id": command_id, "person": command_id[-1]}
    return make(draw(instants), platform, **more)


@st.composite
def others(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from([
        "message.read", "postback.received", "typing.started", "thread.control_lost",
        "thread.control_gained", "conversation.started", "conversation.archived",
        "conversation.unarchived", "correspondent.erased",
    ]))  # fmt: skip
    standby = draw(st.booleans())
    at, platform, person = draw(instants), draw(platforms), draw(persons)
    return told(kind, at, platform, person=person, standby=standby)


@st.composite
def places(draw: st.DrawFn) -> Event:
    """Ranks as no single worker would give them: twice, and one to several conversations."""
    month = draw(st.one_of(st.sampled_from(MONTHS[-2:]), st.sampled_from(MONTHS)))
    rank = draw(st.integers(1, 4))
    return told(
        "conversation.activated", draw(instants), "facebook", person=draw(persons),
        month=month, rank=rank, cause_id="cause",
    )  # fmt: skip


@st.composite
def sends(draw: st.DrawFn) -> Event:
    command_id, person, at = draw(commands), draw(persons), draw(instants)
    # A command names one conversation; what is told of it may come in any order.
    person = command_id[-1]
    kind = draw(st.sampled_from(["accepted", "rejected", "attempted", "failed", "unknown"]))
    origin = draw(st.sampled_from(["api", "auto"]))
    if kind == "accepted":
        return became(
            "send.accepted", command_id, at, "facebook", person=person, origin=origin,
            text=draw(texts), rank=draw(st.integers(1, 4)),
            month=draw(st.sampled_from(MONTHS[-3:])), echo_by_text=draw(st.booleans()),
            expires_at=at + timedelta(minutes=15),
        )  # fmt: skip
    if kind == "rejected":
        return became(
            "send.rejected", command_id, at, "facebook", person=person, reason="r", message="m"
        )
    reason = draw(st.sampled_from(["thread_control", "recipient_unavailable", "transient"]))
    more = {} if kind == "attempted" else {"reason": reason, "origin": origin}
    return became(f"send.{kind}", command_id, at, "facebook", person=person, **more)


@st.composite
def of_profiles(draw: st.DrawFn) -> Event:
    at = draw(instants)
    kind = draw(st.integers(0, 8))
    if kind < 2:
        return linked(
            draw(platforms), at, account=draw(st.sampled_from(["900100", ""])),
            kind=("account.linked", "account.unlinked")[kind],
        )  # fmt: skip
    number = draw(st.integers(0, 3))
    month, share = draw(st.sampled_from(MONTHS)), draw(st.sampled_from([80, 100]))
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("profile.registered", {}),
        ("messaging.activated", {}),
        ("messaging.deactivated", {}),
        ("messaging.deactivated", {"reason": "profile_deleted"}),
        ("limit.changed", {"monthly_limit": number, "reply_window_seconds": {"x": number or None}}),
        ("limit.reached", {"month": month, "share": share, "count": 1, "monthly_limit": number}),
        ("autoresponse.configured", {"active": number == 1, "message": str(number)}),
    ]
    name, body = bodies[kind - 2]
    return of_profile(name, at, **body)


@st.composite
def limits(draw: st.DrawFn) -> Event:
    return of_profile("limit.changed", draw(instants), monthly_limit=draw(st.integers(0, 4)))


facts = st.lists(st.one_of(messages(), others(), places(), sends(), of_profiles()), max_size=25)


def states(log: Sequence[Event]) -> Worker:
    """The state, but for what a send's attempt and echo add to it: those come in their order."""
    one = folded(log)
    one.log = []
    one.conversations = {key: _plain(state) for key, state in one.conversations.items()}
    return one


def the_same(one: Worker, two: Worker) -> None:
    """Field by field, so that a failure names the field."""
    assert one.profile == two.profile
    assert one.outcomes == two.outcomes
    assert one.conversations.keys() == two.conversations.keys()
    for key, state in one.conversations.items():
        for name, value in state._asdict().items():
            assert (key, name, value) == (key, name, getattr(two.conversations[key], name))


def _plain(state: ConversationState) -> ConversationState:
    return state._replace(
        open=tuple(
            replace(
                send, first_attempt_at=None, last_attempt_at=None, newer_than=0, unknown_at=None,
                echoes=(), taken=(),
            )
            for send in state.open
        )
    )  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(facts, st.randoms(use_true_random=False))
def test_any_order_with_any_duplicates_gives_the_state_of_the_log(
    log: list[Event], random: Any
) -> None:
    mixed = [*log, *random.choices(log, k=len(log))] if log else []
    random.shuffle(mixed)
    the_same(states(mixed), states(log))


def test_a_late_end_of_a_former_life_never_closes_the_send_that_is_open_now() -> None:
    """A command's id may be used anew a week after the last news of it."""
    at = NOW - timedelta(days=8)
    ends = [became("send.failed", "c-1", at), echo(at, command_id="c-1"), sent_again(at)]
    for end in ends:
        log = [end, sent_again(NOW), became("send.attempted", "c-1", NOW)]
        (state,) = folded(log).conversations.values()
        assert [send.accepted_at for send in state.open] == [to_ms(NOW)]
        the_same(folded([*log, end]), folded(log))


def test_an_accept_of_a_former_life_opens_no_send() -> None:
    """The id's later life was refused, so nothing but its own end says that the first one left."""
    at = NOW - timedelta(days=8)
    refused = became(
        "send.rejected", "c-1", NOW, origin="api", reason="invalid", message="no", text="hello"
    )
    log = [sent_again(at), became("send.failed", "c-1", at), refused]
    the_same(folded([*log, log[0]]), folded(log))


def sent_again(at: datetime) -> Event:
    accepted: Event = became(
        "send.accepted", "c-1", at, text="hello", origin="api", rank=1, month="2026-07",
        echo_by_text=True, expires_at=at + timedelta(minutes=15),
    )  # fmt: skip
    return accepted


@settings(deadline=None, max_examples=60)
@given(facts)
def test_the_log_read_twice_is_the_log_read_once(log: list[Event]) -> None:
    """A worker that lost its place reads a part of the log again."""
    for start in range(len(log)):
        the_same(states([*log, *log[start:]]), states(log))


@settings(deadline=None, max_examples=60)
@given(facts)
def test_an_event_that_changes_nothing_gives_back_the_same_objects(log: list[Event]) -> None:
    one = folded(log)
    for event in log:
        known = one.conversations.get(event.subject or "")
        profile = one.profile
        state = one.apply(event)
        assert state.profile is profile
        if known is not None and not known.open:
            assert state.conversation is known


@settings(deadline=None, max_examples=100)
@given(st.lists(places(), max_size=30))
def test_places_given_twice_are_held_by_the_same_in_any_order(log: list[Event]) -> None:
    """Two workers gave the same rank to two conversations."""
    the_same(states(log), states(log[::-1]))


@settings(deadline=None, max_examples=100)
@given(st.lists(places(), max_size=30), st.integers(0, 4))
def test_never_more_conversations_than_the_limit_have_a_place_whatever_the_log_says(
    log: list[Event], limit: int
) -> None:
    """Invariant 7."""
    one = folded(log)
    for month in MONTHS[-2:]:
        ranks = [
            months.rank_of(one.profile, one.conversations[thread("facebook", person)], month)
            for person in PERSONS
            if thread("facebook", person) in one.conversations
        ]
        given_out = [rank for rank in ranks if rank is not None]
        newest = sorted(one.profile.holders)[-2:]
        if month in newest:
            assert len(set(given_out)) == len(given_out)
            assert sum(rank <= limit for rank in given_out) <= limit
