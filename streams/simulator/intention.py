"""What was meant to happen: the state that archive and read models must show in the end.

A file of JSON lines, one expectation a line, each with its `kind`. Times are RFC 3339, UTC, with
milliseconds. The file is a function of the parameters alone, byte for byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)

from schemas.base import Model, Platform, Provider
from streams.simulator import instants

FORMAT = 1

Milliseconds = Annotated[
    int,
    BeforeValidator(lambda told: instants.parse(told) if isinstance(told, str) else told),
    PlainSerializer(instants.with_milliseconds, return_type=str, when_used="json-unless-none"),
]
"""Since 1970, UTC. In the file RFC 3339."""


class Header(Model):
    """The first line: how it was made, and how many HTTP answers of which kind are meant."""

    kind: Literal["header"] = "header"
    format: int = FORMAT
    parameters: dict[str, JsonValue]
    webhooks: int
    """All requests: first ones, duplicates and broken ones."""
    answers: dict[int, int]
    """HTTP status to number of requests."""


class ExpectedMessage(Model):
    kind: Literal["message"] = "message"
    conversation_id: str
    message_id: str
    profile_id: str
    provider: Provider
    platform: Platform
    direction: Literal["received", "sent"]
    sent_at: Milliseconds
    text: str | None = None
    """After all edits; None where it was unsent or never had a text."""
    attachments: tuple[str, ...] = ()
    """The platform's words, in order; none where it was unsent."""
    versions: int = 1
    """How many texts it had: 1 without edits."""
    edited_at: Milliseconds | None = None
    """The last time."""
    is_deleted: bool = False
    deleted_at: Milliseconds | None = None
    reactions: tuple[tuple[str, str], ...] = ()
    """(person, emoji) of those that are still there."""
    delivered_at: Milliseconds | None = None
    """The first time that any receipt told of it."""
    read_at: Milliseconds | None = None
    is_standby: bool = False
    is_unreadable: bool = False


class ExpectedConversation(Model):
    kind: Literal["conversation"] = "conversation"
    conversation_id: str
    profile_id: str
    provider: Provider
    platform: Platform
    received: int
    sent: int
    first_received_at: Milliseconds | None = None
    last_received_at: Milliseconds | None = None
    first_sent_at: Milliseconds | None = None
    last_sent_at: Milliseconds | None = None
    waiting_since: Milliseconds | None = None
    """The correspondent's first message after the account's last one."""
    active_months: tuple[str, ...]
    """UTC months in which either side wrote, in order."""
    thread_control: Literal["ours", "other", "unknown"] = "unknown"


class ExpectedProfile(Model):
    kind: Literal["profile"] = "profile"
    profile_id: str
    active_conversations: dict[str, int]
    """Month to number, over all platforms."""


class ExpectedFailure(Model):
    """One record of `dm.failures.v1`: a body that was accepted and says nothing we can use."""

    kind: Literal["failure"] = "failure"
    provider: Provider
    sha256: str
    """Of the body: failures keep the original bytes."""
    reasons: tuple[str, ...]
    """Any of these: which of two faults is named first is the reader's choice."""


class ExpectedEvents(Model):
    """Distinct events of one type. `unnamed` of them have ids that only the reader can know."""

    kind: Literal["events"] = "events"
    type: str
    """`message.received`: without `dm.` and version."""
    ids: tuple[str, ...] = ()
    unnamed: int = 0

    @property
    def count(self) -> int:
        return len(self.ids) + self.unnamed


@dataclass(slots=True)
class Intention:
    header: Header
    messages: dict[tuple[str, str], ExpectedMessage] = field(default_factory=dict)
    """By (conversation_id, message_id)."""
    conversations: dict[str, ExpectedConversation] = field(default_factory=dict)
    profiles: dict[str, ExpectedProfile] = field(default_factory=dict)
    events: dict[str, ExpectedEvents] = field(default_factory=dict)
    """By type: what the webhooks tell. Derived events (activated, ...) are not among them."""
    failures: list[ExpectedFailure] = field(default_factory=list)

    def lines(self) -> Iterator[bytes]:
        """The file's lines, each with its line end."""
        for line in (
            self.header,
            *self.messages.values(),
            *self.conversations.values(),
            *self.profiles.values(),
            *self.events.values(),
            *self.failures,
        ):
            # By way of the serialiser: model_dump_json decodes and would have to be encoded again.
            yield line.__pydantic_serializer__.to_json(line, exclude_none=True) + b"\n"

    def write(self, path: Path) -> None:
        """Raises OSError where the file can't be written."""
        with path.open("wb") as file:
            file.writelines(self.lines())


class UnreadableIntentionError(Exception):
    """The file is no intention, or of another format."""


_Line = Annotated[
    Header
    | ExpectedMessage
    | ExpectedConversation
    | ExpectedProfile
    | ExpectedEvents
    | ExpectedFailure,
    Field(discriminator="kind"),
]
_LINE: TypeAdapter[_Line] = TypeAdapter(_Line)


def read(path: Path) -> Intention:
    """Raises OSError, or UnreadableIntentionError with the number of the line at fault."""
    with path.open("rb") as file:
        intention: Intention | None = None
        for number, text in enumerate(file, 1):
            line = _parse(text, path, number)
            if isinstance(line, Header):
                intention = Intention(line)
            elif intention is None:
                break
            else:
                _put(intention, line)
    if intention is None or intention.header.format != FORMAT:
        raise UnreadableIntentionError(f"{path}: no header of format {FORMAT} on line 1")
    return intention


def _parse(text: bytes, path: Path, number: int) -> _Line:
    try:
        return _LINE.validate_json(text)
    except ValidationError as error:
        # Not `from error`: pydantic repeats the input, and the input has messages in it.
        raise UnreadableIntentionError(
            f"{path}, line {number}: {error.error_count()} values are not as expected; "
            "was it written by another version of dmstream simulate?"
        ) from None


def _put(intention: Intention, line: _Line) -> None:
    match line:
        case ExpectedMessage():
            intention.messages[line.conversation_id, line.message_id] = line
        case ExpectedConversation():
            intention.conversations[line.conversation_id] = line
        case ExpectedProfile():
            intention.profiles[line.profile_id] = line
        case ExpectedEvents():
            intention.events[line.type] = line
        case ExpectedFailure():
            intention.failures.append(line)
        case Header():
            intention.header = line
