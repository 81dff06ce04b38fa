"""Which profile a provider's account belongs to: the compacted topic `dm.accounts.v1`, in memory.

Each process that needs it reads the whole topic at its start and follows it from there. It is not
a Faust GlobalTable, since the gateway (no Faust) needs the same (docs/decisions).
"""

import asyncio
from collections import defaultdict

import structlog
from pydantic import ValidationError

from schemas.accounts import AccountRecord
from schemas.base import Provider
from schemas.topics import ACCOUNTS
from streams import kafka
from streams.log_positions import log_ends
from streams.settings import Settings

log = structlog.get_logger()


class AccountDirectory:
    """Start it, then ask it by keys as `schemas.accounts.account_key` makes them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._records: dict[str, AccountRecord] = {}
        self._references: dict[tuple[Provider, str], set[str]] = defaultdict(set)
        """By provider and profile."""
        self._consumer = kafka.reader(settings, ACCOUNTS)
        self._following: asyncio.Task[None] | None = None

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
        """Returns once everything written before the call is known."""
        await self._consumer.start()
        partitions = self._consumer.assignment()
        if not partitions:
            topic = self._settings.topic(ACCOUNTS)
            raise LookupError(f"topic {topic} is missing: run `dmstream topics --create`")
        ends = await log_ends(self._settings, ACCOUNTS)
        while any([await self._consumer.position(tp) < ends[tp] for tp in partitions]):
            await self._read(timeout_ms=500)
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._following:
            self._following.cancel()
        await self._consumer.stop()

    async def _follow(self) -> None:
        while True:
            await self._read(timeout_ms=1000)

    async def _read(self, *, timeout_ms: int) -> None:
        for records in (await self._consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                self._apply((record.key or b"").decode(errors="replace"), record.value)

    def _apply(self, key: str, value: bytes | None) -> None:
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
