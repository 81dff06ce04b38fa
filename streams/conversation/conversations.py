"""What events of a conversation change in it. Each change is a join: order and number don't matter.

A change hands back the same object where it changes nothing.
"""

from collections.abc import Callable
from typing import Any, cast

from schemas import data, events
from streams.conversation import fingerprints, sends, threads
from streams.conversation.merging import earlier, later, latest
from streams.conversation.state import ConversationState, Stamp

Change = Callable[[ConversationState, Any, int], ConversationState]
"""Takes the conversation, the event and its time (ms)."""


def received(
    before: ConversationState, event: events.MessageReceived, at: int
) -> ConversationState:
    """The correspondent wrote. On the normal channel that shows, with Meta, whose thread it is."""
    body = event.data
    thread = before.thread
    if body.standby:
        thread = threads.sign(before, at, event.id, "other")
    elif not body.backfilled and body.provider in threads.PROVIDERS_WITH_STANDBY:
        thread = threads.sign(before, at, event.id, "ours")
    return ConversationState(
        before.id,
        _teller(before, at, body.provider),
        earlier(before.first_correspondent_message_at, at),
        later(before.last_correspondent_message_at, at),
        before.first_account_message_at,
        before.last_account_message_at,
        thread,
        _external(before, at, body.external_conversation_id),
        *before[8:],
    )


def sent(before: ConversationState, event: events.MessageSent, at: int) -> ConversationState:
    """The account wrote: by a command of ours, which then has its end, or elsewhere."""
    body = event.data
    thread = before.thread
    if body.standby:
        thread = threads.sign(before, at, event.id, "other", body.app_id)
    elif body.command_id is not None:
        thread = threads.sign(before, at, event.id, "ours")
    after = ConversationState(
        before.id,
        _teller(before, at, body.provider),
        before.first_correspondent_message_at,
        before.last_correspondent_message_at,
        earlier(before.first_account_message_at, at),
        later(before.last_account_message_at, at),
        thread,
        _external(before, at, body.external_conversation_id),
        *before[8:],
    )
    if body.command_id is None:
        return sends.echoed(after, body, at)
    return sends.claimed(sends.ended(after, body.command_id), at, body.message_id)


def _only_seen(before: ConversationState, event: Any, at: int) -> ConversationState:
    """What every event tells beside its own matter: on which channel it came, and which ids."""
    body = cast("data.InConversation", event.data)
    provider = before.provider
    if body.provider is not None and before.last_message_at is None:
        provider = max(provider, body.provider)
    thread = threads.sign(before, at, event.id, "other") if body.standby else before.thread
    external = _external(before, at, getattr(body, "external_conversation_id", None))
    if provider == before.provider and thread == before.thread and external == before.external:
        return before
    return before._replace(provider=provider, thread=thread, external=external)


def _button_pressed(
    before: ConversationState, _: events.PostbackReceived, at: int
) -> ConversationState:
    return before._replace(last_button_press_at=later(before.last_button_press_at, at))


def _control_lost(
    before: ConversationState, event: events.ThreadControlLost, at: int
) -> ConversationState:
    owner = event.data.owner_app_id
    return before._replace(thread=threads.sign(before, at, event.id, "other", owner))


def _control_gained(
    before: ConversationState, event: events.ThreadControlGained, at: int
) -> ConversationState:
    return before._replace(thread=threads.sign(before, at, event.id, "ours"))


def _started(
    before: ConversationState, _: events.ConversationStarted, __: int
) -> ConversationState:
    return before._replace(started=True)


def _archived(
    before: ConversationState, event: events.ConversationArchived, at: int
) -> ConversationState:
    return before._replace(archived=latest(before.archived, (at, event.id, True)))


def _unarchived(
    before: ConversationState, event: events.ConversationUnarchived, at: int
) -> ConversationState:
    return before._replace(archived=latest(before.archived, (at, event.id, False)))


def _erased(before: ConversationState, _: events.CorrespondentErased, at: int) -> ConversationState:
    """What names the correspondent or stands for their texts goes; counts, ranks and times stay."""
    erased_at = later(before.erased_at, at)
    kept = before.external is not None and before.external[0] > erased_at
    return sends.erased(
        before._replace(erased_at=erased_at, external=before.external if kept else None)
    )


def _attempted(
    before: ConversationState, event: events.SendAttempted, at: int
) -> ConversationState:
    return sends.attempted(before, event.data.command_id, at)


def _became_unknown(
    before: ConversationState, event: events.SendUnknown, at: int
) -> ConversationState:
    return sends.became_unknown(before, event.data.command_id, at)


def _failed(before: ConversationState, event: events.SendFailed, at: int) -> ConversationState:
    body = event.data
    after = sends.ended(before, body.command_id)
    if body.reason == "thread_control":
        after = after._replace(thread=threads.sign(after, at, event.id, "other"))
    elif body.reason == "recipient_unavailable":
        after = after._replace(unavailable_at=later(after.unavailable_at, at))
    if body.origin == "auto":
        failed = (at, fingerprints.of_id(body.command_id))
        after = after._replace(failed_auto=latest(after.failed_auto, failed))
    return after


def answered_by_itself(
    before: ConversationState, event: events.SendAccepted, at: int
) -> ConversationState:
    """An automatic answer was accepted: the next one waits."""
    answered = (at, fingerprints.of_id(event.data.command_id))
    return before._replace(last_auto=latest(before.last_auto, answered))


def _and_seen(change: Change) -> Change:
    def both(before: ConversationState, event: Any, at: int) -> ConversationState:
        return change(_only_seen(before, event, at), event, at)

    return both


def _teller(before: ConversationState, at: int, provider: str) -> str:
    """The provider of the newest message."""
    newest = before.last_message_at
    if newest is None or at > newest:
        return provider
    return max(before.provider, provider) if at == newest else before.provider


def _external(before: ConversationState, at: int, told: str | None) -> Stamp | None:
    if told is None or (before.erased_at is not None and at <= before.erased_at):
        return before.external
    return latest(before.external, (at, told))


CHANGES: dict[str, Change] = {
    "message.received": received,
    "message.sent": sent,
    "postback.received": _and_seen(_button_pressed),
    "thread.control_lost": _and_seen(_control_lost),
    "thread.control_gained": _and_seen(_control_gained),
    "send.attempted": _and_seen(_attempted),
    "send.failed": _and_seen(_failed),
    "send.unknown": _and_seen(_became_unknown),
    "conversation.started": _and_seen(_started),
    "conversation.archived": _and_seen(_archived),
    "conversation.unarchived": _and_seen(_unarchived),
    "correspondent.erased": _and_seen(_erased),
    # Edits, deletions, receipts, reactions and typing change no rule: a deleted message was
    # written all the same, and only messages make a conversation active or open its window.
    "message.edited": _only_seen,
    "message.deleted": _only_seen,
    "message.delivered": _only_seen,
    "message.read": _only_seen,
    "reaction.added": _only_seen,
    "reaction.removed": _only_seen,
    "referral.received": _only_seen,
    "typing.started": _only_seen,
    "thread.control_requested": _only_seen,
    "unrecognised.received": _only_seen,
}
"""By the event's name. Accepted sends and activations change the profile as well: see `evolve`."""
