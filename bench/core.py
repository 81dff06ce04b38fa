"""What the core costs: microseconds per message event, bytes per conversation.

python -m bench.core
"""

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from schemas import data
from schemas.base import conversation_id
from schemas.commands import SendMessage
from schemas.events import Event, MessageReceived, MessageSent, parse_event
from schemas.ids import event_id
from streams.conversation import codec
from streams.conversation.can_reply import can_reply
from streams.conversation.decide import decide
from streams.conversation.evolve import evolve
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, ProfileState, State

START = datetime(2026, 11, 1, tzinfo=UTC)
RULES = Rules()
PAGE, PERSON = "104567890123456", "6543210987654321"


def message(number: int, *, month: int = 0, sent: bool = False) -> Event:
    at = START.replace(year=2026 + (10 + month) // 12, month=(10 + month) % 12 + 1)
    at += timedelta(seconds=number)
    mid = f"m_{'k' * 84}{number:04}"  # the length of a Messenger message id of today
    make = MessageSent if sent else MessageReceived
    return make(
        id=event_id("meta", PAGE, "message", mid),
        source=f"/dmstream/meta/{PAGE}",
        time=at,
        subject=conversation_id("facebook", PAGE, PERSON),
        profileid="profile-1",
        platform="facebook",
        receivedat=at,
        data=data.Message(
            provider="meta",
            account_id=PAGE,
            correspondent_id=PERSON,
            external_conversation_id="t_1234567890123456",
            message_id=mid,
            text=f"message {number}",
        ),
    )


def settled() -> State:
    """A profile that is on, with one conversation that is active this month."""
    profile = dict(profileid="profile-1", receivedat=START, time=START, source="/bench")
    link = data.AccountLink(provider="meta", platform="facebook", account_id=PAGE)
    state = State()
    for kind, body in (
        ("profile.registered", data.ProfileRegistered()),
        ("messaging.activated", data.MessagingSwitched()),
        ("account.linked", link),
    ):
        fact = {"id": kind, "type": f"dm.{kind}.v1", "data": body.model_dump()} | profile
        state = evolve(state, _parsed(fact))
    return with_reactions(state, message(0))


def _parsed(fact: dict[str, object]) -> Event:
    from pydantic_core import to_json

    return parse_event(to_json(fact))


def with_reactions(state: State, event: Event) -> State:
    state = evolve(state, event)
    for derived in react(state, event, RULES):
        state = evolve(state, derived)
    return state


def microseconds(run: Callable[[], object], times: int) -> float:
    best = float("inf")
    gc.disable()
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            run()
        best = min(best, (time.perf_counter() - start) / times * 1e6)
    gc.enable()
    return best


def speed() -> None:
    state = settled()
    event, echo = message(1), message(2, sent=True)
    conversation = state.conversation
    assert conversation is not None
    stored = codec.conversation_to_bytes(conversation)
    command = SendMessage(
        command_id="c", profileid="profile-1", issued_at=START, conversation_id=conversation.id,
        text="hello",
    )  # fmt: skip
    at = START + timedelta(minutes=1)

    def received() -> None:
        react(evolve(state, event), event, RULES)

    def sent() -> None:
        react(evolve(state, echo), echo, RULES)

    rows: list[tuple[str, Callable[[], object]]] = [
        ("evolve + react, message received", received),
        ("evolve + react, message sent elsewhere", sent),
        ("evolve alone, message received", lambda: evolve(state, event)),
        (
            "a new conversation (started, activated)",
            lambda: with_reactions(State(state.profile), event),
        ),
        ("can_reply", lambda: can_reply(state.profile, conversation, at, RULES)),
        ("decide, accepted", lambda: decide(state, command, at, RULES)),
        ("conversation_to_bytes", lambda: codec.conversation_to_bytes(conversation)),
        ("conversation_from_bytes", lambda: codec.conversation_from_bytes(stored, conversation.id)),
    ]
    for name, run in rows:
        print(f"{name:45} {microseconds(run, 5_000):7.2f} us")


def size() -> None:
    state = settled()
    _print_size(
        "typical: one month, both sides wrote", with_reactions(state, message(1, sent=True))
    )
    for month in range(12):
        state = with_reactions(state, message(1, month=month))
        state = with_reactions(state, message(2, month=month, sent=True))
    _print_size("12 active months", state)
    for month in range(30):
        state = with_reactions(state, message(1, month=month))
    _print_size("24 active months (the most kept)", state)
    at = START + timedelta(days=900)
    state = with_reactions(state, message(3, month=30))
    for number in range(4):
        command = SendMessage(
            command_id=f"0198{number:04}-7d6e-7b3a-9c1f-0123456789ab", profileid="profile-1",
            issued_at=at, platform="facebook", recipient_id=PERSON, text="hello",
        )  # fmt: skip
        for event in decide(State(state.profile, state.conversation), command, at, RULES):
            state = evolve(State(state.profile, state.conversation), event)
    _print_size("the same with 4 open sends", state)
    profile = ProfileState()
    for rank in range(1, 101):
        from streams.conversation.months import with_rank_given

        profile = with_rank_given(profile, f"facebook:{PAGE}:{rank}", "2026-11", rank)
        profile = with_rank_given(profile, f"facebook:{PAGE}:{rank}", "2026-10", rank)
    print(
        f"{'profile, 100 conversations in each of 2 months':45} "
        f"{len(codec.profile_to_bytes(profile)):7} bytes"
    )


def _print_size(name: str, state: State) -> None:
    conversation = state.conversation
    assert isinstance(conversation, ConversationState)
    print(f"{name:45} {len(codec.conversation_to_bytes(conversation)):7} bytes")


if __name__ == "__main__":
    speed()
    size()
