"""What the core costs: microseconds per event and per decision, bytes per conversation.

python -m bench.core
"""

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import data, events
from schemas.base import conversation_id
from schemas.commands import SendMessage
from schemas.events import Event
from schemas.ids import event_id
from streams.conversation import codec, months
from streams.conversation.can_reply import can_reply
from streams.conversation.decide import decide
from streams.conversation.evolve import evolve
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import ProfileState, State

START = datetime(2026, 11, 1, tzinfo=UTC)
RULES = Rules()
PAGE, PERSON = "104567890123456", "6543210987654321"
THREAD = conversation_id("facebook", PAGE, PERSON)


def message(number: int, *, month: int = 0, sent: bool = False) -> Event:
    """With ids as long as Messenger's of today."""
    years, months_on = divmod(10 + month, 12)
    at = START.replace(year=2026 + years, month=months_on + 1) + timedelta(seconds=number)
    mid = f"m_{'k' * 82}{number:04}"
    make: Any = events.MessageSent if sent else events.MessageReceived
    event: Event = make(
        id=event_id("meta", PAGE, "message", mid),
        source=f"/dmstream/meta/{PAGE}",
        time=at,
        subject=THREAD,
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
    return event


def asked(number: int) -> SendMessage:
    return SendMessage(
        command_id=f"0198{number:04}-7d6e-7b3a-9c1f-0123456789ab",
        profileid="profile-1",
        issued_at=START,
        conversation_id=THREAD,
        text="hello",
    )


def settled() -> State:
    """A profile that is on, with one conversation that is active this month."""
    common: dict[str, Any] = {
        "profileid": "profile-1",
        "receivedat": START,
        "time": START,
        "source": "/bench",
    }
    link = data.AccountLink(provider="meta", platform="facebook", account_id=PAGE)
    state = State()
    for event in (
        events.ProfileRegistered(id="1", data=data.ProfileRegistered(), **common),
        events.MessagingActivated(id="2", data=data.MessagingSwitched(), **common),
        events.AccountLinked(id="3", data=link, **common),
    ):
        state = evolve(state, event)
    return with_reactions(state, message(0))


def with_reactions(state: State, event: Event) -> State:
    state = evolve(state, event)
    for derived in react(state, event, RULES):
        state = evolve(state, derived)
    return state


def microseconds(run: Callable[[], object], times: int = 5_000) -> float:
    """Processor time, the best of five rounds: the machine may have other work."""
    best = float("inf")
    gc.disable()
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            run()
        best = min(best, (time.process_time() - start) / times * 1e6)
    gc.enable()
    return best


def speed() -> None:
    state = settled()
    received, sent = message(1), message(2, sent=True)
    conversation = state.conversation
    assert conversation is not None
    stored = codec.conversation_to_bytes(conversation)
    at = START + timedelta(minutes=1)
    fresh = State(state.profile)
    rows: dict[str, Callable[[], object]] = {
        "evolve + react, a message received": lambda: with_reactions(state, received),
        "evolve + react, a message sent elsewhere": lambda: with_reactions(state, sent),
        "the same, a first message (two events follow)": lambda: with_reactions(fresh, received),
        "evolve, a message received": lambda: evolve(state, received),
        "can_reply": lambda: can_reply(state.profile, conversation, at, RULES),
        "decide, a send accepted": lambda: decide(state, asked(1), at, RULES),
        "conversation_to_bytes": lambda: codec.conversation_to_bytes(conversation),
        "conversation_from_bytes": lambda: codec.conversation_from_bytes(stored, THREAD),
    }
    for name, run in rows.items():
        print(f"{name:48} {microseconds(run):8.2f} us")


def size() -> None:
    state = with_reactions(settled(), message(1, sent=True))
    print_size("conversation, both wrote, one month", state)
    for month in range(24):
        for number in (1, 2):
            state = with_reactions(state, message(number, month=month, sent=number == 2))
        if month == 11:
            print_size("conversation, 12 active months", state)
    print_size("conversation, 24 active months (the most kept)", state)
    at = START + timedelta(days=23 * 31)
    for number in range(4):
        for event in decide(State(state.profile, state.conversation), asked(number), at, RULES):
            state = evolve(State(state.profile, state.conversation), event)
    print_size("the same with 4 sends under way (the most kept)", state)
    profile = ProfileState()
    for month_name in ("2026-10", "2026-11"):
        for rank in range(1, 101):
            profile = months.with_rank_given(profile, f"facebook:{PAGE}:{rank}", month_name, rank)
    size_of = len(codec.profile_to_bytes(profile))
    print(f"{'profile, 2 months with 100 conversations each':48} {size_of:8} bytes")


def print_size(name: str, state: State) -> None:
    assert state.conversation is not None
    print(f"{name:48} {len(codec.conversation_to_bytes(state.conversation)):8} bytes")


if __name__ == "__main__":
    speed()
    size()
