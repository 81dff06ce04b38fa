"""The bodies that Ayrshare posts, as types (see `meta_payloads` for the why).

Sources: Ayrshare's docs and SDKs for `accountActivity` and `social`; for `messages` the fields that
users' published handlers read, since no whole body was ever published. Reads, reactions and edits
are inferred.
"""

from typing import Any, NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from schemas.webhooks.meta_payloads import Id


class PersonDetails(TypedDict, total=False):
    id: Id
    name: str | int
    """May be the bare id."""
    username: str
    profileImage: str
    picture: str


class AyrshareAttachment(TypedDict, total=False):
    type: str
    url: str


class AyrshareBody(TypedDict):
    """One flat object a delivery."""

    action: str
    """`messages`; `accountActivity` (X); `social`; and others that are kept unrecognised."""
    created: NotRequired[str]
    """ISO 8601 UTC, whole seconds."""
    refId: NotRequired[str]
    """The User Profile: 40 hex digits."""
    hookId: NotRequired[str]
    """The delivery; a repeated one may have another."""
    retryAttempt: NotRequired[int]
    code: NotRequired[int]
    url: NotRequired[str]
    platform: NotRequired[str]
    """`facebook` (Messenger), `instagram`, `twitter`."""
    type: NotRequired[str]
    """`messages`: `received`, `sent`, `deleted`. `social`: `link`, `unlink`, `refresh`."""

    # action `messages`
    subAction: NotRequired[str]
    """`messageCreated`, `messageRead`, `messageEdited`, `reactionCreated`, `reactionDeleted`."""
    id: NotRequired[Id]
    """The message; for a reaction or an edit the one it is about."""
    conversationId: NotRequired[str]
    message: NotRequired[str | dict[str, Any]]
    senderId: NotRequired[Id]
    recipientId: NotRequired[Id]
    senderDetails: NotRequired[PersonDetails]
    recipientDetails: NotRequired[PersonDetails]
    attachments: NotRequired[list[AyrshareAttachment]]
    reactions: NotRequired[dict[str, str] | list[dict[str, Any]]]
    """`{"<user id>": "<emoji>"}` in GET answers; of webhooks nothing is published."""
    reaction: NotRequired[str | dict[str, Any]]
    emoji: NotRequired[str]
    messageId: NotRequired[Id]
    """Read where `id` is missing; a guess."""

    # action `accountActivity`
    directMessageEvents: NotRequired[dict[str, Any] | list[dict[str, Any]]]
    """X's message_create in camelCase: `{type, id, createdAt, messageCreate{senderId,
    target{recipientId}, messageData{text, ...}}}`."""
    forUserId: NotRequired[Id]
    """The account, if it is told: X's own bodies have it, the published sample has not."""
    mediaUrls: NotRequired[list[str]]
    users: NotRequired[dict[str, dict[str, Any]]]

    # action `social`
    displayName: NotRequired[str]
    source: NotRequired[str]
    """`system` or `user`."""
    details: NotRequired[dict[str, Any]]
