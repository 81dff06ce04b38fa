"""Commands, in the imperative. Topic `dm.commands.v1`, key `profileid`, JSON.

Unlike events, commands come from people and other systems: an unknown key is an error that names
it, not something to pass over.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from schemas import data
from schemas.base import Instant, Model, Platform, Provider


class Command(Model):
    model_config = ConfigDict(frozen=True, extra="forbid")

    command_id: str = Field(min_length=1, max_length=200)
    """The caller's idempotency key: the same again returns the first outcome, for 7 days."""
    profileid: str = Field(min_length=1)
    issued_at: Instant
    """For people to read. Decisions use the record's timestamp."""
    correlationid: str | None = None


class SendMessage(Command):
    """Send to a correspondent who has written. Name the conversation, or platform and recipient."""

    type: Literal["SendMessage"] = "SendMessage"
    conversation_id: str | None = None
    """Ours, or the provider's own."""
    platform: Platform | None = None
    recipient_id: str | None = None
    text: str | None = None
    media_urls: tuple[str, ...] = ()
    expires_at: Instant | None = None
    """15 minutes after the record's timestamp where absent."""
    origin: Literal["api", "auto"] = "api"
    human_agent: bool = False


class RegisterProfile(Command):
    type: Literal["RegisterProfile"] = "RegisterProfile"
    title: str | None = None
    reference: str | None = None
    renames: Literal[True] | None = None
    """Only its title changes: unlike a registration, this never brings back a deleted profile."""


class LinkAccount(Command):
    type: Literal["LinkAccount"] = "LinkAccount"
    provider: Provider
    platform: Platform
    account_id: str = Field(min_length=1)
    credential: str | None = None


class UnlinkAccount(Command):
    type: Literal["UnlinkAccount"] = "UnlinkAccount"
    provider: Provider
    platform: Platform
    account_id: str = Field(min_length=1)
    reason: str | None = None


class ActivateMessaging(Command):
    type: Literal["ActivateMessaging"] = "ActivateMessaging"


class DeactivateMessaging(Command):
    type: Literal["DeactivateMessaging"] = "DeactivateMessaging"
    reason: str | None = None


class ChangeLimit(Command):
    type: Literal["ChangeLimit"] = "ChangeLimit"
    change: data.LimitChanged


class ConfigureAutoResponse(Command):
    type: Literal["ConfigureAutoResponse"] = "ConfigureAutoResponse"
    change: data.AutoResponseConfigured


class BackfillHistory(Command):
    """Ask the provider for what it still has of an account. Linking and activating do so too."""

    type: Literal["BackfillHistory"] = "BackfillHistory"
    provider: Provider
    platform: Platform
    account_id: str
    """Empty for a network that the provider linked without naming the account (Ayrshare)."""


class ArchiveConversation(Command):
    type: Literal["ArchiveConversation"] = "ArchiveConversation"
    conversation_id: str


class UnarchiveConversation(Command):
    type: Literal["UnarchiveConversation"] = "UnarchiveConversation"
    conversation_id: str


class EraseCorrespondent(Command):
    type: Literal["EraseCorrespondent"] = "EraseCorrespondent"
    conversation_id: str


AnyCommand = Annotated[
    SendMessage
    | RegisterProfile
    | LinkAccount
    | UnlinkAccount
    | ActivateMessaging
    | DeactivateMessaging
    | ChangeLimit
    | ConfigureAutoResponse
    | BackfillHistory
    | ArchiveConversation
    | UnarchiveConversation
    | EraseCorrespondent,
    Field(discriminator="type"),
]

_COMMAND: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)


def parse_command(value: bytes | str) -> AnyCommand:
    """The command in a record of `dm.commands.v1`. Raises pydantic.ValidationError."""
    return _COMMAND.validate_json(value)


def command_json_schema() -> dict[str, Any]:
    """The JSON Schema of every command, for other teams."""
    return _COMMAND.json_schema()
