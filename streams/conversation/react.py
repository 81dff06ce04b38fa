"""`react`: the facts that follow from a fact just applied.

Each of them is looked for in the state first, so that the same event again, or after a crash, gives
only what is still missing.
"""

from collections.abc import Callable, Iterator
from typing import Any

from schemas import events
from schemas.events import Event
from streams.conversation import accounts, making, months, sends, settings
from streams.conversation.deletion import DELETED, is_deleted
from streams.conversation.fingerprints import of_text
from streams.conversation.instants import to_ms
from streams.conversation.keys import Address
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, MonthTally, State
from streams.conversation.zones import month_of

_Reaction = Callable[[State, Any, Rules], tuple[Event, ...]]


def react(state: State, event: Event, rules: Rules) -> tuple[Event, ...]:
    """The events that follow from `event`, which `state` already holds. In the order to write.

    They are to be applied with `evolve` at once, before the next event or command, and to be
    appended to the log: only so is a rank given once.
    """
    reaction = _REACTIONS.get(event.type)
    return () if reaction is None else reaction(state, event, rules)


def _to_message(
    state: State, event: events.MessageReceived | events.MessageSent, rules: Rules
) -> tuple[Event, ...]:
    conversation = state.conversation
    if conversation is None:
        return ()
    body = event.data
    month = month_of(to_ms(event.time), settings.month_zone(state.profile, rules))
    key = (body.provider, conversation.platform, body.account_id)
    if (
        month in conversation.months
        and not conversation.open
        and not accounts.is_new(state.profile, key)
        and (conversation.started or conversation.last_correspondent_message_at is None)
    ):
        return ()  # the usual case: nothing follows
    return tuple(_after_message(state, conversation, event, month, rules))


def _after_message(
    state: State,
    conversation: ConversationState,
    event: events.MessageReceived | events.MessageSent,
    month: str,
    rules: Rules,
) -> Iterator[Event]:
    cause = making.after_event(event)
    body = event.data
    address = Address(event.platform, body.account_id, body.correspondent_id, body.provider)
    if address.id is None:
        return
    if rules.auto_register and not body.backfilled:
        key = (body.provider, conversation.platform, body.account_id)
        linked = accounts.auto_link_time(state.profile, key, to_ms(event.receivedat))
        if linked is not None:
            yield making.linked_by_webhook(cause, address, linked)
    if not conversation.started and isinstance(event, events.MessageReceived):
        yield making.started(cause, address)
    if month not in conversation.months and _is_kept(state, conversation, month):
        rank = months.count_of(state.profile, month) + 1
        yield making.activated(cause, address, month, rank, event.id)
        yield from _limits(state, cause, month, rank, rules)
    if isinstance(event, events.MessageSent):
        yield from _recognised(state, event, event.data.text, rules)


def _is_kept(state: State, conversation: ConversationState, month: str) -> bool:
    return months.is_kept(conversation.months, month) and months.is_kept(
        state.profile.months, month
    )


def _to_unknown(state: State, event: events.SendUnknown, rules: Rules) -> tuple[Event, ...]:
    return tuple(_recognised(state, event, event.data.text, rules))


def _recognised(
    state: State, event: events.MessageSent | events.SendUnknown, text: str | None, rules: Rules
) -> Iterator[Event]:
    """Unknown sends that an echo resolves. The text of the news is theirs, or they wait for the
    news that has it: a message is never written to the log again without its text."""
    conversation = state.conversation
    if conversation is None or not conversation.open:
        return
    body = event.data
    address = Address(event.platform, body.account_id, body.correspondent_id, body.provider)
    cause = making.after_event(event)
    for send, echo in sends.recognised(conversation, to_ms(event.receivedat), rules):
        if isinstance(event, events.MessageSent) and event.data.message_id == echo[1]:
            yield making.recognised(cause, address, send, echo, event.data)
        elif send.text == of_text(text):
            message = making.message_of(address, echo[1], text)
            yield making.recognised(cause, address, send, echo, message)


def _to_place(
    state: State, event: events.ConversationActivated | events.SendAccepted, rules: Rules
) -> tuple[Event, ...]:
    return tuple(_limits(state, making.after_event(event), event.data.month, 0, rules))


def _to_limit(state: State, event: events.LimitChanged, rules: Rules) -> tuple[Event, ...]:
    month = month_of(to_ms(event.time), settings.month_zone(state.profile, rules))
    return tuple(_limits(state, making.after_event(event), month, 0, rules))


def _limits(
    state: State, cause: making.Cause, month: str, rank: int, rules: Rules
) -> Iterator[Event]:
    """What is to be told of the month's limit once `rank` is given."""
    known = state.profile.months.get(month, MonthTally())
    tally = known._replace(highest=max(known.highest, rank))
    yield from making.limits_reached(
        cause, month, tally, settings.monthly_limit(state.profile, rules)
    )


def _to_deletion(
    state: State, event: events.MessagingDeactivated, rules: Rules
) -> tuple[Event, ...]:
    """A deleted profile has no accounts: one that was linked while it was being deleted goes too,
    else it would stay its owner for ever."""
    del rules
    if event.data.reason != DELETED or not is_deleted(state.profile):
        return ()
    cause = making.after_event(event)
    return tuple(
        making.unlinked_by_deletion(cause, key, links.linked[0])
        for key, links in sorted(state.profile.accounts.items())
        if links.linked is not None and accounts.is_linked(links)
    )


_REACTIONS: dict[str, _Reaction] = {
    "dm.message.received.v1": _to_message,
    "dm.message.sent.v1": _to_message,
    "dm.send.unknown.v1": _to_unknown,
    "dm.conversation.activated.v1": _to_place,
    "dm.send.accepted.v1": _to_place,
    "dm.limit.changed.v1": _to_limit,
    "dm.messaging.deactivated.v1": _to_deletion,
}
