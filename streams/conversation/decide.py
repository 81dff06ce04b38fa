"""`decide`: answers a command with the events that record the answer."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.commands import AnyCommand
from schemas.events import Event
from streams.conversation import administration, history, outcomes, sending
from streams.conversation.instants import to_ms
from streams.conversation.rules import Rules
from streams.conversation.state import State

_Decider = Callable[[State, Any, datetime, Rules], tuple[Event, ...]]


def decide(state: State, command: AnyCommand, at: datetime, rules: Rules) -> tuple[Event, ...]:
    """The events that answer the command, in the order to write; () for one answered before.

    `at` is the timestamp of the command's record, so that a replay decides alike. `state` holds
    the profile, the conversation that the command names (`keys.addressed`), and the outcome of
    its id. A repeated id is not decided twice: its first outcome is in `state.outcome`.

    Raises `administration.InvalidCommand` for a command that can't be carried out and has no
    event to say so; a send is always answered with an event.
    """
    if state.outcome is not None and not outcomes.is_forgotten(state.outcome, to_ms(at)):
        return ()
    return _DECIDERS[command.type](state, command, at, rules)


_DECIDERS: dict[str, _Decider] = {
    "SendMessage": sending.decide_send,
    "BackfillHistory": history.decide_backfill,
    **administration.DECIDERS,
}
