"""Who owns which account, read back from the events that told of it.

`dm.accounts.v1` is a view of the log's `profile.registered` and `account.linked`; the archive keeps
events only, so a restore makes the view anew. An unlinked account stays in it, as it does live:
what still comes from it belongs to the same profile.
"""

from collections.abc import Iterator
from typing import Literal, get_args

from schemas.accounts import AccountRecord, account_key
from schemas.base import Provider
from schemas.events import AccountLinked, ProfileRegistered, parse_event
from streams.conversation.keys import COMMANDS_SOURCE

_KINDS = (b"dm.account.linked.", b"dm.profile.registered.")
_PROVIDERS: dict[str, Provider] = {name: name for name in get_args(Provider)}


class AccountBook:
    """Takes events in the order of the log; the last word on an account stands."""

    def __init__(self) -> None:
        self._references: dict[tuple[str, Provider], str] = {}
        """What a provider's webhooks call a profile, where the profile was registered by it."""
        self._records: dict[str, AccountRecord] = {}

    def note(self, value: bytes) -> None:
        """One event as it stands on the log. Other kinds cost a search for two words."""
        if not any(kind in value for kind in _KINDS):
            return
        event = parse_event(value)
        if isinstance(event, ProfileRegistered):
            self._register(event)
        elif isinstance(event, AccountLinked):
            self._link(event)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each record for `dm.accounts.v1`."""
        for key, record in self._records.items():
            yield key.encode(), record.model_dump_json(exclude_none=True).encode()

    def _register(self, event: ProfileRegistered) -> None:
        reference = event.data.reference
        if event.source.startswith(COMMANDS_SOURCE) and reference:
            # Only Ayrshare names a profile by something that is no account: its refId.
            self._keep("ayrshare", reference, event, origin="command")
            return
        # `/dmstream/<provider>/<reference>`: told by a webhook.
        _, _, told_by = event.source.partition("/dmstream/")
        provider = _PROVIDERS.get(told_by.partition("/")[0])
        if provider is None or reference is None:
            return
        self._references[event.profileid, provider] = reference
        self._keep(provider, reference, event, origin="auto")

    def _link(self, event: AccountLinked) -> None:
        link = event.data
        reference = self._references.get((event.profileid, link.provider), link.account_id)
        if event.source.startswith(COMMANDS_SOURCE):
            reference = link.account_id  # as it was written then: with the account's credential
        if not reference:
            return
        known = self._records.get(account_key(link.provider, reference))
        if known is None or known.profileid != event.profileid or link.credential:
            # The first webhook's own link follows from its registration, and is none by command.
            auto = link.reason == "auto_register"
            self._keep(link.provider, reference, event, origin="auto" if auto else "command")

    def _keep(
        self,
        provider: Provider,
        reference: str,
        event: ProfileRegistered | AccountLinked,
        *,
        origin: Literal["auto", "command"],
    ) -> None:
        self._records[account_key(provider, reference)] = AccountRecord(
            provider=provider,
            reference=reference,
            profileid=event.profileid,
            credential=event.data.credential if isinstance(event, AccountLinked) else None,
            origin=origin,
            linked_at=event.receivedat,
        )
