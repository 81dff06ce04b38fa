"""What canonical events come to, as rows like those of the archive's views.

A second, plain reading of the rules, for the tests alone: it stands in for the archive, so that
the normaliser and the simulator can be held against each other without a server.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.events import (
    Event,
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessageRead,
    MessageReceived,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
    ThreadControlGained,
    ThreadControlLost,
)

Row = dict[str, Any]


@dataclass
class Rows:
    messages: list[Row] = field(default_factory=list)
    conversations: list[Row] = field(default_factory=list)


def rows_of(events: Iterable[Event]) -> Rows:
    """Each event counts once, and in the order of time, however they came."""
    distinct = {event.id: event for event in events}
    by_conversation: dict[str, list[Event]] = {}
    for event in sorted(distinct.values(), key=lambda one: one.time):
        if event.subject is not None:
            by_conversation.setdefault(event.subject, []).append(event)
    rows = Rows()
    for conversation_id, told in by_conversation.items():
        messages = _messages(conversation_id, told)
        rows.messages += messages
        rows.conversations.append(_conversation(conversation_id, told, messages))
    return rows


def _messages(conversation_id: str, told: list[Event]) -> list[Row]:
    messages: dict[str, Row] = {}
    for event in told:
        if isinstance(event, MessageReceived | MessageSent):
            messages[event.data.message_id] = _message(conversation_id, event)
    for event in told:
        match event:
            case MessageEdited():
                row = messages[event.data.message_id]
                row["text"] = event.data.text
                row["edit_count"] += 1
                row["edited_at"] = event.time
            case MessageDeleted():
                row = messages[event.data.message_id]
                row |= {"text": "", "attachments": [], "is_deleted": True}
                row["deleted_at"] = event.time
            case ReactionAdded() | ReactionRemoved():
                row = messages[event.data.message_id]
                person = event.data.person_id
                others = [one for one in row["reactions"] if one[0] != person]
                added = isinstance(event, ReactionAdded)
                row["reactions"] = [*others, *([(person, event.data.emoji)] if added else [])]
            case MessageDelivered():
                _receipt(event, messages, "delivered_at")
            case MessageRead():
                _receipt(event, messages, "read_at")
    return list(messages.values())


def _message(conversation_id: str, event: MessageReceived | MessageSent) -> Row:
    return {
        "conversation_id": conversation_id,
        "message_id": event.data.message_id,
        "profile_id": event.profileid,
        "platform": event.platform,
        "provider": event.data.provider,
        "direction": "in" if isinstance(event, MessageReceived) else "out",
        "occurred_at": event.time,
        "text": event.data.text,
        "attachments": [one.model_dump() for one in event.data.attachments],
        "edit_count": 0,
        "edited_at": None,
        "is_deleted": False,
        "deleted_at": None,
        "is_standby": event.data.standby,
        "is_unreadable": event.data.is_unreadable,
        "reactions": [],
        "delivered_at": None,
        "read_at": None,
    }


def _receipt(event: MessageDelivered | MessageRead, messages: dict[str, Row], at: str) -> None:
    """Of the message that it names; where it names none, of all the account's up to its mark."""
    for row in messages.values():
        if event.data.message_id is not None:
            told = row["message_id"] == event.data.message_id
        else:
            mark: datetime = event.data.watermark_at or event.time
            told = row["occurred_at"] <= mark
        if told and row["direction"] == "out" and row[at] is None:
            row[at] = event.time


def _conversation(conversation_id: str, told: list[Event], messages: list[Row]) -> Row:
    received = [row["occurred_at"] for row in messages if row["direction"] == "in"]
    sent = [row["occurred_at"] for row in messages if row["direction"] == "out"]
    return {
        "conversation_id": conversation_id,
        "profile_id": told[0].profileid,
        "platform": told[0].platform,
        "provider": messages[0]["provider"],
        "received_count": len(received),
        "sent_count": len(sent),
        "first_received_at": min(received, default=None),
        "last_received_at": max(received, default=None),
        "first_sent_at": min(sent, default=None),
        "last_sent_at": max(sent, default=None),
        "waiting_since": min((at for at in received if not sent or at > max(sent)), default=None),
        "active_months": {f"{at:%Y-%m}" for at in (*received, *sent)},
        "thread_control": _control(told),
    }


def _control(told: list[Event]) -> str:
    control = "unknown"
    for event in told:
        if isinstance(event, ThreadControlGained):
            control = "ours"
        elif isinstance(event, ThreadControlLost) or getattr(event.data, "standby", False):
            control = "other"
        elif isinstance(event, MessageReceived) and event.data.provider == "meta":
            control = "ours"
    return control
