"""Who may link an account now, where several profiles ask at once (docs/decisions/0022).

Profiles are decided on different partitions by different workers, so nothing there has an order
between two links of one account. The topic of accounts has one: a gateway writes a claim there and
reads it back. The first on the topic has it until its link is decided; others are refused. All
gateways read the same records in the same order, so they come to the same word.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from pydantic import ValidationError

from schemas.accounts import CLAIMS, AccountClaim, AccountRecord, account_key, claim_key
from schemas.base import Provider, to_milliseconds
from schemas.topics import ACCOUNTS
from streams.api.errors import Problem
from streams.followed import FollowedTopic
from streams.gateway.keep import NotKeptError, Publisher
from streams.settings import Settings

_log = structlog.get_logger()

LASTS = timedelta(seconds=90)
"""A claim that nobody released: its gateway died, or its link waits for a worker. Longer than a
request may wait for its outcome."""


_NAMED = account_key("ayrshare", "")
"""The provider whose webhooks name profiles."""


@dataclass(slots=True)
class _Standing:
    profileid: str
    claims: dict[str, datetime]
    """A profile may claim an account in several requests."""


@dataclass(slots=True)
class Claim:
    record: AccountClaim
    may_be_released: bool = False
    """Its link is decided, or was never asked for."""


@dataclass(slots=True)
class AccountClaims:
    settings: Settings
    publisher: Publisher
    """Of `dm.accounts.v1`."""
    _topic: FollowedTopic = field(init=False)
    _standing: dict[str, _Standing] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)
    """By what Ayrshare's webhooks name (schemas.accounts.account_key), the profile they go to."""
    _waiting: "dict[str, asyncio.Future[bool]]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._topic = FollowedTopic(
            self.settings, ACCOUNTS, what="claims", apply=self.apply, changed=lambda: None
        )

    async def start(self) -> None:
        """Returns at once."""
        await self._topic.start()
        await self.publisher.start()

    async def stop(self) -> None:
        await self._topic.stop()
        await self.publisher.stop()

    @asynccontextmanager
    async def claimed(self, profileid: str, account_id: str, at: datetime) -> AsyncIterator[Claim]:
        """For as long as the link takes. Raises Problem where another profile was first."""
        key = claim_key(account_id)
        record = AccountClaim(
            claim_id=uuid.uuid4().hex, profileid=profileid, at=to_milliseconds(at)
        )
        claim = Claim(record)
        answer = self._waiting[record.claim_id] = asyncio.get_running_loop().create_future()
        try:
            await self._write(key, record)
            async with asyncio.timeout(self.settings.publish_timeout_seconds):
                first = await answer
        except TimeoutError:
            raise Problem("broker_timeout", retry_after=5) from None
        finally:
            self._waiting.pop(record.claim_id, None)
        if not first:
            raise Problem("account_being_linked", retry_after=5)
        try:
            yield claim
        except Problem as error:
            # Refused, so nothing was asked for. After trouble with the broker it may have been.
            claim.may_be_released = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            if claim.may_be_released:
                await self._release(key, record)

    def owner_of(self, provider: Provider, reference: str) -> str | None:
        """Where its webhooks go. Whoever holds a claim knows all that stood before it."""
        return self._owners.get(account_key(provider, reference))

    def apply(self, key: str, value: bytes | None) -> None:
        """One record of the topic, in its order."""
        if not key.startswith(CLAIMS):
            if key.startswith(_NAMED):
                self._note_owner(key, value)
        elif value is not None:
            self._claim(key, value)

    def _claim(self, key: str, value: bytes) -> None:
        try:
            claim = AccountClaim.model_validate_json(value)
        except ValidationError as error:
            _log.error(
                "account_claim_unreadable", key=key, errors=error.error_count(),
                remedy="nothing: it counts for nothing",
            )  # fmt: skip
            return
        standing = self._standing.get(key)
        if standing is not None:
            others = {name: at for name, at in standing.claims.items() if claim.at - at < LASTS}
            standing = _Standing(standing.profileid, others) if others else None
        if claim.released:
            if standing is not None:
                standing.claims.pop(claim.claim_id, None)
        elif standing is None or standing.profileid == claim.profileid:
            standing = standing or _Standing(claim.profileid, {})
            standing.claims[claim.claim_id] = claim.at
        if standing is not None and standing.claims:
            self._standing[key] = standing
        else:
            self._standing.pop(key, None)
        answer = self._waiting.get(claim.claim_id)
        if answer is not None and not answer.done():
            answer.set_result(standing is not None and claim.claim_id in standing.claims)

    def _note_owner(self, key: str, value: bytes | None) -> None:
        try:
            record = None if value is None else AccountRecord.model_validate_json(value)
        except ValidationError:
            return  # the workers, which go by it, tell
        if record is None:
            self._owners.pop(key, None)
        else:
            self._owners[key] = record.profileid

    async def _write(self, key: str, record: AccountClaim) -> None:
        try:
            await self.publisher.publish(key.encode(), record.model_dump_json().encode(), [])
        except NotKeptError as error:
            raise Problem(error.reason, error.message, retry_after=error.retry_after) from None

    async def _release(self, key: str, record: AccountClaim) -> None:
        try:
            await self._write(key, record.model_copy(update={"released": True}))
        except Problem as error:  # it ends by itself
            _log.warning("account_claim_not_released", reason=error.reason)
