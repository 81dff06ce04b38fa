"""`GET /events/stream`: a profile's events as they happen, as server-sent events.

Each client has a reader of its own on the profile's partition, which goes on only when the client
took what it was sent: what is held for one is one fetch, however slow it is. A client that comes
back says where it was (`Last-Event-ID`: a place in the log), and misses nothing. What was erased
meanwhile it gets without its content, which the log still has (`live_erasures`).
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Header
from pydantic import ValidationError
from starlette.responses import StreamingResponse

from schemas.events import MessagingDeactivated, parse_event
from schemas.topics import EVENTS, EventHeader
from sinks.reading.asking import ArchiveAway
from streams import kafka
from streams.api import states
from streams.api.access import Caller, Reader
from streams.api.documents import Responses, errors
from streams.api.errors import Problem
from streams.api.live_erasures import ErasedMeanwhile
from streams.conversation.deletion import DELETED
from streams.partitions import partition_of

router = APIRouter(tags=["live"])

MOST_BACK = 50_000
"""Records of the profile's partition. Further back is a question for the archive."""
MOST_BACK_SECONDS = 24 * 3600.0
HEARTBEAT_SECONDS = 15.0

_FETCH_BYTES = 256 * 1024
_FETCH_WAIT_MS = 500
_LOOK_MS = 1_000
_AT_ONCE = 100
_PLACE = re.compile(r"([A-Za-z0-9_-]{1,100}):([0-9]{1,18})")

_log = structlog.get_logger()

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event that was read: what came after it is sent first.",
        examples=["embedded-1f0c:4711"],
        max_length=200,
    ),
]


@dataclass(frozen=True, slots=True)
class Start:
    log: str
    offset: int
    gap: bool
    """What the client asked for is not there, or too far back: it begins with now."""


_STREAM: Responses = {
    200: {
        "description": "Server-sent events: `event` is the kind, `data` the event as it stands on"
        " the log, `id` where to go on. `event: gap` first, where what Last-Event-ID asks for is"
        " too far back.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "id: embedded-1f0c:4712\nevent: message.received\ndata: {...}\n\n",
            }
        },
    }
}


@router.get(
    "/events/stream",
    summary="A profile's events as they happen",
    response_class=StreamingResponse,
    responses=_STREAM | errors("profile_not_found", "too_many_streams", "archive_unavailable"),
)
async def stream(caller: Reader, last_event_id: LastEventId = None) -> StreamingResponse:
    """Browsers' EventSource sends no headers: use a client that can (fetch). The stream of a
    profile that is deleted ends with the event that says so."""
    resources = caller.resources
    # In this order: a deletion is known already, or it stands behind the place.
    place = await resources.place_now(caller.profile)
    await resources.caught_up(caller.profile)
    await states.existing(resources.asking, caller.profile, resources.now())
    start = where_to_begin(last_event_id, *place)
    erased = ErasedMeanwhile(resources, caller.profile)
    if last_event_id and not start.gap:
        await erased.ask()
    resources.streams.take(caller.key.key_id)
    return _Freeing(
        _frames(caller, start, erased),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
        free=lambda: resources.streams.free(caller.key.key_id),
    )


def where_to_begin(last_event_id: str | None, log: str, end: int) -> Start:
    """`end`: the offset after the last record now."""
    if not last_event_id:
        return Start(log, end, gap=False)
    place = _PLACE.fullmatch(last_event_id)
    if place is None or place[1] != log or not 0 <= end - int(place[2]) <= MOST_BACK:
        return Start(log, end, gap=True)
    return Start(log, int(place[2]), gap=False)


def frame(log: str, record: Any, value: bytes | None = None) -> bytes:
    """One event. A record is JSON on one line; `value` stands in its place."""
    told: bytes = record.value if value is None else value
    head = f"id: {log}:{record.offset + 1}\nevent: {_kind(told)}\ndata: ".encode()
    return head + told + b"\n\n"


def is_for(record: Any, profile: bytes, earliest_ms: float) -> bool:
    """Not what was put back from the archive, nor what is older than a client may go back."""
    return (
        record.key == profile
        and record.value is not None
        and b"\n" not in record.value
        and record.timestamp >= earliest_ms
        and all(name != EventHeader.RESTORED_FROM for name, _ in record.headers or ())
    )


def is_the_end(value: bytes) -> bool:
    """Whether the event says that the profile was deleted."""
    if _kind(value) != "messaging.deactivated":
        return False
    try:
        event = parse_event(value)
    except ValidationError:
        return False  # the fold leaves it out as well
    return isinstance(event, MessagingDeactivated) and event.data.reason == DELETED


def _kind(value: bytes) -> str:
    found = _TYPE.search(value)
    return found[1].decode() if found else "unknown"


_TYPE = re.compile(rb'"type":"dm\.([a-z_.]{1,60})\.v\d')


async def _frames(caller: Caller, start: Start, erased: ErasedMeanwhile) -> AsyncIterator[bytes]:
    resources = caller.resources
    yield b"retry: 3000\n" + (b"event: gap\ndata: {}\n\n" if start.gap else b"\n")
    profile = caller.profile.encode()
    settings = resources.settings
    place = TopicPartition(settings.topic(EVENTS), partition_of(profile, settings.partitions))
    earliest = (resources.now().timestamp() - MOST_BACK_SECONDS) * 1000
    spoke, position = resources.monotonic(), start.offset
    try:
        async with _reading(caller, place, position) as consumer:
            while _still_holds(caller):
                found = await consumer.getmany(timeout_ms=_LOOK_MS, max_records=_AT_ONCE)
                records = found.get(place, [])
                await erased.before(records, consumer.highwater(place) or 0)
                for record in records:
                    position = record.offset + 1
                    if is_for(record, profile, earliest):
                        yield frame(start.log, record, erased.told(record.value))
                        spoke = resources.monotonic()
                        if is_the_end(record.value):
                            return
                if resources.monotonic() - spoke >= HEARTBEAT_SECONDS:
                    # Without data it is no event, but the client goes on from there.
                    yield f": still here\nid: {start.log}:{position}\n\n".encode()
                    spoke = resources.monotonic()
    except (KafkaError, OSError, ArchiveAway, Problem) as error:
        # The client comes back, and says where it was.
        _log.warning("live stream ended", error=type(error).__name__)


@asynccontextmanager
async def _reading(caller: Caller, place: TopicPartition, offset: int) -> AsyncIterator[Any]:
    consumer = kafka.reader(
        caller.resources.settings, wait_ms=_FETCH_WAIT_MS, fetch_bytes=_FETCH_BYTES
    )
    try:
        await consumer.start()
        consumer.assign([place])
        consumer.seek(place, offset)
        yield consumer
    finally:
        await consumer.stop()


def _still_holds(caller: Caller) -> bool:
    known = caller.resources.keys.records.get(caller.key.key_id)
    return known is not None and known.revoked_at is None


class _Freeing(StreamingResponse):
    """Gives its place back however it ends: one whose client is gone at once never begins to
    iterate, so the iterator's own `finally` would not run."""

    def __init__(self, content: AsyncIterator[bytes], *, free: Any, **more: Any) -> None:
        super().__init__(content, **more)
        self._free = free
        self._content = content

    async def __call__(self, *asgi: Any) -> None:
        try:
            await super().__call__(*asgi)
        finally:
            self._free()
            await self._content.aclose()  # type: ignore[attr-defined]
