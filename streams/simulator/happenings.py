"""What can happen in a conversation, as it happened: before any platform put it into a body.

Times are whole milliseconds since 1970, UTC.
"""

from dataclasses import dataclass
from typing import Any, Literal

from schemas.base import Party
from streams.simulator.world import Conversation


@dataclass(frozen=True, slots=True)
class Media:
    type: str
    """The platform's word for it (`image`, `ig_reel`, ...)."""
    url: str
    id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    conversation: Conversation
    at: int


@dataclass(frozen=True, slots=True)
class Written(Happening):
    """A message of either side; one of the account's is seen as an echo."""

    by: Party
    message_id: str
    text: str | None = None
    media: tuple[Media, ...] = ()
    reply_to: str = ""
    story: Media | None = None
    """The story that it answers or mentions."""
    quick_reply: str = ""
    """The payload of the button whose title the text is."""
    app_id: str = ""
    """The app that sent it, where the platform tells."""
    standby: bool = False
    """Another app had the thread; it came on the channel for those who only listen."""
    unsupported: bool = False
    """It came, its content did not."""


@dataclass(frozen=True, slots=True)
class Edited(Happening):
    message_id: str
    text: str
    number: int
    told_as: Literal["number", "string", "nothing"] = "number"
    """How the body tells the edit's number: platforms vary."""


@dataclass(frozen=True, slots=True)
class Unsent(Happening):
    message_id: str


@dataclass(frozen=True, slots=True)
class Receipt(Happening):
    """Delivered or read by the correspondent.

    Of the messages named, or of all of the account's up to the watermark, or both.
    """

    what: Literal["delivered", "read"]
    message_ids: tuple[str, ...] = ()
    watermark: int = 0
    bare: bool = False
    """The body has no time of its own, so that the watermark is the time."""
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Reacted(Happening):
    message_id: str
    added: bool
    emoji: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Pressed(Happening):
    message_id: str
    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Referred(Happening):
    ref: str
    source: str
    ad_id: str = ""


@dataclass(frozen=True, slots=True)
class Typed(Happening):
    by: Party


INBOX_APP_ID = {"facebook": "263902037430900", "instagram": "1217981644879628"}
"""Meta's own inboxes, the apps that most often take a thread."""


@dataclass(frozen=True, slots=True)
class ControlMoved(Happening):
    what: Literal["lost", "gained", "requested"]
    owner: str
    """The app that has it now, or asks for it."""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Unknown(Happening):
    """A kind that nobody has told us of."""

    key: str
    value: Any
