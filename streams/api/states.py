"""State as the core has it, folded from the archive with the core's own `evolve`.

State is a fold of the log (invariant 4), and the archive has every record of it: so any gateway
can ask the rules without asking a worker (docs/decisions/0016).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from schemas import events
from schemas.base import Platform, Provider
from sinks.reading import events as archived
from sinks.reading.asking import Asking
from streams.api.errors import Problem
from streams.conversation import accounts, months, settings, switch
from streams.conversation.deletion import former_life_ended_at, is_deleted
from streams.conversation.evolve import evolve
from streams.conversation.instants import to_ms
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, ProfileState, State
from streams.conversation.zones import month_of

_TWO_MONTHS = timedelta(days=62)


@dataclass(frozen=True, slots=True)
class Account:
    provider: Provider
    platform: Platform
    account_id: str
    linked_at: int
    active: bool
    """Messages may go out: messaging is on, and it was linked after that where it must be."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a profile itself."""

    id: str
    state: ProfileState
    title: str | None
    reference: str | None
    registered_at: datetime | None
    deleted: bool

    @property
    def exists(self) -> bool:
        return self.registered_at is not None and not self.deleted

    def accounts(self, rules: Rules) -> list[Account]:
        """Those that are linked, in the order of their keys."""
        found = []
        on = rules.messaging_on and switch.is_on(self.state)
        for key in sorted(self.state.accounts):
            links = accounts.links_of(self.state, key)
            if not accounts.is_linked(links) or links.linked is None:
                continue
            provider, platform = cast("Provider", key[0]), cast("Platform", key[1])
            link = accounts.link_of(self.state, platform, key[2], provider, rules)
            active = on and link.refused is None and link.provider == provider
            found.append(Account(provider, platform, key[2], links.linked[0], active))
        return found

    def active_conversations(self, at: datetime, rules: Rules) -> int:
        """Of the month at that instant, in the profile's zone."""
        zone = settings.month_zone(self.state, rules)
        return months.count_of(self.state, month_of(to_ms(at), zone))


async def profile(
    asking: Asking, profileid: str, at: datetime, ahead: Sequence[events.Event] = ()
) -> Profile:
    """With the places of its newest months, so that the rules can be asked.

    `ahead`: events of the profile that the archive may not have yet.
    """
    told = await archived.of_profile(asking, profileid, (at - _TWO_MONTHS).strftime("%Y-%m"))
    known = {event.id for event in told}
    return _profile(profileid, [*told, *(event for event in ahead if event.id not in known)])


def of_told(profileid: str, told: list[events.Event]) -> Profile:
    """A profile from all that was ever told of it."""
    return _profile(profileid, told)


async def existing(asking: Asking, profileid: str, at: datetime) -> Profile:
    """The same. Raises Problem where nobody registered it, or where it was deleted."""
    found = await profile(asking, profileid, at)
    if not found.exists:
        raise Problem("profile_not_found")
    return found


async def profiles(asking: Asking, profileids: list[str]) -> list[Profile]:
    """Those that exist, without their months."""
    told: dict[str, list[events.Event]] = {profileid: [] for profileid in profileids}
    for event in await archived.of_profiles(asking, profileids):
        told[event.profileid].append(event)
    return [one for name in profileids if (one := _profile(name, told[name])).exists]


async def conversation(asking: Asking, profileid: str, identifier: str) -> ConversationState | None:
    state = State()
    for event in await archived.of_conversation(asking, profileid, identifier):
        state = evolve(State(conversation=state.conversation), event)
    return state.conversation


def _profile(profileid: str, told: list[events.Event]) -> Profile:
    state = ProfileState()
    registered: list[events.ProfileRegistered] = []
    for event in told:
        state = evolve(State(profile=state), event).profile
        if isinstance(event, events.ProfileRegistered):
            registered.append(event)
    began = former_life_ended_at(state)
    registered = [event for event in registered if to_ms(event.time) > began]
    registered.sort(key=_order)
    titles = [event.data.title for event in registered if event.data.title]
    references = [event.data.reference for event in registered if event.data.reference]
    return Profile(
        id=profileid,
        state=state,
        title=titles[-1] if titles else None,
        reference=references[-1] if references else None,
        registered_at=registered[0].time if registered else None,
        deleted=is_deleted(state),
    )


def _order(event: events.Event) -> tuple[datetime, str]:
    return event.time, event.id
