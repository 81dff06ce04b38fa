"""Which profile a provider's account belongs to: the compacted topic `dm.accounts.v1`, in memory.

Each process that needs it reads the whole topic at its start and follows it from there. It is not
a Faust GlobalTable, since the gateway (no Faust) needs the same (docs/decisions).
"""

from collections import defaultdict

import structlog
from pydantic import ValidationError

from schemas.accounts import CLAIMS, AccountRecord
from schemas.base import Provider
from schemas.topics import ACCOUNTS
from streams.followed import FollowedTopic
from streams.settings import Settings

log = structlog.get_logger()


class AccountDirectory:
    """Start it, then ask it by keys as `schemas.accounts.account_key` makes them."""

    def __init__(self, settings: Settings) -> None:
        self._records: dict[str, AccountRecord] = {}
        self._references: dict[tuple[Provider, str], set[str]] = defaultdict(set)
        """By provider and profile."""
        self._topic = FollowedTopic(
            settings,
            ACCOUNTS,
            what="accounts",
            apply=self._apply,
            changed=lambda: None,
            at_once=True,  # a send may follow the link at once, and needs its credential
        )

    def get(self, key: str) -> AccountRecord | None:
        return self._records.get(key)

    def references(self, provider: Provider, profileid: str) -> list[str]:
        """What the provider calls this profile or its accounts; the profile's own id first."""
        known = self._references.get((provider, profileid), ())
        return sorted(known, key=lambda reference: (reference != profileid, reference))

    def put(self, key: str, record: AccountRecord) -> None:
        """What this process has just written to the topic; the topic brings it again."""
        self._forget(key)
        self._records[key] = record
        self._references[record.provider, record.profileid].add(record.reference)

    def _forget(self, key: str) -> None:
        record = self._records.pop(key, None)
        if record is not None:
            self._references[record.provider, record.profileid].discard(record.reference)

    async def start(self) -> None:
        """Returns once everything written before the call is known. Raises LookupError where the
        topic is missing, and aiokafka's errors."""
        await self._topic.start_known()

    async def stop(self) -> None:
        await self._topic.stop()

    def _apply(self, key: str, value: bytes | None) -> None:
        if key.startswith(CLAIMS):
            return  # between gateways (streams.api.claims)
        if value is None:
            self._forget(key)
            return
        try:
            self.put(key, AccountRecord.model_validate_json(value))
        except ValidationError as error:
            log.error(
                "account_record_unreadable", key=key, errors=error.error_count(),
                remedy="write the account again: dmstream account link",
            )  # fmt: skip
