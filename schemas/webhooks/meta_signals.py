"""What happens around messages on Messenger and Instagram: receipts, reactions, referrals."""

from collections.abc import Iterator

from schemas.events import (
    Event,
    MessageDelivered,
    MessageRead,
    ReactionAdded,
    ReactionRemoved,
    ReferralReceived,
)
from schemas.webhooks.building import Happening
from schemas.webhooks.common import (
    BadValueError,
    JsonObject,
    children,
    from_milliseconds,
    identifier,
    label,
    milliseconds,
    required_identifier,
)
from schemas.webhooks.meta_messages import read_referral


def delivery(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`delivery{mids?, watermark}`: one event for each mid, or one up to the watermark."""
    watermark = milliseconds(body, "watermark", "delivery")
    mids = children(body, "mids", "delivery")
    for index, value in enumerate(mids):
        mid = required_identifier({f"mids[{index}]": value}, f"mids[{index}]", "delivery")
        yield _receipt(frame, "delivered", mid, watermark)
    if not mids:
        yield _receipt(frame, "delivered", None, watermark)


def read_receipt(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`read{watermark}` on Messenger, `read{mid}` on Instagram."""
    watermark = milliseconds(body, "watermark", "read")
    yield _receipt(frame, "read", identifier(body, "mid", "read"), watermark)


def _receipt(frame: Happening, kind: str, mid: str | None, watermark: int | None) -> Event:
    if mid is None and watermark is None:
        raise BadValueError(kind, "names neither a message nor a watermark")
    return frame.event(
        MessageRead if kind == "read" else MessageDelivered,
        kind,
        frame.correspondent_id,
        frame.by,
        mid or str(watermark),
        message_id=mid,
        watermark_at=None if watermark is None else from_milliseconds(watermark),
        by=frame.by,
    )


def reaction(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`reaction{mid, action, reaction?, emoji?}`: an `unreact` tells only mid and action."""
    emoji, name = label(body, "emoji"), label(body, "reaction")
    action = label(body, "action") or ("react" if emoji or name else None)
    if action not in ("react", "unreact"):
        raise BadValueError("reaction.action", "is neither react nor unreact")
    is_added = action == "react"
    mid = required_identifier(body, "mid", "reaction")
    account = frame.source.account_id
    person = account if frame.by == "account" else frame.correspondent_id
    yield frame.event(
        ReactionAdded if is_added else ReactionRemoved,
        "reaction",
        mid,
        person,
        "added" if is_added else "removed",
        emoji or name or "",
        frame.at.key,
        message_id=mid,
        by=frame.by,
        person_id=person,
        emoji=emoji,
        name=name,
    )


def referral(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`referral` beside sender and recipient: a short link or an advert opened the thread."""
    told = read_referral(body)
    yield frame.event(
        ReferralReceived,
        "referral",
        frame.correspondent_id,
        told.source or "",
        frame.at.key,
        told.type or "",
        told.ref or "",
        told.ad_id or "",
        referral=told,
    )
