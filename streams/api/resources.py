"""What every route uses: made once from settings, started and stopped with the gateway."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import structlog
from aiokafka.errors import KafkaError

from schemas.hooks import HookRecord
from schemas.keys import KeyRecord
from schemas.topics import ACCOUNTS, COMMANDS, EVENTS, HOOKS
from sinks.reading import marks
from sinks.reading.asking import ArchiveAway, Asking
from streams import kafka
from streams.agents.rules import rules_of
from streams.api.claims import AccountClaims
from streams.api.errors import Problem
from streams.api.open_streams import OpenStreams
from streams.api.rates import RateLimiter
from streams.conversation.rules import Rules
from streams.gateway.complaints import Complaints
from streams.gateway.keep import NotKeptError, Publisher
from streams.gateway.publisher import KafkaPublisher
from streams.hooks.directory import HookDirectory, read_hooks
from streams.keys import KeyDirectory
from streams.outcomes import Outcomes
from streams.settings import Settings

_log = structlog.get_logger()

_POLL_SECONDS = 0.1
_KNOWN_SECONDS = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Resources:
    settings: Settings
    keys: KeyDirectory
    commands: Publisher
    """Of `dm.commands.v1`."""
    outcomes: Outcomes
    asking: Asking
    rates: RateLimiter
    hooks: HookDirectory
    hook_records: Publisher
    """Of `dm.hooks.v1`."""
    claims: AccountClaims
    complaints: Complaints = field(default_factory=lambda: Complaints(_log))
    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    found_profiles: dict[str, float] = field(default_factory=dict)
    """By id, when (monotonic seconds) it was seen to exist."""
    rules: Rules = field(init=False)
    streams: OpenStreams = field(init=False)
    _hook_locks: "WeakValueDictionary[str, asyncio.Lock]" = field(
        default_factory=WeakValueDictionary
    )
    _log_id: str = ""

    def __post_init__(self) -> None:
        self.rules = rules_of(self.settings)
        self.streams = OpenStreams(self.settings.api_streams_max)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Starts at once, whatever is away: what needs it says so until it is back."""
        await self.keys.start()
        await self.commands.start()
        await self.hooks.topic.start()
        await self.hook_records.start()
        await self.claims.start()
        try:
            yield
        finally:
            await self.keys.stop()
            await self.commands.stop()
            await self.hooks.topic.stop()
            await self.hook_records.stop()
            await self.claims.stop()
            await self.outcomes.stop()
            self.asking.close()

    def changing_hooks(self, profileid: str) -> asyncio.Lock:
        """Held from looking at a profile's webhooks to their change: requests at once see each
        other's."""
        return self._hook_locks.setdefault(profileid, asyncio.Lock())

    async def log(self) -> str:
        """The incarnation of the log. Raises aiokafka's errors."""
        self._log_id = self._log_id or await kafka.log_id(self.settings)
        return self._log_id

    def refuse_if_partitions_differ(self) -> None:
        """Before anything is asked of a partition: it would be the wrong one. Raises Problem."""
        try:
            self.commands.check_settings()
        except NotKeptError as error:
            raise Problem(error.reason, error.message, retry_after=error.retry_after) from None

    async def place_now(self, profileid: str) -> tuple[str, int]:
        """The log, and the end of the profile's partition in it. Raises Problem."""
        self.refuse_if_partitions_differ()
        try:
            async with asyncio.timeout(self.settings.publish_timeout_seconds):
                [end] = (await self.outcomes.ends(profileid)).values()
                return await self.log(), end
        except (KafkaError, OSError, TimeoutError):
            raise Problem("broker_unavailable", retry_after=5) from None

    async def write_hooks(self, hooks: Iterable[HookRecord]) -> None:
        """Returns once they are durable, and known to this gateway. Raises Problem."""
        wanted = {hook.hook_id: hook for hook in hooks}
        try:
            for hook in wanted.values():
                value = hook.model_dump_json(exclude_none=True).encode()
                await self.hook_records.publish(hook.hook_id.encode(), value, [])
        except NotKeptError as error:
            raise Problem(error.reason, error.message, retry_after=error.retry_after) from None
        with contextlib.suppress(TimeoutError):  # it is durable: a moment later it is known
            async with asyncio.timeout(_KNOWN_SECONDS):
                while any(self.hooks.records.get(name) != one for name, one in wanted.items()):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)  # another task reads it

    async def hooks_written(self) -> list[HookRecord]:
        """All records of webhooks that were written before the call, at whichever gateway. It
        reads the topic. Raises Problem."""
        try:
            async with asyncio.timeout(self.settings.publish_timeout_seconds):
                return await read_hooks(self.settings)
        except (KafkaError, OSError, LookupError, TimeoutError):
            raise Problem("broker_unavailable", retry_after=5) from None

    async def caught_up(self, profileid: str | None) -> bool:
        """Waits until the archive has everything of the profile (None: of all) that the log had at
        the call, at most as long as the settings say. False where it has not, or nobody knows.

        So whatever an answer told before, of any gateway, is in the answer that follows.
        """
        try:
            self.commands.check_settings()
            async with asyncio.timeout(self.settings.api_fresh_seconds):
                ends = await self.outcomes.ends(profileid)
                place = (await self.log(), self.settings.topic(EVENTS))
                for number, end in ends.items():
                    while end > await marks.archived_up_to(self.asking, *place, number):  # noqa: ASYNC110
                        await asyncio.sleep(_POLL_SECONDS)  # another process fills it
        except ArchiveAway:
            raise
        except Exception as error:  # noqa: BLE001 - the archive is read as it is, and told so
            if not isinstance(error, TimeoutError):
                _log.warning("the log's end is not known", error=type(error).__name__)
            return False
        return True


def make_resources(
    settings: Settings,
    on_keys: Callable[[Iterable[KeyRecord]], None] | None = None,
    on_hooks: Callable[[Iterable[HookRecord]], None] | None = None,
) -> Resources:
    """Of one gateway. `on_keys` gets all keys whenever they change, `on_hooks` all webhooks."""
    return Resources(
        settings=settings,
        keys=KeyDirectory(settings, on_keys),
        commands=KafkaPublisher(settings, COMMANDS),
        outcomes=Outcomes(settings),
        asking=Asking(settings),
        rates=RateLimiter(settings.api_rate_max, settings.api_rate_seconds),
        hooks=HookDirectory(settings, on_hooks),
        hook_records=KafkaPublisher(settings, HOOKS),
        claims=AccountClaims(settings, KafkaPublisher(settings, ACCOUNTS)),
    )
