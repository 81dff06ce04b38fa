"""The bodies that Meta posts for Messenger and Instagram, as types: what readers may rely on.

They are not checked when a body is read: platforms send more keys than they document and leave out
what they document, and one odd key must not cost a message. The tests hold every fixture against
them. Sources: Meta's webhook docs (events `messages`, `message_echoes`, `message_deliveries`,
`message_reads`, `message_reactions`, `message_edits`, `messaging_postbacks`,
`messaging_referrals`, `messaging_handovers`, `standby`), and captures where those differ.
"""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

Id = str | int
"""A string on the wire; samples have numbers."""

Time = int | str
"""Milliseconds; seconds in lead adverts and summaries; seconds in a string from test buttons."""


class Party(TypedDict, total=False):
    id: Id
    user_ref: str
    """In place of `id`: a person the page has no id of yet."""


class Story(TypedDict, total=False):
    id: Id
    url: str


class ReplyTo(TypedDict, total=False):
    mid: str
    is_self_reply: bool
    story: Story
    """Instagram: an answer to a story; it may come without any text."""


class QuickReply(TypedDict):
    payload: str


class AttachmentPayload(TypedDict, total=False):
    url: str
    title: str
    sticker_id: int
    reel_video_id: Id
    """A number by the docs, a string in Instagram captures."""
    id: Id
    product: dict[str, Any]
    """`{elements: [{id, retailer_id, image_url, title, subtitle}]}`: a shop's card."""
    booking_id: Id
    coordinates: dict[str, float]
    """`{lat, long}`: a location."""
    template_type: str
    elements: list[dict[str, Any]]


class MetaAttachment(TypedDict):
    type: str
    payload: NotRequired[AttachmentPayload | None]
    """Missing for `ephemeral`, null in the echo of a `fallback`."""
    title: NotRequired[str]
    url: NotRequired[str]


class MetaReferral(TypedDict, total=False):
    ref: str
    source: str
    type: str
    ad_id: Id
    ads_context_data: dict[str, Any]
    referer_uri: str
    product: dict[str, Any]


class MetaMessage(TypedDict, total=False):
    mid: str
    text: str
    attachments: list[MetaAttachment]
    quick_reply: QuickReply
    reply_to: ReplyTo
    referral: MetaReferral
    sticker_id: int
    """The older form, beside attachments."""
    seq: int
    """Old captures; dropped in July 2019."""
    is_echo: bool
    app_id: Id
    """Echo: who sent. A string by the docs, a number in samples; an inbox's where a person typed;
    missing on Instagram."""
    metadata: str
    """Echo: what the sender put in. Not on Instagram."""
    is_deleted: bool
    is_unsupported: bool
    is_self: bool
    admin_text: str
    commands: list[dict[str, Any]]


class MetaMessageEdit(TypedDict):
    mid: str
    text: NotRequired[str]
    """Missing in some of Instagram's, together with the item's sender."""
    num_edit: NotRequired[int | str]
    """0 without a text: not an edit, but how Instagram announces a new message to some apps."""


class Delivery(TypedDict, total=False):
    mids: list[str]
    watermark: Time
    seq: int


class Read(TypedDict, total=False):
    watermark: Time
    """Messenger."""
    mid: str
    """Instagram."""
    seq: int


class MetaReaction(TypedDict):
    mid: str
    action: Literal["react", "unreact"]
    reaction: NotRequired[str]
    emoji: NotRequired[str]


class MetaPostback(TypedDict, total=False):
    mid: str
    title: str
    payload: str
    """Missing on standby."""
    referral: MetaReferral


class ThreadControlChange(TypedDict, total=False):
    new_owner_app_id: Id | None
    previous_owner_app_id: Id | None
    """Null when the thread was idle."""
    requested_owner_app_id: Id | None
    metadata: str | None


class MessagingItem(TypedDict, total=False):
    """`sender`, `recipient`, `timestamp`, and one of the event keys. Any may be missing."""

    sender: Party
    recipient: Party
    timestamp: Time
    message: MetaMessage
    message_edit: MetaMessageEdit
    delivery: Delivery
    read: Read
    reaction: MetaReaction
    postback: MetaPostback
    referral: MetaReferral
    pass_thread_control: ThreadControlChange
    take_thread_control: ThreadControlChange
    request_thread_control: ThreadControlChange
    app_roles: dict[str, list[str]]
    """`{"<app id>": ["primary_receiver"]}`: of the page, not of a thread. Unrecognised."""


class Change(TypedDict):
    """Dashboard tests put a `MessagingItem` in `value`; comments and mentions their own things."""

    field: str
    value: Any


class MetaEntry(TypedDict, total=False):
    id: Id
    """The page or the Instagram professional account; "0" from a test button."""
    time: Time
    """When the notice was sent, not when it happened."""
    messaging: list[MessagingItem]
    standby: list[MessagingItem]
    """The same items, while another app owns the thread."""
    changes: list[Change]


class MetaBody(TypedDict):
    object: str
    """`page` (Messenger) or `instagram`."""
    entry: list[MetaEntry]
    """Up to 1,000 updates of many accounts."""
