"""Which of a profile's accounts are linked, and whether they may send.

An account is known by provider, platform and its id. Some notices name the provider and the
platform only (Ayrshare links a network, not a page): those stand under an empty id and hold for
every account of that provider on that platform.
"""

from dataclasses import dataclass
from typing import Literal, cast

from schemas.base import Platform, Provider
from streams.conversation import switch
from streams.conversation.deletion import is_deleted
from streams.conversation.merging import later, latest
from streams.conversation.rules import Rules
from streams.conversation.state import AccountKey, AccountLinks, ProfileState, Stamp


@dataclass(frozen=True, slots=True)
class Link:
    """Where a send would go out, or why it may not."""

    provider: Provider | None
    """None where no provider was ever known for the account."""
    refused: Literal["account_unlinked", "relink_required"] | None = None


def with_link(profile: ProfileState, key: AccountKey, stamp: Stamp) -> ProfileState:
    known = profile.accounts.get(key, AccountLinks())
    return _with_account(profile, key, known._replace(linked=latest(known.linked, stamp)))


def without_link(profile: ProfileState, key: AccountKey, stamp: Stamp) -> ProfileState:
    known = profile.accounts.get(key, AccountLinks())
    return _with_account(profile, key, known._replace(unlinked=latest(known.unlinked, stamp)))


def with_history(profile: ProfileState, key: AccountKey, asked_at: int) -> ProfileState:
    known = profile.accounts.get(key, AccountLinks())
    return _with_account(profile, key, known._replace(history=later(known.history, asked_at)))


def _with_account(profile: ProfileState, key: AccountKey, links: AccountLinks) -> ProfileState:
    if profile.accounts.get(key) == links:
        return profile
    return profile._replace(accounts={**profile.accounts, key: links})


def links_of(profile: ProfileState, key: AccountKey) -> AccountLinks:
    """What is known of an account, by its own id or by its network's."""
    provider, platform, _ = key
    own = profile.accounts.get(key, AccountLinks())
    network = profile.accounts.get((provider, platform, ""), AccountLinks())
    return AccountLinks(
        linked=max(filter(None, (own.linked, network.linked)), default=None),
        unlinked=max(filter(None, (own.unlinked, network.unlinked)), default=None),
        history=max((at for at in (own.history, network.history) if at is not None), default=None),
    )


def link_of(
    profile: ProfileState, platform: Platform, account_id: str, preferred: str, rules: Rules
) -> Link:
    """The link that sends of an account use: the preferred provider's if it may send.

    A page may be linked through two providers at once; otherwise the newest link is used.
    """
    relink_after = switch.on_since(profile) if platform in rules.relink_platforms else 0
    candidates = []
    for provider in {key[0] for key in profile.accounts if _names(key, platform, account_id)}:
        links = links_of(profile, (provider, platform, account_id))
        # A link made in the same millisecond as the activation came with it, so it is after it.
        refused: Literal["account_unlinked", "relink_required"] | None = None
        if not is_linked(links):
            refused = "account_unlinked"
        elif links.linked is not None and links.linked[0] < relink_after:
            refused = "relink_required"
        standing = {None: 2, "relink_required": 1, "account_unlinked": 0}[refused]
        rank = (standing, provider == preferred, links.linked or (0, ""), provider)
        candidates.append((rank, Link(cast("Provider", provider), refused)))
    if not candidates:
        return Link(cast("Provider", preferred) if preferred else None, "account_unlinked")
    return max(candidates, key=lambda candidate: candidate[0])[1]


def is_linked(links: AccountLinks) -> bool:
    return links.linked is not None and (links.unlinked is None or links.linked > links.unlinked)


def is_known(profile: ProfileState, key: AccountKey) -> bool:
    """Whether it was ever linked or unlinked by its own id."""
    links = profile.accounts.get(key)
    return links is not None and (links.linked is not None or links.unlinked is not None)


def is_new(profile: ProfileState, key: AccountKey) -> bool:
    """Whether its first webhook may link it: the profile is registered, and nothing was said of
    the account by its own id."""
    return profile.registered_at is not None and not is_known(profile, key)


def current_account(profile: ProfileState, platform: Platform) -> tuple[Provider, str] | None:
    """Provider and id of the account that a send by recipient goes out from.

    The linked one, of several the newest; failing that the one linked last, so that a refusal can
    name it. None where no account with an id is known on the platform.
    """
    known = [
        ((is_linked(links), links.linked or (0, ""), key), key)
        for key in profile.accounts
        if key[1] == platform and key[2]
        for links in [links_of(profile, key)]
    ]
    if not known:
        return None
    key = max(known)[1]
    return cast("Provider", key[0]), key[2]


def replaced_by(profile: ProfileState, key: AccountKey) -> list[AccountKey]:
    """The linked accounts that a new link replaces: one per platform from one provider."""
    provider, platform, account_id = key
    return sorted(
        other
        for other in profile.accounts
        if other[:2] == (provider, platform)
        and other[2] not in {account_id, ""}
        and account_id
        and is_linked(links_of(profile, other))
    )


def auto_link_time(profile: ProfileState, key: AccountKey, heard_at: int) -> int | None:
    """When (ms) an account that sent a webhook counts as linked; None if nobody need say so.

    An account that was ever linked or unlinked by name is left as it is: a webhook that is still
    under way may not undo an unlinking, nor give an account to a profile that was deleted.
    """
    if not is_new(profile, key) or is_deleted(profile):
        return None
    network = profile.accounts.get((*key[:2], ""))
    if network is not None:
        # Its network is linked: the account was linked then. Unlinked: it stays so.
        return network.linked[0] if network.linked and is_linked(network) else None
    # The provider sends webhooks only where messaging is on: it was linked after that.
    return max(heard_at, switch.on_since(profile))


def _names(key: AccountKey, platform: Platform, account_id: str) -> bool:
    return key[1] == platform and key[2] in {account_id, ""}
