"""The bodies that X posts, as types: what readers may rely on (see `meta_payloads` for the why).

Sources: X's docs of Account Activity (AAA) and X Activity (XAA), and captures of AAA.
"""

from typing import Any, NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from schemas.webhooks.meta_payloads import Id


class Media(TypedDict, total=False):
    id: int
    """Above 2^53: use `id_str`."""
    id_str: str
    media_url: str
    media_url_https: str
    url: str
    """The t.co link that the message's text ends in."""
    type: str
    """`photo`, `animated_gif`, `video`."""
    sizes: dict[str, Any]
    video_info: dict[str, Any]
    """`{variants: [{bitrate?, content_type, url}]}`."""


class DirectMessageAttachment(TypedDict, total=False):
    type: str
    media: Media
    location: dict[str, Any]


class QuickReplyResponse(TypedDict):
    type: str
    metadata: str


class MessageData(TypedDict, total=False):
    text: str
    entities: dict[str, Any]
    attachment: DirectMessageAttachment
    quick_reply_response: QuickReplyResponse


class Target(TypedDict, total=False):
    recipient_id: Id


class MessageCreate(TypedDict):
    sender_id: Id
    target: NotRequired[Target]
    message_data: NotRequired[MessageData]
    source_app_id: NotRequired[Id]
    """On what an app sent; one doc sample has it on an incoming message."""


class DirectMessageEvent(TypedDict):
    type: str
    """`message_create`; the docs know no other."""
    id: NotRequired[Id]
    """A snowflake: it holds the time."""
    created_timestamp: NotRequired[str | int]
    """Milliseconds, in a string."""
    initiated_via: NotRequired[dict[str, str]]
    """`{tweet_id}` or `{welcome_message_id}`."""
    message_create: NotRequired[MessageCreate]


class TypingEvent(TypedDict):
    sender_id: Id
    target: Target
    created_timestamp: NotRequired[str | int]


class MarkReadEvent(TypingEvent):
    last_read_event_id: Id


class Revoke(TypedDict):
    """The user took the app's access away."""

    date_time: str
    """ISO 8601 with an offset."""
    source: dict[str, Id]
    """`{user_id}`: the account. There is no `for_user_id`."""
    target: dict[str, Id]


class UserEvent(TypedDict, total=False):
    revoke: Revoke


class AccountActivityBody(TypedDict, total=False):
    """AAA."""

    for_user_id: Id
    """The account."""
    direct_message_events: list[DirectMessageEvent]
    direct_message_indicate_typing_events: list[TypingEvent]
    direct_message_mark_read_events: list[MarkReadEvent]
    user_event: UserEvent
    users: dict[str, dict[str, Any]]
    """`{"<id>": {name, screen_name, profile_image_url_https, ...}}`."""
    apps: dict[str, dict[str, Any]]


class ActivityPayload(TypedDict, total=False):
    """Of `dm.*`: the arrays of AAA, and `users: {"<id>": {data: {name, username, ...}}}`.
    Of `chat.*`: ciphertext. Of `oauth.revoke`: who and when."""

    direct_message_events: list[DirectMessageEvent]
    direct_message_indicate_typing_events: list[TypingEvent]
    direct_message_mark_read_events: list[MarkReadEvent]
    users: dict[str, dict[str, Any]]
    id: str
    conversation_id: str
    """`a:b`, X's ids of the two."""
    sender_id: Id
    created_at_msec: str
    encoded_event: str
    date_time: str
    user_id: Id
    app_id: Id


class Activity(TypedDict):
    event_type: str
    """`dm.received`, `dm.sent`, `dm.read`, `dm.indicate_typing`, `chat.received`, `chat.sent`,
    `oauth.revoke`, ..."""
    event_uuid: NotRequired[str]
    """A signed decimal: the delivery."""
    filter: NotRequired[dict[str, Any]]
    """`{user_id}`: the account; empty on `oauth.revoke`."""
    payload: NotRequired[ActivityPayload]
    tag: NotRequired[str]
    includes: NotRequired[dict[str, Any]]


class ActivityBody(TypedDict):
    """XAA."""

    data: Activity
