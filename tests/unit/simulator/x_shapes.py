"""X's bodies as its documents and captures have them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from tests.unit.simulator.shapes import Digits, MillisecondText, Strict


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
    direct_message_events: list[DirectMessage] = Field(default_factory=list)
    direct_message_indicate_typing_events: list[Signal] = Field(default_factory=list)
    direct_message_mark_read_events: list[MarkRead] = Field(default_factory=list)
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
