"""The API in process: real routes, keys and rules, a publisher that remembers, and a worker that
tells what a test wants to be told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.commands import AnyCommand, parse_command
from schemas.events import Event
from schemas.keys import Scope
from sinks.reading.asking import ArchiveAway, Asking
from streams.api.app import create_api
from streams.api.claims import AccountClaims
from streams.api.rates import RateLimiter
from streams.api.resources import Resources
from streams.gateway.keep import Headers
from streams.hooks.directory import HookDirectory
from streams.keys import KeyDirectory, make_key
from streams.outcomes import News, Outcomes
from streams.settings import Settings
from tests.unit.gateway.calls import RecordingPublisher, Reply, call_async

NOW = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)
Worker = Callable[[AnyCommand], Sequence[Event]]


class NoArchive(Asking):
    """ClickHouse is away."""

    async def rows(self, *_: str, **__: Any) -> Any:
        raise ArchiveAway("the archive did not answer (OperationalError)")


@dataclass
class Told(Outcomes):
    """What the worker says of a command is told to those who wait for it."""

    settings: Settings
    waiting: list[tuple[str, News]] = field(default_factory=list)
    trouble: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__(self.settings)

    @asynccontextmanager
    async def watch(self, _: str, command_id: str) -> AsyncIterator[News]:
        if self.trouble is not None:
            raise self.trouble
        news: News = asyncio.Queue()
        self.waiting.append((command_id, news))
        yield news


@dataclass
class Working(RecordingPublisher):
    """A broker with a worker behind it."""

    worker: Worker = lambda _: ()
    outcomes: Told | None = None

    async def publish(self, key: bytes, value: bytes, headers: Headers) -> None:
        await super().publish(key, value, headers)
        for event in self.worker(parse_command(value)):
            for command_id, news in self.outcomes.waiting if self.outcomes else ():
                if command_id == event.causationid:
                    news.put_nowait(event)


@dataclass
class Echoing(RecordingPublisher):
    """A topic that its writer reads back."""

    claims: AccountClaims | None = None

    def __init__(self, claims: AccountClaims) -> None:
        super().__init__()
        self.claims = claims

    async def publish(self, key: bytes, value: bytes, headers: Headers) -> None:
        await super().publish(key, value, headers)
        if self.claims is not None:
            self.claims.apply(key.decode(), value)


class Api:
    """`key` may do everything, for all profiles."""

    def __init__(self, worker: Worker = lambda _: (), **settings: Any) -> None:
        self.settings = Settings(_env_file=None, **({"api_wait_seconds": 0.2} | settings))
        self.outcomes = Told(self.settings)
        self.broker = Working(worker=worker, outcomes=self.outcomes)
        self.keys = KeyDirectory(self.settings)
        self.keys.is_known = True
        self.key = self.add_key("send", "read", "admin")
        self.hooks = HookDirectory(self.settings)
        self.hooks.is_known = True
        self.hook_broker = RecordingPublisher()
        self.claims = AccountClaims(self.settings, RecordingPublisher())
        self.claims.publisher = Echoing(self.claims)
        self.resources = Resources(
            settings=self.settings,
            keys=self.keys,
            commands=self.broker,
            outcomes=self.outcomes,
            asking=NoArchive(self.settings),
            rates=RateLimiter(self.settings.api_rate_max, self.settings.api_rate_seconds),
            hooks=self.hooks,
            hook_records=self.hook_broker,
            claims=self.claims,
            now=lambda: NOW,
        )
        self.app = create_api(self.resources)

    def add_key(self, *scopes: Scope, **more: Any) -> str:
        key, record = make_key(scopes=scopes, at=NOW, **more)
        self.keys.records[record.key_id] = record
        return key

    @property
    def commands(self) -> list[AnyCommand]:
        return [parse_command(value) for _, value, _ in self.broker.kept]

    def call(
        self, method: str, target: str, body: Any = None, *, key: str = "", **headers: str
    ) -> Reply:
        given = {
            "authorization": f"Bearer {key or self.key}",
            "profile-key": "shop",
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        return asyncio.run(call_async(self.app, method, target, headers=given, chunks=(content,)))
