"""The people behind the platforms: they receive, read, react and reply, by webhooks.

What somebody does with a message is drawn from the seed and the message's place in its
conversation, so it does not depend on how sends of different conversations interleave.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from streams.sandbox.config import Config
from streams.sandbox.posting import Poster
from streams.sandbox.store import Message, Store
from streams.sandbox.webhooks import Kind, Post, render

_REPLIES = (
    "Thank you, that helps.",
    "Great, I'll take two.",
    "Could you also tell me the price?",
    "Merci beaucoup!",
    "ありがとう 🙂",
    "When can you send it?",
)
_TRIES = 6

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counts:
    posted: int = 0
    refused: int = 0
    """Given up after all tries: the gateway did not take them."""
    by_kind: dict[str, int] = field(default_factory=dict)


class Correspondents:
    def __init__(
        self,
        config: Config,
        store: Store,
        poster: Poster,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._store = store
        self._poster = poster
        self._clock = clock
        self._limit = asyncio.Semaphore(config.posts_at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = Counts()

    def react(self, message: Message) -> None:
        """Somebody has just been sent this message: they start doing what they will do."""
        if self._config.gateway is None:
            return
        self._start(self._live(message))

    def tell(self, message: Message) -> None:
        """The platform tells of a message that somebody wrote."""
        if self._config.gateway is not None:
            self._start(self._post("message", message))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def busy(self) -> int:
        """How many webhooks and waits are under way."""
        return len(self._tasks)

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, message: Message) -> None:
        config = self._config
        nth = self._store.count_in(message.conversation_id)
        chance = random.Random(f"{config.seed}:{message.conversation_id}:{nth}")
        reads, reacts, replies = (chance.random() for _ in range(3))
        reply = chance.choice(_REPLIES)
        await self._pause()
        await self._post("message", message)
        await self._pause()
        await self._post("delivered", message)
        if reads >= config.read_share:
            return
        await self._pause()
        await self._post("read", message)
        if reacts < config.reaction_share:
            await self._pause()
            await self._post("reaction", message)
        if replies < config.reply_share:
            await self._pause()
            written = self._store.add(
                message.account, message.correspondent_id, "correspondent", text=reply
            )
            await self._post("message", written)

    async def _pause(self) -> None:
        await asyncio.sleep(self._config.delay_seconds)

    async def _post(self, kind: Kind, message: Message) -> None:
        at_ms = message.at_ms if kind == "message" else int(self._clock() * 1000)
        post = render(self._config, kind, message, at_ms)
        if post is None:
            return
        for attempt in range(_TRIES):
            if await self._deliver(post):
                self.counts.posted += 1
                self.counts.by_kind[kind] = self.counts.by_kind.get(kind, 0) + 1
                return
            await asyncio.sleep(min(0.25 * 2.0**attempt, 4.0))
        self.counts.refused += 1
        log.warning("webhook given up", kind=kind, path=post.path)

    async def _deliver(self, post: Post) -> bool:
        async with self._limit:
            return await self._poster.deliver(post)
