"""The providers' bodies as their documents and captures have them, strictly: no key beside these.

Types are not coerced, so that a number where the platform writes a string is an error.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

NUMBER = r"^\d+$"
Digits = Annotated[str, Field(pattern=NUMBER)]
Milliseconds = Annotated[int, Field(ge=10**12, lt=10**13)]
WholeSeconds = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
MillisecondText = Annotated[str, Field(pattern=r"^1\d{12}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# Meta


class Party(Strict):
    id: Digits


class Payload(Strict):
    url: Annotated[str, Field(pattern="^https://")]
    title: str | None = None
    sticker_id: int | None = None
    reel_video_id: int | str | None = None


class Attachment(Strict):
    type: Literal[
        "image", "video", "audio", "file", "sticker", "reel", "ig_reel", "share", "story_mention"
    ]
    payload: Payload


class Story(Strict):
    url: str
    id: Digits


class ReplyTo(Strict):
    mid: str | None = None
    story: Story | None = None


class QuickReply(Strict):
    payload: str


class Message(Strict):
    mid: str
    text: str | None = None
    is_echo: Literal[True] | None = None
    is_deleted: Literal[True] | None = None
    is_unsupported: Literal[True] | None = None
    app_id: int | Digits | None = None
    quick_reply: QuickReply | None = None
    reply_to: ReplyTo | None = None
    attachments: list[Attachment] | None = None


class MessageEdit(Strict):
    mid: str
    text: str
    num_edit: int | Digits


class Delivery(Strict):
    mids: list[str] | None = None
    watermark: Milliseconds


class Read(Strict):
    watermark: Milliseconds | None = None
    mid: str | None = None


class Reaction(Strict):
    mid: str
    action: Literal["react", "unreact"]
    reaction: Literal["smile", "angry", "sad", "wow", "love", "like", "laugh", "other"] | None = (
        None
    )
    emoji: str | None = None


class Postback(Strict):
    mid: str
    title: str
    payload: str


class Referral(Strict):
    ref: str
    source: Literal["ADS", "SHORTLINK"]
    type: Literal["OPEN_THREAD"]
    ad_id: Digits | None = None


class ThreadControl(Strict):
    previous_owner_app_id: int | Digits
    new_owner_app_id: int | Digits
    metadata: str


class ThreadRequest(Strict):
    requested_owner_app_id: int | Digits
    metadata: None


class Item(Strict):
    """Sender, recipient, mostly a time, and one event key."""

    sender: Party
    recipient: Party
    timestamp: Milliseconds | None = None
    message: Message | None = None
    message_edit: MessageEdit | None = None
    delivery: Delivery | None = None
    read: Read | None = None
    reaction: Reaction | None = None
    postback: Postback | None = None
    referral: Referral | None = None
    pass_thread_control: ThreadControl | None = None
    take_thread_control: ThreadControl | None = None
    request_thread_control: ThreadRequest | None = None
    thread_mood: JsonValue = None
    """The kind that nobody knows."""

    @property
    def kind(self) -> str:
        (kind,) = self.model_fields_set - {"sender", "recipient", "timestamp"}
        return kind


class Entry(Strict):
    id: Digits
    time: Milliseconds
    messaging: list[Item] = []
    standby: list[Item] = []

    @property
    def items(self) -> list[Item]:
        return [*self.messaging, *self.standby]


class MetaBody(Strict):
    object: Literal["page", "instagram"]
    entry: Annotated[list[Entry], Field(min_length=1)]

    @property
    def items(self) -> list[tuple[Entry, Item]]:
        return [(entry, item) for entry in self.entry for item in entry.items]


# X


class Target(Strict):
    recipient_id: Digits


class Entities(Strict):
    hashtags: list[JsonValue]
    symbols: list[JsonValue]
    user_mentions: list[JsonValue]
    urls: list[JsonValue]


class Media(Strict):
    id: int
    id_str: Digits
    media_url: str
    media_url_https: str
    url: str
    type: Literal["photo", "animated_gif"]
    sizes: JsonValue
    video_info: JsonValue = None


class XAttachment(Strict):
    type: Literal["media"]
    media: Media


class MessageData(Strict):
    text: str
    entities: Entities
    attachment: XAttachment | None = None


class MessageCreate(Strict):
    target: Target
    sender_id: Digits
    source_app_id: Digits | None = None
    message_data: MessageData


class DirectMessage(Strict):
    type: Literal["message_create"]
    id: Digits
    created_timestamp: MillisecondText
    message_create: MessageCreate


class Signal(Strict):
    created_timestamp: MillisecondText
    sender_id: Digits
    target: Target


class MarkRead(Signal):
    last_read_event_id: Digits


class App(Strict):
    id: Digits
    name: str
    url: str


def _one_of_three(body: "AaaBody") -> "AaaBody":
    kinds = body.model_fields_set & {
        "direct_message_events",
        "direct_message_indicate_typing_events",
        "direct_message_mark_read_events",
    }
    assert len(kinds) == 1
    return body


class AaaBody(Strict):
    for_user_id: Digits
    direct_message_events: list[DirectMessage] = []
    direct_message_indicate_typing_events: list[Signal] = []
    direct_message_mark_read_events: list[MarkRead] = []
    apps: dict[Digits, App] | None = None
    users: dict[Digits, JsonValue]


CheckedAaaBody = Annotated[AaaBody, AfterValidator(_one_of_three)]


class XaaFilter(Strict):
    user_id: Digits


class XaaUser(Strict):
    data: JsonValue


class XaaPayload(Strict):
    direct_message_events: Annotated[list[DirectMessage], Field(min_length=1)]
    users: dict[Digits, XaaUser]


class XaaData(Strict):
    event_uuid: Annotated[str, Field(pattern=r"^-?\d{1,19}$")]
    filter: XaaFilter
    event_type: Literal["dm.received", "dm.sent"]
    tag: str
    payload: XaaPayload


class XaaBody(Strict):
    data: XaaData


# Ayrshare


class Camel(Strict):
    model_config = ConfigDict(alias_generator=to_camel)


class AyrshareAttachment(Camel):
    type: Literal["image", "video", "audio"]
    url: Annotated[str, Field(pattern=r"^https://[^?]+\.(jpg|mp4|aac)$")]


class AyrshareDelivered(Camel):
    """What every notice has."""

    code: Literal[200]
    created: WholeSeconds
    ref_id: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    hook_id: Annotated[str, Field(pattern="^[0-9A-Za-z]{20}$")]
    url: str


class AyrshareMessages(AyrshareDelivered):
    action: Literal["messages"]
    sub_action: (
        Literal[
            "messageCreated",
            "messageRead",
            "messageEdited",
            "reactionCreated",
            "reactionDeleted",
            "messagePinned",
        ]
        | None
    ) = None
    type: Literal["received", "sent", "deleted"] | None = None
    platform: Literal["facebook", "instagram", "twitter"]
    id: str | None = None
    conversation_id: str
    message: str | None = None
    sender_id: Digits
    recipient_id: Digits
    sender_details: dict[str, str] | None = None
    attachments: list[AyrshareAttachment] = []
    reactions: dict[Digits, str] | None = None
    note: str | None = None
    """Only of the kind that nobody knows."""


class AyrshareMessageData(Camel):
    entities: JsonValue
    text: str


class AyrshareTarget(Camel):
    recipient_id: Digits


class AyrshareMessageCreate(Camel):
    target: AyrshareTarget
    message_data: AyrshareMessageData
    sender_id: Digits


class AyrshareDirectMessage(Camel):
    type: Literal["message_create"]
    created_at: Annotated[str, Field(pattern=r"\.\d{3}Z$")]
    id: Digits
    message_create: AyrshareMessageCreate


class AyrshareActivity(AyrshareDelivered):
    action: Literal["accountActivity"]
    type: Literal["accountActivity"]
    platform: Literal["twitter"]
    direct_message_events: AyrshareDirectMessage
    media_urls: list[str]
    retry_attempt: int
    schedule_date: WholeSeconds
    source: Literal["system"]
    title: str
    users: dict[Digits, JsonValue]
