"""What the happenings come to: messages, conversations, profiles and events in their last state.

This is the rules a second time, written from the happenings and as plainly as can be. It shares
no code with the pipeline, else the two would err alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from streams.simulator.events import expected_events
from streams.simulator.happenings import (
    ControlMoved,
    Edited,
    Happening,
    Reacted,
    Receipt,
    Unsent,
    Written,
)
from streams.simulator.instants import month
from streams.simulator.intention import (
    ExpectedConversation,
    ExpectedEvents,
    ExpectedMessage,
    ExpectedProfile,
    Header,
    Intention,
)
from streams.simulator.world import Conversation


def outcome(header: Header, happenings: Iterable[Happening]) -> Intention:
    """`happenings` in any order; each conversation's are put into the order of time here."""
    intention = Intention(header)
    by_conversation: dict[str, list[Happening]] = defaultdict(list)
    for happening in happenings:
        by_conversation[happening.conversation.id].append(happening)
    for told in by_conversation.values():
        told.sort(key=lambda happening: happening.at)
        _conversation(intention, told[0].conversation, told)
    _profiles(intention)
    intention.events = _events(happening for told in by_conversation.values() for happening in told)
    return intention


@dataclass(slots=True)
class _Message:
    written: Written
    text: str | None
    versions: int = 1
    edited_at: int | None = None
    deleted_at: int | None = None
    reactions: dict[str, str] = field(default_factory=dict)
    delivered_at: int | None = None
    read_at: int | None = None


def _conversation(
    intention: Intention, conversation: Conversation, told: Sequence[Happening]
) -> None:
    messages = {
        happening.message_id: _Message(happening, happening.text)
        for happening in told
        if isinstance(happening, Written)
    }
    for happening in told:
        match happening:
            case Edited():
                message = messages[happening.message_id]
                message.text = happening.text
                message.versions += 1
                message.edited_at = happening.at
            case Unsent():
                messages[happening.message_id].deleted_at = happening.at
            case Reacted():
                reactions = messages[happening.message_id].reactions
                reactions.pop(conversation.correspondent.id, None)
                if happening.added:
                    reactions[conversation.correspondent.id] = happening.emoji
            case Receipt():
                _apply(happening, messages)
    for message in messages.values():
        expected = _expected_message(conversation, message)
        intention.messages[conversation.id, expected.message_id] = expected
    intention.conversations[conversation.id] = _expected_conversation(conversation, told)


def _apply(receipt: Receipt, messages: dict[str, _Message]) -> None:
    """Receipts come in the order of time, so that the first one to tell of a message stays."""
    for message in messages.values():
        written = message.written
        told = written.message_id in receipt.message_ids or written.at <= receipt.watermark
        if written.by == "correspondent" or not told:
            continue
        if receipt.what == "read":
            message.read_at = receipt.at if message.read_at is None else message.read_at
        elif message.delivered_at is None:
            message.delivered_at = receipt.at


def _expected_message(conversation: Conversation, message: _Message) -> ExpectedMessage:
    account, written = conversation.account, message.written
    deleted = message.deleted_at is not None
    return ExpectedMessage(
        conversation_id=conversation.id,
        message_id=written.message_id,
        profile_id=account.profile_id,
        provider=account.provider,
        platform=account.platform,
        direction="received" if written.by == "correspondent" else "sent",
        sent_at=written.at,
        text=None if deleted else message.text,
        attachments=() if deleted else tuple(media.type for media in written.media),
        versions=message.versions,
        edited_at=message.edited_at,
        is_deleted=deleted,
        deleted_at=message.deleted_at,
        reactions=tuple(sorted(message.reactions.items())),
        delivered_at=message.delivered_at,
        read_at=message.read_at,
        is_standby=written.standby,
        is_unreadable=written.unsupported,
    )


def _expected_conversation(
    conversation: Conversation, told: Sequence[Happening]
) -> ExpectedConversation:
    written = [happening for happening in told if isinstance(happening, Written)]
    received = [message.at for message in written if message.by == "correspondent"]
    sent = [message.at for message in written if message.by == "account"]
    last_sent = max(sent, default=0)
    return ExpectedConversation(
        conversation_id=conversation.id,
        profile_id=conversation.account.profile_id,
        provider=conversation.account.provider,
        platform=conversation.account.platform,
        received=len(received),
        sent=len(sent),
        first_received_at=min(received, default=None),
        last_received_at=max(received, default=None),
        first_sent_at=min(sent, default=None),
        last_sent_at=max(sent, default=None),
        waiting_since=min((at for at in received if at > last_sent), default=None),
        active_months=tuple(sorted({month(at) for at in (*received, *sent)})),
        thread_control=_control(conversation, told),
    )


def _control(
    conversation: Conversation, told: Sequence[Happening]
) -> Literal["ours", "other", "unknown"]:
    """Only Meta has a standby channel, so only there does the normal one say that we have it."""
    control: Literal["ours", "other", "unknown"] = "unknown"
    for happening in told:
        match happening:
            case ControlMoved(what="gained"):
                control = "ours"
            case ControlMoved(what="lost"):
                control = "other"
            case Written(standby=True) | Receipt(standby=True):
                control = "other"
            case Written(by="correspondent") if conversation.account.provider == "meta":
                control = "ours"
    return control


def _profiles(intention: Intention) -> None:
    active: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for conversation in intention.conversations.values():
        for name in conversation.active_months:
            active[conversation.profile_id][name] += 1
    for profile_id, months in active.items():
        intention.profiles[profile_id] = ExpectedProfile(
            profile_id=profile_id, active_conversations=dict(sorted(months.items()))
        )


def _events(happenings: Iterable[Happening]) -> dict[str, ExpectedEvents]:
    """Distinct ones by type, in the order in which they are first told."""
    keys: dict[str, dict[str, None]] = defaultdict(dict)
    unnamed: dict[str, dict[str, None]] = defaultdict(dict)
    for happening in happenings:
        for event in expected_events(happening):
            (keys if event.has_id else unnamed)[event.type][event.key] = None
    return {
        type_: ExpectedEvents(type=type_, ids=tuple(keys[type_]), unnamed=len(unnamed[type_]))
        for type_ in sorted({*keys, *unnamed})
    }
