"""Ayrshare's bodies as its documents and captures have them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from tests.unit.simulator.shapes import Digits, Strict, WholeSeconds


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
    attachments: list[AyrshareAttachment] = Field(default_factory=list)
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
