"""Which state an event or a command touches, and under which keys it is kept.

One conversation may stand under two profiles (the same account linked twice), so that every key
names the profile.
"""

from functools import cache
from typing import Any, NamedTuple, cast, get_args

from schemas.base import Model, Platform, Provider, conversation_id
from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event
from streams.conversation.accounts import current_account
from streams.conversation.state import ProfileState

COMMANDS_SOURCE = "/dmstream/commands/"
"""Before the profile: the source of events that `decide` makes. They name their command in
`causationid`."""

_SEPARATOR = "\x1f"
_PLATFORMS = frozenset(get_args(Platform))


class Address(NamedTuple):
    """Whom a command or an event is about. Ids are empty where they are not known."""

    platform: Platform | None = None
    account_id: str = ""
    correspondent_id: str = ""
    provider: Provider | None = None

    @property
    def id(self) -> str | None:
        """The conversation's id."""
        if self.platform is None or not self.account_id or not self.correspondent_id:
            return None
        return conversation_id(self.platform, self.account_id, self.correspondent_id)


def conversation_key(profileid: str, conversation: str) -> str:
    return f"{profileid}{_SEPARATOR}{conversation}"


def outcome_key(profileid: str, command_id: str) -> str:
    return f"{profileid}{_SEPARATOR}{command_id}"


def external_key(profileid: str, external_conversation_id: str) -> str:
    """For an index from the provider's conversation ids to ours."""
    return f"{profileid}{_SEPARATOR}{external_conversation_id}"


def conversation_of(event: Event) -> str | None:
    """The conversation that an event is about; None for events of a profile."""
    if event.subject is not None:
        return event.subject
    platform = event.platform
    account = getattr(event.data, "account_id", "")
    correspondent = getattr(event.data, "correspondent_id", "")
    return Address(platform, account, correspondent).id


def command_of(event: Event) -> str | None:
    """The command that an event is an outcome of; None for all others."""
    body: Any = event.data
    shape: type[Model] = type(event.data)
    command_id: str | None = body.command_id if _names_command(shape) else None
    if command_id is None and event.source.startswith(COMMANDS_SOURCE):
        return event.causationid
    return command_id


@cache
def _names_command(shape: type[Model]) -> bool:
    """Known by the class: to ask an event's data for what it has not makes pydantic look in three
    places and raise, for most events several times (measured: a tenth of folding)."""
    return "command_id" in shape.model_fields


def parse_address(conversation: str) -> Address | None:
    """The parts of one of our conversation ids; None for a provider's own."""
    platform, _, rest = conversation.partition(":")
    account_id, _, correspondent_id = rest.partition(":")
    if platform not in _PLATFORMS or not account_id or not correspondent_id:
        return None
    return Address(cast("Platform", platform), account_id, correspondent_id)


def addressed(command: AnyCommand, profile: ProfileState) -> str | None:
    """The conversation whose state a command needs.

    None for commands to a profile, and for a conversation that is named by its provider's own id:
    look that up under `external_key`, and hand its state to `decide`.
    """
    named: str | None = getattr(command, "conversation_id", None)
    if named is not None:
        address = parse_address(named)
        return None if address is None else address.id
    if isinstance(command, SendMessage):
        return recipient_of(command, profile).id
    return None


def recipient_of(command: SendMessage, profile: ProfileState) -> Address:
    """Whom a send names by platform and recipient, as far as that is known."""
    if command.platform is None or not command.recipient_id:
        return Address(command.platform)
    account = current_account(profile, command.platform)
    if account is None:
        return Address(command.platform, "", command.recipient_id)
    provider, account_id = account
    return Address(command.platform, account_id, command.recipient_id, provider)
