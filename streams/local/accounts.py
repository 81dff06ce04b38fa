"""Who owns which account, read back from the events that told of it.

`dm.accounts.v1` is a view of the log's `profile.registered` and `account.linked`; the archive keeps
events only, so a restore makes the view anew. An unlinked account stays in it, as it does live:
what still comes from it belongs to the same profile.
"""

from collections.abc import Iterator
from typing import get_args

from schemas.accounts import AccountRecord, account_key
from schemas.base import Instant, Provider
from schemas.data import AccountLink
from schemas.events import AccountLinked, ProfileRegistered, parse_event

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
        # `/dmstream/<provider>/<reference>`: told by a webhook. By a command, links follow.
        _, _, told_by = event.source.partition("/dmstream/")
        provider = _PROVIDERS.get(told_by.partition("/")[0])
        reference = event.data.reference
        if provider is None or reference is None:
            return
        self._references[event.profileid, provider] = reference
        self._record(provider, reference, event.profileid, event.time, origin_auto=True)

    def _link(self, event: AccountLinked) -> None:
        link = event.data
        reference = self._reference(event.profileid, link)
        if not reference:
            return
        record = self._record(
            link.provider,
            reference,
            event.profileid,
            event.time,
            origin_auto=link.reason == "auto_register",
        )
        name = f"{link.platform}:{link.account_id}"
        self._records[account_key(link.provider, reference)] = record.model_copy(
            update={
                "credential": link.credential or record.credential,
                "accounts": tuple(dict.fromkeys((*record.accounts, name))),
            }
        )

    def _reference(self, profileid: str, link: AccountLink) -> str:
        return self._references.get((profileid, link.provider), link.account_id)

    def _record(
        self, provider: Provider, reference: str, profileid: str, at: Instant, *, origin_auto: bool
    ) -> AccountRecord:
        made = AccountRecord(
            provider=provider,
            reference=reference,
            profileid=profileid,
            origin="auto" if origin_auto else "command",
            linked_at=at,
        )
        key = account_key(provider, reference)
        known = self._records.get(key)
        if known is None or known.profileid != profileid:
            self._records[key] = made
            return made
        return known
