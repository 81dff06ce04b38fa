"""`evolve`: applies a fact to the state. It decides nothing, refuses nothing and never fails.

Applying an event twice, or late, or out of order gives the state that in-order once gives
(invariant 5): everything here joins sets, maxima and minima. `streams.conversation.sends` names
the one place where a send's own accept, attempt and echo must come in this order, as they do.

Where nothing changed the same object comes back, so that a caller sees by identity what to write.
"""

from collections.abc import Callable
from typing import Any

from schemas import events
from schemas.events import Event
from streams.conversation import conversations, months, outcomes, profiles, sends
from streams.conversation.instants import to_ms
from streams.conversation.keys import command_of, conversation_of
from streams.conversation.state import CommandOutcome, ConversationState, ProfileState, State


def evolve(state: State, event: Event) -> State:
    """The state after the event.

    `state` holds what the event touches: its profile, its conversation (`keys.conversation_of`)
    and the outcome of its command (`keys.command_of`); None where there is none yet.
    """
    apply = _HANDLERS.get(event.type)
    return state if apply is None else apply(state, event)


def _of_conversation(change: conversations.Change) -> Callable[[State, Any], State]:
    def apply(state: State, event: Event) -> State:
        before = _conversation(state, event)
        if before is None:
            return state
        at = to_ms(event.time)
        after = change(before, event, at)
        command = command_of(event)
        if command is None:
            return _changed(state, state.profile, after, state.outcome)
        if outcomes.is_of_a_former_life(state.outcome, at):
            after = sends.as_it_was(after, before, command)
        outcome = outcomes.with_event(state.outcome, event, at)
        return _changed(state, state.profile, after, outcome)

    return apply


def _of_profile(change: profiles.Change) -> Callable[[State, Any], State]:
    def apply(state: State, event: Event) -> State:
        at = to_ms(event.time)
        profile = change(state.profile, event, (at, event.id))
        return _changed(state, profile, state.conversation, _outcome(state, event, at))

    return apply


def _activated(state: State, event: events.ConversationActivated) -> State:
    before = _conversation(state, event)
    if before is None:
        return state
    month, rank = event.data.month, event.data.rank
    return _changed(
        state,
        months.with_rank_given(state.profile, before.id, month, rank),
        months.with_rank(before, month, rank),
        state.outcome,
    )


def _accepted(state: State, event: events.SendAccepted) -> State:
    """A send takes its place in the month when it is accepted: it carries its rank itself."""
    before = _conversation(state, event)
    if before is None:
        return state
    at, body = to_ms(event.time), event.data
    after = months.with_rank(before, body.month, body.rank)
    outcome = outcomes.with_event(state.outcome, event, at)
    # An end that was told before the accept keeps the send from being opened again.
    after = sends.accepted(after, body, at, has_left=outcomes.has_left(outcome))
    if outcomes.is_of_a_former_life(state.outcome, at):
        after = sends.as_it_was(after, before, body.command_id)
    if body.origin == "auto":
        after = conversations.answered_by_itself(after, event, at)
    return _changed(
        state,
        months.with_rank_given(state.profile, after.id, body.month, body.rank),
        after,
        outcome,
    )


def _rejected(state: State, event: events.SendRejected) -> State:
    outcome = outcomes.with_event(state.outcome, event, to_ms(event.time))
    return _changed(state, state.profile, state.conversation, outcome)


def _conversation(state: State, event: Event) -> ConversationState | None:
    if state.conversation is not None:
        return state.conversation
    identifier = conversation_of(event)
    return None if identifier is None else ConversationState(identifier)


def _outcome(state: State, event: Event, at: int) -> CommandOutcome | None:
    if command_of(event) is None:
        return state.outcome
    return outcomes.with_event(state.outcome, event, at)


def _changed(
    state: State,
    profile: ProfileState,
    conversation: ConversationState | None,
    outcome: CommandOutcome | None,
) -> State:
    if conversation == state.conversation:
        if profile is state.profile and outcome is state.outcome:
            return state
        conversation = state.conversation
    return State(profile, conversation, outcome)


_HANDLERS: dict[str, Callable[[State, Any], State]] = {
    **{f"dm.{name}.v1": _of_conversation(change) for name, change in conversations.CHANGES.items()},
    **{f"dm.{name}.v1": _of_profile(change) for name, change in profiles.CHANGES.items()},
    "dm.conversation.activated.v1": _activated,
    "dm.send.accepted.v1": _accepted,
    "dm.send.rejected.v1": _rejected,
}
