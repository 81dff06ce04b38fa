"""What the views must say, in plain Python: the rules once more, written another way."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from schemas.envelope import Envelope
from tests.pipeline.histories import MONTH

WEEK = 7 * 86_400


def winners(events: Iterable[Envelope]) -> list[Any]:
    """One copy of each happening, and of each message if two providers tell of it: ours before an
    echo, live before backfilled, then the first."""
    best: dict[tuple[str, ...], tuple[Any, Envelope]] = {}
    for event in events:
        body: Any = event.data  # type: ignore[attr-defined]
        preference = (
            bool(getattr(body, "command_id", None)),
            not getattr(body, "backfilled", False),
            -event.receivedat.timestamp(),
            crc32(event.to_json()) & 0xFFFFF,
        )
        identity: tuple[str, ...] = (event.profileid, event.id)
        if kind_of(event) in ("message.received", "message.sent"):
            identity = (event.profileid, event.subject or "", body.message_id)
        if identity not in best or preference > best[identity][0]:
            best[identity] = (preference, event)
    return [event for _, event in best.values()]


def kind_of(event: Envelope) -> str:
    return event.type.removeprefix("dm.").removesuffix(".v1")


@dataclass
class Conversation:
    messages: dict[str, Any] = field(default_factory=dict)
    about: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Events by kind."""


def conversations_of(events: Iterable[Envelope]) -> dict[str, Conversation]:
    found: dict[str, Conversation] = defaultdict(Conversation)
    for event in winners(events):
        if event.subject is None:
            continue
        conversation = found[event.subject]
        if kind_of(event) in ("message.received", "message.sent"):
            conversation.messages[event.data.message_id] = event
        conversation.about[kind_of(event)].append(event)
    return found


def messages(events: Iterable[Envelope]) -> dict[tuple[str, str], dict[str, Any]]:
    """By (conversation_id, message_id)."""
    return {
        (conversation_id, message_id): _message(conversation, message_id)
        for conversation_id, conversation in conversations_of(events).items()
        for message_id in conversation.messages
    }


def _message(conversation: Conversation, message_id: str) -> dict[str, Any]:
    event = conversation.messages[message_id]
    body = event.data

    def of(kind: str) -> list[Any]:
        return [e for e in conversation.about[kind] if e.data.message_id == message_id]

    edits = sorted(of("message.edited"), key=lambda e: (e.data.edit_number or 0, e.time, e.id))
    deletions = sorted(of("message.deleted"), key=lambda e: (e.time, e.id))
    versions = [] if deletions else [body.text or "", *(e.data.text or "" for e in edits)]
    is_in = kind_of(event) == "message.received"
    return {
        "direction": "in" if is_in else "out",
        "occurred_at": event.time,
        "received_at": event.receivedat,
        "text": versions[-1] if versions else "",
        "text_versions": versions,
        "edit_count": len(edits),
        "edited_at": edits[-1].time if edits else None,
        "attachments": []
        if deletions
        else [
            (a.type, a.platform_type, a.url or "", a.title or "", a.id or "")
            for a in body.attachments
        ],
        "reactions": _reactions(of("reaction.added") + of("reaction.removed")),
        "reply_to_message_id": body.reply_to_message_id or "",
        "origin": body.origin or "",
        "command_id": body.command_id or "",
        "is_backfilled": body.backfilled,
        "is_standby": body.standby,
        "is_deleted": bool(deletions),
        "deleted_at": deletions[0].time if deletions else None,
        "deleted_by": deletions[0].data.by if deletions else "",
        "delivered_at": _told(conversation.about["message.delivered"], event, is_in=is_in),
        "read_at": _told(conversation.about["message.read"], event, is_in=is_in),
    }


def _reactions(changes: list[Any]) -> list[tuple[str, str]]:
    standing: dict[str, str] = {}
    for change in sorted(changes, key=lambda e: (e.time, kind_of(e) == "reaction.removed", e.id)):
        standing.pop(change.data.person_id, None)
        if kind_of(change) == "reaction.added":
            standing[change.data.person_id] = change.data.emoji or change.data.name
    return sorted(standing.items())


def _told(receipts: list[Any], message: Any, *, is_in: bool) -> datetime | None:
    reader = "account" if is_in else "correspondent"
    times = [
        receipt.time
        for receipt in receipts
        if receipt.data.message_id == message.data.message_id
        or (
            receipt.data.watermark_at is not None
            and receipt.data.by == reader
            and message.time <= receipt.data.watermark_at
        )
    ]
    return min(times, default=None)


def conversations(events: list[Envelope], now: datetime) -> dict[str, dict[str, Any]]:
    limit, windows = 100, {"instagram": WEEK, "facebook": None, "x": None}
    changes = [e for e in winners(events) if kind_of(e) == "limit.changed"]
    for change in sorted(changes, key=lambda e: (e.time, e.id)):
        limit = limit if change.data.monthly_limit is None else change.data.monthly_limit
        windows |= change.data.reply_window_seconds or {}
    return {
        conversation_id: _conversation(
            conversation, now, limit, windows[conversation_id.split(":")[0]]
        )
        for conversation_id, conversation in conversations_of(events).items()
        if conversation.messages
    }


def _conversation(
    conversation: Conversation, now: datetime, limit: int, window: int | None
) -> dict[str, Any]:
    all_messages = list(conversation.messages.values())
    received = sorted(e.time for e in all_messages if kind_of(e) == "message.received")
    sent = sorted(e.time for e in all_messages if kind_of(e) == "message.sent")
    replied = [
        e.time for e in all_messages if kind_of(e) == "message.sent" and e.data.origin != "auto"
    ]
    unanswered = [time for time in received if not replied or time > max(replied)]
    expires = received[-1] + timedelta(seconds=window) if received and window is not None else None
    ranks = [
        e.data.rank for e in conversation.about["conversation.activated"] if e.data.month == MONTH
    ]
    archiving = (
        conversation.about["conversation.archived"] + conversation.about["conversation.unarchived"]
    )
    last_archiving = max(archiving, key=lambda e: (e.time, e.id), default=None)
    control = _thread_control(conversation)
    return {
        "first_message_at": min(e.time for e in all_messages),
        "last_message_at": max(e.time for e in all_messages),
        "first_received_at": received[0] if received else None,
        "last_received_at": received[-1] if received else None,
        "first_sent_at": sent[0] if sent else None,
        "last_sent_at": sent[-1] if sent else None,
        "message_count": len(all_messages),
        "received_count": len(received),
        "sent_count": len(sent),
        "auto_sent_count": len(sent) - len(replied),
        "backfilled_count": sum(e.data.backfilled for e in all_messages),
        "window_expires_at": expires,
        "is_window_open": bool(received) and (expires is None or now < expires),
        "rank_this_month": max(ranks, default=0),
        "is_over_limit": max(ranks, default=0) > limit,
        "thread_control": control,
        "waiting_since": min(unanswered, default=None),
        "is_archived": last_archiving is not None
        and kind_of(last_archiving) == "conversation.archived",
    }


def _thread_control(conversation: Conversation) -> str:
    evidence = []
    for events in conversation.about.values():
        for event in events:
            kind = kind_of(event)
            if kind == "thread.control_lost" or getattr(event.data, "standby", False):
                evidence.append((event.time, event.id, "other"))
            elif (
                kind == "thread.control_gained"
                or (kind == "message.sent" and event.data.command_id)
                or (
                    kind == "message.received"
                    and event.data.provider == "meta"
                    and not event.data.backfilled
                )
            ):
                evidence.append((event.time, event.id, "ours"))
    return max(evidence)[2] if evidence else "unknown"
