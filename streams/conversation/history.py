"""When a provider is asked for an account's history: as soon as the account is linked and active.

Whether it is still to be asked is read from the state, not from the events that passed by: a worker
that starts again, or a log that was restored, asks for what never had its answer and for nothing
else. Asking twice is harmless: both questions have one id.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from schemas import events
from schemas.backfills import BackfillRequest
from schemas.base import Platform, Provider, to_milliseconds
from schemas.commands import BackfillHistory
from schemas.events import Event
from schemas.ids import profile_event_id
from streams.conversation import accounts, switch
from streams.conversation.administration import InvalidCommand
from streams.conversation.instants import from_ms
from streams.conversation.rules import Rules
from streams.conversation.state import AccountKey, ProfileState, State


def due_after(state: State, event: Event, rules: Rules) -> tuple[BackfillRequest, ...]:
    """The requests that follow from `event`, which `state` already holds.

    An account is due once it is linked while messaging is on; where activation asks for a new link
    (Facebook, Instagram), once that is there.
    """
    if isinstance(event, events.AccountLinked):
        body = event.data
        keys: Iterable[AccountKey] = [(body.provider, body.platform, body.account_id)]
        credential = body.credential
    elif isinstance(event, events.MessagingActivated):
        keys, credential = sorted(state.profile.accounts), None
    else:
        return ()
    return tuple(
        _request(event, key, since, credential)
        for key in keys
        if (since := _due_since(state.profile, key, rules)) is not None
    )


def decide_backfill(
    state: State, command: BackfillHistory, at: datetime, rules: Rules
) -> tuple[Event, ...]:
    """No event answers the command at once: `history.backfilled` does when it is done.

    Raises InvalidCommand where there is nothing that could be asked.
    """
    del at
    key = (command.provider, command.platform, command.account_id)
    if not rules.messaging_on or not switch.is_on(state.profile):
        raise InvalidCommand("messaging is off: activate it, that asks for the history too")
    if _linked_since(state.profile, key, rules) is None:
        raise InvalidCommand("the account is not linked: link it, that asks for its history too")
    return ()


def asked_for(command: BackfillHistory, at: datetime) -> BackfillRequest:
    """The request of a command that `decide_backfill` let pass."""
    return BackfillRequest(
        request_id=request_id_of(command.profileid, command.command_id),
        profileid=command.profileid,
        provider=command.provider,
        platform=command.platform,
        account_id=command.account_id,
        asked_at=to_milliseconds(at),
        origin="command",
        correlationid=command.correlationid or command.command_id,
    )


def request_id_of(profileid: str, command_id: str) -> str:
    """Of the request that a command leads to."""
    return profile_event_id(profileid, "backfill_asked", command_id)


def _linked_since(profile: ProfileState, key: AccountKey, rules: Rules) -> int | None:
    """Since when (ms) the account is linked and messaging on; None if it is not."""
    links = accounts.links_of(profile, key)
    if not rules.messaging_on or not switch.is_on(profile):
        return None
    if links.linked is None or not accounts.is_linked(links):
        return None
    linked_at, on_since = links.linked[0], switch.on_since(profile)
    if key[1] in rules.relink_platforms and linked_at < on_since:
        return None
    return max(linked_at, on_since)


def _due_since(profile: ProfileState, key: AccountKey, rules: Rules) -> int | None:
    since = _linked_since(profile, key, rules)
    answered = accounts.links_of(profile, key).history
    return None if since is None or (answered is not None and answered >= since) else since


def _request(event: Event, key: AccountKey, since: int, credential: str | None) -> BackfillRequest:
    return BackfillRequest(
        request_id=profile_event_id(event.profileid, "backfill", *key, str(since)),
        profileid=event.profileid,
        provider=cast("Provider", key[0]),
        platform=cast("Platform", key[1]),
        account_id=key[2],
        asked_at=from_ms(since),
        origin="link",
        credential=credential,
        correlationid=event.correlationid or event.id,
    )
