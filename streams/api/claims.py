"""Who may link an account now, where several profiles ask at once (docs/decisions/0022).

Profiles are decided on different partitions by different workers, so nothing there has an order
between two links of one account. The topic of accounts has one: a gateway writes a claim there and
reads it back. The first on the topic has it until its link is decided; others are refused. All
gateways read the same records in the same order, so they come to the same word.

A request may be answered before its link is decided (202). Its claim then names the command that it
waits for, and whoever comes next looks what became of that, and releases the claim in its place.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
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
"""A claim that nobody released: its gateway died, or its link still waits for a worker. Longer than
a request may wait for its outcome."""

IsDecided = Callable[[str, str], Awaitable[bool]]
"""(profile, command id) to whether it is known what became of the command."""

_NAMED = account_key("ayrshare", "")
"""The provider whose webhooks name profiles."""


@dataclass(slots=True)
class _Standing:
    profileid: str
    claims: dict[str, AccountClaim]
    """By id: a profile may claim an account in several requests."""


@dataclass(slots=True)
class Claim:
    record: AccountClaim
    command_id: str | None = None
    """Of the link, from when it is asked for."""
    is_decided: bool = False


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
    async def claimed(
        self, profileid: str, account_id: str, at: datetime, is_decided: IsDecided
    ) -> AsyncIterator[Claim]:
        """For as long as the link takes. `is_decided` is asked of the links that are in the way.
        Raises Problem where another profile was first, and what `is_decided` raises."""
        key = claim_key(account_id)
        record = AccountClaim(
            claim_id=uuid.uuid4().hex, profileid=profileid, at=to_milliseconds(at)
        )
        if not await self._stands(key, record):
            await self._release_decided(key, record, is_decided)
            record = record.model_copy(update={"claim_id": uuid.uuid4().hex})
            if not await self._stands(key, record):
                raise Problem("account_being_linked", retry_after=5)
        claim = Claim(record)
        try:
            yield claim
        except Problem as error:
            # Refused, so it is decided. After trouble with the broker it may be under way.
            claim.is_decided = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            over = claim.is_decided or claim.command_id is None
            said = {"released": True} if over else {"command_id": claim.command_id}
            await self._say(key, record.model_copy(update=said))

    async def _stands(self, key: str, record: AccountClaim) -> bool:
        """Writes it, and reads it back: whether it is the first. Raises Problem."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[record.claim_id] = answer
        try:
            await self._write(key, record)
            async with asyncio.timeout(self.settings.publish_timeout_seconds):
                return await answer
        except TimeoutError:
            raise Problem("broker_timeout", retry_after=5) from None
        finally:
            self._waiting.pop(record.claim_id, None)

    async def _release_decided(
        self, key: str, refused: AccountClaim, is_decided: IsDecided
    ) -> None:
        """Ends the claims that stood before this one, if all of them wait for links that were
        decided meanwhile. Raises Problem where they were not."""
        standing = self._standing.get(key)
        before = list(standing.claims.values()) if standing is not None else []
        for claim in before:
            if claim.command_id is None or not await is_decided(claim.profileid, claim.command_id):
                raise Problem("account_being_linked", retry_after=5)
        for claim in before:
            await self._say(key, claim.model_copy(update={"released": True, "at": refused.at}))

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
            others = {n: one for n, one in standing.claims.items() if claim.at - one.at < LASTS}
            standing = _Standing(standing.profileid, others) if others else None
        if claim.released:
            if standing is not None:
                standing.claims.pop(claim.claim_id, None)
        elif standing is None or standing.profileid == claim.profileid:
            standing = standing or _Standing(claim.profileid, {})
            standing.claims[claim.claim_id] = claim
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

    async def _say(self, key: str, record: AccountClaim) -> None:
        """Says that it is released, or what releases it."""
        try:
            await self._write(key, record)
        except Problem as error:  # it ends by itself
            _log.warning("account_claim_not_released", reason=error.reason)
