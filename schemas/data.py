"""What the events carry: one shape a family of kinds. Absent values are left out of the JSON."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from schemas.base import Instant, Model, Party, Platform, Provider
from schemas.business_hours import BusinessHours

AttachmentType = Literal[
    "image", "video", "audio", "file", "sticker", "reel", "post", "story_mention", "share",
    "template", "location", "fallback", "ephemeral", "unsupported", "other"]  # fmt: skip


class Attachment(Model):
    """Media or a card in a message. Platforms' addresses are signed and expire."""

    type: AttachmentType
    platform_type: str
    """The platform's own word, kept as it came (`ig_reel`, `unsupported_type`, ...)."""
    url: str | None = None
    title: str | None = None
    id: str | None = None
    """A sticker, reel, post or media id, as text: some exceed 2^53."""


class Person(Model):
    """The correspondent as the platform describes them. Personal data: erasure removes it."""

    name: str | None = None
    username: str | None = None
    picture_url: str | None = None


class Referral(Model):
    """How the correspondent came into the thread (an advert, a short link, a shop)."""

    ref: str | None = None
    source: str | None = None
    type: str | None = None
    ad_id: str | None = None


class InConversation(Model):
    """Common to everything that happens between one account and one correspondent."""

    provider: Provider
    account_id: str
    """The page, professional account or X user that the profile linked."""
    correspondent_id: str
    """The person, as the platform names them to this account (PSID, IGSID, X user id)."""
    external_conversation_id: str | None = None
    """The provider's own id of the conversation, where it tells one."""
    standby: bool = False
    """It came on the channel for apps that do not own the thread."""
    backfilled: bool = False
    """It was fetched from the provider's history, not received as it happened."""
    time_estimated: bool = False
    """The platform told no time; the notice's own time stands in."""


class Message(InConversation):
    """`message.received` and `message.sent`."""

    message_id: str
    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    reply_to_message_id: str | None = None
    reply_to_story_id: str | None = None
    quick_reply_payload: str | None = None
    referral: Referral | None = None
    correspondent: Person | None = None
    is_unreadable: bool = False
    """Encrypted or of a kind the platform does not hand out: it came, its content did not."""
    app_id: str | None = None
    """Sent: the app that sent it, where the platform tells."""
    command_id: str | None = None
    """Sent: the command of ours that it fulfils (from the echo's metadata or the send's answer).

    dmstream's sends carry the metadata `dm:<command_id>` and Messenger's echo gives it back; the
    metadata of other apps has no such mark and is left out.
    """
    origin: Literal["api", "auto", "elsewhere"] | None = None
    """Sent: by a command (`api`, `auto`), or by the user outside of dmstream (`elsewhere`)."""


class MessageEdit(InConversation):
    message_id: str
    text: str | None = None
    edit_number: int | None = None
    """1 for the first edit; absent where the platform tells none."""
    by: Party = "correspondent"


class MessageDeletion(InConversation):
    message_id: str
    by: Party = "correspondent"


class Receipt(InConversation):
    """`message.delivered` and `message.read`: of one message, or of all up to a watermark."""

    message_id: str | None = None
    watermark_at: Instant | None = None
    """Everything sent at or before this instant is delivered or read."""
    by: Party = "correspondent"


class Reaction(InConversation):
    """`reaction.added` and `reaction.removed`. A set per message and person."""

    message_id: str
    by: Party = "correspondent"
    person_id: str
    emoji: str | None = None
    name: str | None = None
    """The platform's word (`love`, `smile`, ...)."""


class Postback(InConversation):
    """A button, ice breaker or menu entry that the correspondent pressed."""

    message_id: str | None = None
    title: str | None = None
    payload: str | None = None
    referral: Referral | None = None


class ReferralReceived(InConversation):
    referral: Referral


class Typing(InConversation):
    by: Party = "correspondent"


class ThreadControl(InConversation):
    """`thread.control_lost`, `_gained`, `_requested`. App ids as text."""

    owner_app_id: str | None = None
    previous_owner_app_id: str | None = None
    requested_by_app_id: str | None = None
    metadata: str | None = None


class Unrecognised(Model):
    """A notice of a kind we do not know, kept whole. Ids are empty where the item names none."""

    provider: Provider
    account_id: str = ""
    correspondent_id: str = ""
    kind: str
    """The provider's own word for it, or `other`."""
    item: JsonValue
    standby: bool = False


class Send(InConversation):
    """Common to what becomes of one command to send."""

    command_id: str
    origin: Literal["api", "auto"] = "api"


Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
"""`2026-11`, in the profile's zone."""


class SendAccepted(Send):
    text: str | None = None
    media_urls: tuple[str, ...] = ()
    human_agent: bool = False
    """A person wrote it: Meta's HUMAN_AGENT tag may be used."""
    month: Month
    rank: int = Field(ge=1)
    """The conversation's place in the profile's month; taken at acceptance, kept if it fails."""
    expires_at: Instant
    """Not attempted at or after this instant."""
    window_expires_at: Instant | None = None
    echo_by_text: bool = False
    """Its echo may be recognised by its text. Decided once: only text without media, and only
    while few sends of the conversation are open, so that a conversation's state stays small."""


class SendRejected(Send):
    """The ids are empty, and `provider` absent, where the command names nothing that we know."""

    provider: Provider | None = None  # type: ignore[assignment]
    reason: str
    message: str
    expires_at: Instant | None = None
    """`reply_window_closed`: when the window ended."""
    opens_at: Instant | None = None
    """`monthly_limit_reached`: the start of the next month. `thread_controlled_elsewhere`: when a
    send is let through again to see whether control came back."""


class SendAttempted(Send):
    attempt: int = Field(ge=1)


class SendFailed(Send):
    """Terminal: the platform refused, or the time ran out."""

    reason: str
    """`expired`, or a class of `classify_error`."""
    message: str
    http_status: int | None = None
    code: int | None = None
    subcode: int | None = None
    attempts: int = 0


class SendUnknown(Send):
    """It may have been delivered. An echo resolves it; it is never sent again blindly."""

    text: str | None = None
    """As it was accepted: the message that an earlier echo turns out to be is written with it."""
    reason: str
    message: str
    attempts: int = 0


class ConversationStarted(InConversation):
    """The correspondent wrote for the first time. Derived."""


class ConversationActivated(InConversation):
    """The conversation took its place in the profile's month. Derived; the rank is decided once."""

    month: Month
    rank: int = Field(ge=1)
    cause_id: str
    """The message or accepted send that made it active."""


class ConversationArchived(InConversation):
    """`conversation.archived` and `conversation.unarchived`."""


class CorrespondentErased(InConversation):
    """Their texts, media and names are to go; counts stay."""


class ProfileRegistered(Model):
    title: str | None = None
    reference: str | None = None
    """The provider's name for the profile (Ayrshare's refId, a page id, an X user id)."""


class AccountLink(Model):
    """`account.linked` and `account.unlinked`. `account_id` is empty where the provider
    names the profile and the platform only."""

    provider: Provider
    platform: Platform
    account_id: str = ""
    credential: str | None = None
    """The name of the credential in the settings; never the credential."""
    reason: str | None = None


class MessagingSwitched(Model):
    """`messaging.activated` and `messaging.deactivated`."""

    reason: str | None = None


class LimitChanged(Model):
    """A profile's own limits. An absent value stays as it is."""

    monthly_limit: int | None = Field(default=None, ge=0)
    limit_scope: Literal["conversations", "all"] | None = None
    month_zone: str | None = None
    """IANA name; months begin at midnight there."""
    reply_window_seconds: dict[Platform, int | None] | None = None
    """Per platform; null lifts the window."""
    business_hours: BusinessHours | None = None
    """For the metrics alone: nothing is refused outside of them."""


class LimitReached(Model):
    month: Month
    share: Literal[80, 100]
    """Per cent of the limit."""
    count: int
    monthly_limit: int


class AutoResponseConfigured(Model):
    """An absent value stays as it is; an empty message resets to the default."""

    active: bool | None = None
    message: str | None = None
    wait_seconds: int | None = Field(default=None, ge=0)
