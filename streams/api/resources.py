"""What every route uses: made once from settings, started and stopped with the gateway."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from schemas.keys import KeyRecord
from schemas.topics import COMMANDS, EVENTS
from sinks.reading import marks
from sinks.reading.asking import ArchiveAway, Asking
from streams import kafka
from streams.agents.rules import rules_of
from streams.api.rates import RateLimiter
from streams.conversation.rules import Rules
from streams.gateway.complaints import Complaints
from streams.gateway.keep import Publisher
from streams.gateway.publisher import KafkaPublisher
from streams.keys import KeyDirectory
from streams.outcomes import Outcomes
from streams.settings import Settings

_log = structlog.get_logger()

_POLL_SECONDS = 0.1


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
    complaints: Complaints = field(default_factory=lambda: Complaints(_log))
    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    rules: Rules = field(init=False)
    _log_id: str = ""

    def __post_init__(self) -> None:
        self.rules = rules_of(self.settings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Starts at once, whatever is away: what needs it says so until it is back."""
        await self.keys.start()
        await self.commands.start()
        try:
            yield
        finally:
            await self.keys.stop()
            await self.commands.stop()
            await self.outcomes.stop()
            self.asking.close()

    async def caught_up(self, profileid: str | None) -> bool:
        """Waits until the archive has everything of the profile (None: of all) that the log had at
        the call, at most as long as the settings say. False where it has not, or nobody knows.

        So whatever an answer told before, of any gateway, is in the answer that follows.
        """
        try:
            async with asyncio.timeout(self.settings.api_fresh_seconds):
                ends = await self.outcomes.ends(profileid)
                self._log_id = self._log_id or await kafka.log_id(self.settings)
                place = (self._log_id, self.settings.topic(EVENTS))
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
    settings: Settings, on_keys: Callable[[Iterable[KeyRecord]], None] | None = None
) -> Resources:
    """Of one gateway. `on_keys` gets all keys whenever they change."""
    return Resources(
        settings=settings,
        keys=KeyDirectory(settings, on_keys),
        commands=KafkaPublisher(settings, COMMANDS),
        outcomes=Outcomes(settings),
        asking=Asking(settings),
        rates=RateLimiter(settings.api_rate_max, settings.api_rate_seconds),
    )
