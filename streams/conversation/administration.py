"""Decides the commands that do not send: profiles, accounts, settings, archive, erasure.

Settings hold by the latest (time, id), and commands of one profile may carry the clocks of several
machines. So an event is dated after what it overrules: the command that comes later in the log wins
even if its clock is behind.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from schemas import commands, data, events
from schemas.base import Provider
from schemas.events import Event
from streams.conversation import accounts, making, settings, switch
from streams.conversation.deletion import DELETED, is_deleted
from streams.conversation.instants import to_ms
from streams.conversation.keys import Address, parse_address
from streams.conversation.rules import Rules
from streams.conversation.state import AccountKey, ConversationState, State
from streams.conversation.zones import is_zone


class InvalidCommand(Exception):  # noqa: N818 - it names the failure reason `invalid_command`
    """The command can't be carried out. The sentence says why; it holds no content."""


def _register(
    state: State, command: commands.RegisterProfile, at: datetime, _: Rules
) -> tuple[Event, ...]:
    deleted_at = state.profile.deleted_at
    if command.renames:
        _must_not_be_deleted(state)
    registered_at = to_ms(at) if deleted_at is None else _after(to_ms(at), deleted_at)
    return (
        events.ProfileRegistered(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=registered_at
            ),
            data=data.ProfileRegistered(title=command.title, reference=command.reference),
        ),
    )


def _link(state: State, command: commands.LinkAccount, at: datetime, _: Rules) -> tuple[Event, ...]:
    """A profile has one account per platform from one provider: a new one replaces the old."""
    _must_not_be_deleted(state)
    key = (command.provider, command.platform, command.account_id)
    cause = making.after_command(command, at)
    replaced = accounts.replaced_by(state.profile, key)
    return (
        *(_unlinked(state, command, cause, other, "replaced by another") for other in replaced),
        events.AccountLinked(
            **cause.envelope(
                command.type, command.command_id, at=_after_links(state, key, to_ms(at))
            ),
            platform=command.platform,
            data=data.AccountLink(
                provider=command.provider,
                platform=command.platform,
                account_id=command.account_id,
                credential=command.credential,
            ),
        ),
    )


def _unlink(
    state: State, command: commands.UnlinkAccount, at: datetime, _: Rules
) -> tuple[Event, ...]:
    key = (command.provider, command.platform, command.account_id)
    return (_unlinked(state, command, making.after_command(command, at), key, command.reason),)


def _unlinked(
    state: State,
    command: commands.LinkAccount | commands.UnlinkAccount,
    cause: making.Cause,
    key: AccountKey,
    reason: str | None,
) -> events.AccountUnlinked:
    account_id = key[2]
    return events.AccountUnlinked(
        **cause.envelope(
            "UnlinkAccount",
            command.command_id,
            account_id,
            at=_after_links(state, key, to_ms(cause.time)),
        ),
        platform=command.platform,
        data=data.AccountLink(
            provider=command.provider,
            platform=command.platform,
            account_id=account_id,
            reason=reason,
        ),
    )


def _after_links(state: State, key: AccountKey, at: int) -> int:
    links = accounts.links_of(state.profile, key)
    stamps = [stamp[0] for stamp in (links.linked, links.unlinked) if stamp is not None]
    # Not before the activation either: what is linked after it, in the log, is linked after it.
    return max(_after(at, *stamps), switch.changed_at(state.profile))


def _activate(
    state: State, command: commands.ActivateMessaging, at: datetime, _: Rules
) -> tuple[Event, ...]:
    _must_not_be_deleted(state)
    return (
        events.MessagingActivated(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=_after_switch(state, to_ms(at))
            ),
            data=data.MessagingSwitched(),
        ),
    )


def _deactivate(
    state: State, command: commands.DeactivateMessaging, at: datetime, _: Rules
) -> tuple[Event, ...]:
    off_at = _after_switch(state, to_ms(at))
    if command.reason == DELETED:
        # What it ends must not be dated after it: the registration, and the settings.
        changed_at = settings.latest_change(state.profile)
        off_at = max(off_at, state.profile.last_registered_at or 0, changed_at)
    return (
        events.MessagingDeactivated(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=off_at
            ),
            data=data.MessagingSwitched(reason=command.reason),
        ),
    )


def _change_limit(
    state: State, command: commands.ChangeLimit, at: datetime, _: Rules
) -> tuple[Event, ...]:
    _must_not_be_deleted(state)
    change = command.change
    if change.month_zone is not None and not is_zone(change.month_zone):
        raise InvalidCommand("the month zone is not a known IANA name, such as Europe/Berlin")
    if any(seconds is not None and seconds < 0 for seconds in _windows(change)):
        raise InvalidCommand("a reply window has a negative number of seconds")
    return (
        events.LimitChanged(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=_after_settings(state, to_ms(at))
            ),
            data=change,
        ),
    )


def _windows(change: data.LimitChanged) -> list[int | None]:
    return list((change.reply_window_seconds or {}).values())


def _configure_auto_response(
    state: State, command: commands.ConfigureAutoResponse, at: datetime, _: Rules
) -> tuple[Event, ...]:
    _must_not_be_deleted(state)
    return (
        events.AutoResponseConfigured(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=_after_settings(state, to_ms(at))
            ),
            data=command.change,
        ),
    )


def _archive(
    state: State, command: commands.ArchiveConversation, at: datetime, _: Rules
) -> tuple[Event, ...]:
    conversation, address = _known(state)
    return (
        events.ConversationArchived(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=_after_archive(conversation, to_ms(at))
            ),
            **making.of(address),
            data=data.ConversationArchived(**making.within(address)),
        ),
    )


def _unarchive(
    state: State, command: commands.UnarchiveConversation, at: datetime, _: Rules
) -> tuple[Event, ...]:
    conversation, address = _known(state)
    return (
        events.ConversationUnarchived(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=_after_archive(conversation, to_ms(at))
            ),
            **making.of(address),
            data=data.ConversationArchived(**making.within(address)),
        ),
    )


def _erase(
    state: State, command: commands.EraseCorrespondent, at: datetime, _: Rules
) -> tuple[Event, ...]:
    """All that is known goes, even where the platform's clock is ahead of the command's."""
    conversation, address = _known(state)
    named_at = conversation.external[0] if conversation.external else 0
    known_until = max(
        conversation.last_message_at or 0, conversation.last_accepted_at or 0, named_at
    )
    return (
        events.CorrespondentErased(
            **making.after_command(command, at).envelope(
                command.type, command.command_id, at=max(to_ms(at), known_until)
            ),
            **making.of(address),
            data=data.CorrespondentErased(**making.within(address)),
        ),
    )


def _known(state: State) -> tuple[ConversationState, Address]:
    """The conversation that is there, or InvalidCommand."""
    conversation = state.conversation
    address = None if conversation is None else parse_address(conversation.id)
    if conversation is None or address is None or not conversation.provider:
        raise InvalidCommand("there is no such conversation: nothing was ever heard of it")
    return conversation, address._replace(provider=cast("Provider", conversation.provider))


def _must_not_be_deleted(state: State) -> None:
    if is_deleted(state.profile):
        raise InvalidCommand(
            "the profile was deleted: register it anew first (dmstream profile register)"
        )


def _after_switch(state: State, at: int) -> int:
    return _after(at, switch.changed_at(state.profile))


def _after_settings(state: State, at: int) -> int:
    return _after(at, settings.latest_change(state.profile))


def _after_archive(conversation: ConversationState, at: int) -> int:
    return at if conversation.archived is None else _after(at, conversation.archived[0])


def _after(at: int, *overruled: int) -> int:
    """`at`, or a millisecond after the latest of what is overruled."""
    return max(at, *(earlier + 1 for earlier in overruled)) if overruled else at


DECIDERS: dict[str, Callable[[State, Any, datetime, Rules], tuple[Event, ...]]] = {
    "RegisterProfile": _register,
    "LinkAccount": _link,
    "UnlinkAccount": _unlink,
    "ActivateMessaging": _activate,
    "DeactivateMessaging": _deactivate,
    "ChangeLimit": _change_limit,
    "ConfigureAutoResponse": _configure_auto_response,
    "ArchiveConversation": _archive,
    "UnarchiveConversation": _unarchive,
    "EraseCorrespondent": _erase,
}
