"""Commands onto the log and what became of them, as a request can wait for it.

A command's id is a pure function of the profile and the caller's Idempotency-Key, and the worker
decides an id once: so a repetition, at whichever gateway, leads to the first outcome. What the
first body was is known by a mark that its events carry.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka.errors import KafkaError

from schemas.base import to_milliseconds
from schemas.commands import AnyCommand
from schemas.events import Event
from sinks.reading import events as archived
from sinks.reading import failures
from sinks.reading.asking import ArchiveAway
from streams.api.errors import Problem
from streams.api.resources import Resources
from streams.commanding import command_bytes, is_end
from streams.gateway.keep import NotKeptError
from streams.outcomes import News
from streams.told_failures import ToldFailure

_MARK = "api:"
_PART = "."
"""Between a request's own id and its part's, in the ids of its further commands."""
_OWN_ID = re.compile(r"(c([0-9a-f]{12})[0-9a-f]{12})([0-9a-f]{8})")
_OWN_KEYED_ID = re.compile(r"(k[0-9a-f]{32})([0-9a-f]{8})(?:\.[0-9a-f]{16})?")
_QUIET_SECONDS = 0.5
"""After so long without news a command with a key may be a repetition: its first outcome is looked
for in the archive."""
_LOOK_AGAIN_SECONDS = 1.0
_CLOCKS_APART_MS = 60_000
"""Of two gateways."""
_YOUNG_MS = 20 * 60 * 1000
"""A command that was given an id by us, and of which nothing is known yet, is `pending` for so
long: it expires after 15 minutes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which command a request is, and what tells its body from another."""

    command_id: str
    mark: str | None
    """None without an Idempotency-Key: then it is nobody's repetition."""

    def envelope(self, profile: str, resources: Resources) -> dict[str, Any]:
        return {
            "command_id": self.command_id,
            "profileid": profile,
            "issued_at": to_milliseconds(resources.now()),
            "correlationid": self.mark,
        }


def identify(
    profile: str,
    kind: str,
    key: str | None,
    body: Mapping[str, Any],
    resources: Resources,
    part: str = "",
) -> Identity:
    """The id is the same for the same profile, kind of request, key, and part of the request where
    it leads to several commands. The mark is made with the key, which is stored nowhere: nobody can
    find a text by trying what it might have been."""
    if key is None:
        now = int(resources.now().timestamp() * 1000)
        unique = f"c{now:012x}{secrets.token_hex(6)}"
        return Identity(unique + _check_digits(profile, unique), None)
    digest = hashlib.sha256(f"{profile}\x1f{kind}\x1f{key}".encode()).hexdigest()
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str)
    mark = hmac.digest(key.encode(), content, "sha256").hex()
    keyed = f"k{digest[:32]}"
    return Identity(f"{keyed}{_check_digits(profile, keyed)}{_part(part)}", _MARK + mark[:32])


async def told_of_request(resources: Resources, profile: str, identity: Identity) -> list[Event]:
    """What the archive has of all commands of the request that has this identity. Raises Problem
    where they were of another body, and ArchiveAway."""
    first, _, _ = identity.command_id.partition(_PART)
    told = await archived.of_commands(resources.asking, profile, first)
    check_mark(told, identity)
    return told


def may_be_pending(profile: str, command_id: str, resources: Resources) -> bool:
    """Whether a gateway made this id for this profile, so that its command may wait for a worker
    where nothing is known of it. One that was made from an Idempotency-Key does not say when."""
    keyed = _OWN_KEYED_ID.fullmatch(command_id)
    if keyed is not None:
        return keyed[2] == _check_digits(profile, keyed[1])
    form = _OWN_ID.fullmatch(command_id)
    if form is None or form[3] != _check_digits(profile, form[1]):
        return False
    age = int(resources.now().timestamp() * 1000) - int(form[2], 16)
    return -_CLOCKS_APART_MS < age < _YOUNG_MS


async def perform(
    resources: Resources, command: AnyCommand, identity: Identity, seconds: float
) -> list[Event]:
    """Writes the command; what was told of it within that time, up to its end. [] where nothing
    was. Raises Problem where it could not be kept, where its id was used for another body, and
    where it can't be carried out."""
    (told,) = await perform_all(resources, [(command, identity)], seconds)
    return told


async def perform_all(
    resources: Resources, steps: Sequence[tuple[AnyCommand, Identity]], seconds: float
) -> list[list[Event]]:
    """The same of several commands of one profile: all are kept, in their order, before the first
    is waited for. The time is that of all together."""
    resources.refuse_if_partitions_differ()
    told: list[list[Event]] = [[] for _ in steps]
    async with AsyncExitStack() as watching:
        news = [await watching.enter_async_context(_watching(resources, one)) for one, _ in steps]
        for command, _ in steps:
            await _keep(resources, command)
        try:
            async with asyncio.timeout(seconds):
                for (command, identity), heard, into in zip(steps, news, told, strict=True):
                    await _listen(resources, command, identity, heard, into)
        except TimeoutError:
            pass
    return told


async def _listen(
    resources: Resources, command: AnyCommand, identity: Identity, news: News, told: list[Event]
) -> None:
    quiet = _QUIET_SECONDS
    while not told or not is_end(command, told[-1]):
        try:
            async with asyncio.timeout(quiet if identity.mark and not told else None):
                event = await news.get()
        except TimeoutError:
            known = await _known(resources, command)
            if known is None:
                quiet = _LOOK_AGAIN_SECONDS
                continue
            check_mark(known, identity)
            told.extend(known)
            continue
        if isinstance(event, ToldFailure):
            raise Problem("invalid_command", event.sentence, command_id=command.command_id)
        check_mark([event], identity)
        told.append(event)


async def is_decided(resources: Resources, profile: str, command_id: str) -> bool:
    """Whether the archive knows what became of a command. Raises ArchiveAway."""
    await resources.caught_up(profile)
    if await archived.of_command(resources.asking, profile, command_id):
        return True
    return await failures.of_command(resources.asking, profile, command_id) is not None


async def _known(resources: Resources, command: AnyCommand) -> list[Event] | None:
    try:
        found = await archived.of_command(resources.asking, command.profileid, command.command_id)
    except ArchiveAway:
        return None  # the log may still tell
    ends = [event for event in found if is_end(command, event)]
    return [*(event for event in found if event not in ends), *ends[-1:]] or None


def check_mark(told: list[Event], identity: Identity) -> None:
    """Raises Problem where the command was decided for another body than this request's."""
    for event in told:
        mark = event.correlationid or ""
        if identity.mark and mark.startswith(_MARK) and mark != identity.mark:
            raise Problem("idempotency_key_reused", command_id=identity.command_id)


@asynccontextmanager
async def _watching(resources: Resources, command: AnyCommand) -> AsyncIterator[News]:
    try:
        async with asyncio.timeout(resources.settings.publish_timeout_seconds) as limit:
            async with resources.outcomes.watch(command.profileid, command.command_id) as news:
                limit.reschedule(None)
                yield news
    except (KafkaError, OSError, TimeoutError):
        raise Problem("broker_unavailable", retry_after=5) from None


async def _keep(resources: Resources, command: AnyCommand) -> None:
    try:
        await resources.commands.publish(command.profileid.encode(), command_bytes(command), [])
    except NotKeptError as error:
        raise Problem(error.reason, error.message, retry_after=error.retry_after) from None


def _part(name: str) -> str:
    return _PART + hashlib.sha256(name.encode()).hexdigest()[:16] if name else ""


def _check_digits(profile: str, unique: str) -> str:
    return hashlib.sha256(f"{profile}\x1f{unique}".encode()).hexdigest()[:8]
