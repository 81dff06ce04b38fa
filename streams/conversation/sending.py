"""Decides `SendMessage`: accepted with a place in the month, or rejected with a reason."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast

from schemas import data, events
from schemas.base import Provider
from schemas.commands import SendMessage
from schemas.events import Event
from streams.conversation import autoresponse, can_reply, making, outcomes, sends, settings, windows
from streams.conversation.content import content_problem, has_text
from streams.conversation.instants import from_ms, to_ms
from streams.conversation.keys import Address, parse_address, recipient_of
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, MonthTally, State
from streams.conversation.zones import month_of


@dataclass(frozen=True, slots=True)
class _Case:
    """One command before the rules."""

    state: State
    command: SendMessage
    cause: making.Cause
    at: int
    address: Address
    decision: can_reply.Decision
    rules: Rules


def decide_send(
    state: State, command: SendMessage, at: datetime, rules: Rules
) -> tuple[Event, ...]:
    """One `send.rejected`, or `send.accepted` after what its place makes of the month."""
    case = _case(state, command, at, rules)
    problem = content_problem(command, case.address, case.at, rules)
    if problem is not None:
        return (_rejected(case, "invalid", problem),)
    if case.decision.reason is not None:
        return (_rejected(case, case.decision.reason, case.decision.message),)
    soon = _too_soon(case)
    if soon is not None:
        return (_rejected(case, soon, can_reply.SENTENCES[soon]),)
    return _accept(case)


def accepted_again(
    state: State, command: SendMessage, at: datetime, rules: Rules
) -> events.SendAccepted | None:
    """The accepted event of a command that was accepted and of which nothing is heard since.

    For a worker that died between writing the event and handing the send on: the command comes
    again, `decide` answers nothing, and the send must still leave, also where it would be refused
    by now (messaging switched off, the account unlinked). Not for the log, which has it.
    """
    if state.conversation is None or not outcomes.is_under_way(state.outcome):
        return None
    case = _case(state, command, at, rules)
    provider = case.address.provider or cast("Provider | Literal['']", state.conversation.provider)
    if not provider:
        return None  # erased since: nobody is left to send to
    expires = windows.expires_at(state.profile, state.conversation, rules)
    case = replace(
        case,
        address=case.address._replace(provider=provider),
        decision=replace(case.decision, expires_at=None if expires is None else from_ms(expires)),
    )
    month = _month(case)
    return _accepted(case, month, state.conversation.months.get(month, (1,))[0])


def _case(state: State, command: SendMessage, at: datetime, rules: Rules) -> _Case:
    at_ms = to_ms(at)
    address = _address(state, command)
    decision = can_reply.check(state.profile, state.conversation, address, at_ms, rules)
    return _Case(
        state=state,
        command=command,
        cause=making.after_command(command, at),
        at=at_ms,
        address=address._replace(provider=decision.provider or address.provider),
        decision=decision,
        rules=rules,
    )


def _address(state: State, command: SendMessage) -> Address:
    """Whom the command names: the conversation handed in, else what the command itself says."""
    if state.conversation is not None:
        return parse_address(state.conversation.id) or Address()
    if command.conversation_id is not None:
        known = parse_address(command.conversation_id)
        return known or Address(command.platform, "", command.recipient_id or "")
    return recipient_of(command, state.profile)


def _too_soon(case: _Case) -> can_reply.Reason | None:
    """Two messages in a row may each ask for an automatic answer before the first is decided."""
    conversation = case.state.conversation
    if case.command.origin != "auto" or conversation is None:
        return None
    is_due = autoresponse.is_due(case.state.profile, conversation, case.at, case.rules)
    return None if is_due else "auto_response_too_soon"


def _accept(case: _Case) -> tuple[Event, ...]:
    month = _month(case)
    if case.decision.rank is not None:
        return (_accepted(case, month, case.decision.rank),)
    tally = case.state.profile.months.get(month, MonthTally())
    taken = tally._replace(highest=tally.highest + 1)
    accepted = _accepted(case, month, taken.highest)
    # The place before the accept: if the log breaks off between the two, the command is decided
    # anew and finds the place that it took.
    return (
        making.activated(case.cause, case.address, month, taken.highest, accepted.id),
        *making.limits_reached(
            case.cause, month, taken, settings.monthly_limit(case.state.profile, case.rules)
        ),
        accepted,
    )


def _accepted(case: _Case, month: str, rank: int) -> events.SendAccepted:
    command = case.command
    has_room = case.state.conversation is not None and sends.has_room(
        case.state.conversation, case.at
    )
    return events.SendAccepted(
        **case.cause.envelope("accepted", command.command_id),
        **making.of(case.address),
        data=data.SendAccepted(
            **making.within(case.address),
            external_conversation_id=_external(case.state.conversation, command),
            command_id=command.command_id,
            origin=command.origin,
            text=command.text,
            media_urls=command.media_urls,
            human_agent=command.human_agent,
            month=month,
            rank=rank,
            expires_at=command.expires_at or from_ms(case.at + case.rules.send_expiry),
            window_expires_at=case.decision.expires_at,
            echo_by_text=has_text(command) and not command.media_urls and has_room,
        ),
    )


def _rejected(case: _Case, reason: can_reply.Reason, message: str) -> events.SendRejected:
    decision = case.decision
    return events.SendRejected(
        **case.cause.envelope("rejected", case.command.command_id),
        **making.of(case.address),
        data=data.SendRejected(
            provider=case.address.provider,
            account_id=case.address.account_id,
            correspondent_id=case.address.correspondent_id,
            external_conversation_id=_external(case.state.conversation, case.command),
            command_id=case.command.command_id,
            origin=case.command.origin,
            reason=reason,
            message=message,
            expires_at=decision.expires_at if reason == "reply_window_closed" else None,
            opens_at=decision.opens_at if reason == decision.reason else None,
        ),
    )


def _month(case: _Case) -> str:
    return month_of(case.at, settings.month_zone(case.state.profile, case.rules))


def _external(conversation: ConversationState | None, command: SendMessage) -> str | None:
    """The provider's own id of the conversation: as it told it, else as the command names it."""
    if conversation is not None and conversation.external is not None:
        return conversation.external[1]
    named = command.conversation_id
    return named if named and parse_address(named) is None else None
