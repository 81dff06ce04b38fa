"""Meta's bodies as its documents and captures have them."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from tests.unit.simulator.shapes import Digits, Milliseconds, Strict


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
    messaging: list[Item] = Field(default_factory=list)
    standby: list[Item] = Field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        return [*self.messaging, *self.standby]


class MetaBody(Strict):
    object: Literal["page", "instagram"]
    entry: Annotated[list[Entry], Field(min_length=1)]

    @property
    def items(self) -> list[tuple[Entry, Item]]:
        return [(entry, item) for entry in self.entry for item in entry.items]
