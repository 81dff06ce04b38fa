"""What the benchmarks let people write: bodies as Meta posts them for Messenger, in a fixed mix.

Of twenty webhooks twelve are messages to the page, four the page's answers from its inbox, two
reads, one a delivery, one a reaction; one event each. 200 pages of twenty people. The first 4,000
start conversations, the rest goes on in them: the same lot gives the same events.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas.base import rfc3339
from schemas.topics import WebhookHeader

PAGES, PEOPLE_OF_A_PAGE = 200, 20
_KINDS = "mmmemmremmdmemmeramm"
"""m message, e echo of the page's own answer, r read, d delivery, a reaction."""


@dataclass(frozen=True, slots=True)
class Webhook:
    page: str
    """The record's key: what Meta calls the page, and the profile it belongs to."""
    body: bytes
    headers: list[tuple[str, bytes]]


def page(number: int) -> str:
    return str(104_000_000_000_000 + number % PAGES)


def webhooks(first: int, count: int, start: datetime) -> Iterator[Webhook]:
    """Numbers `first` to `first + count`; each happens a millisecond after the one before."""
    for number in range(first, first + count):
        at = start + timedelta(milliseconds=number)
        received = at + timedelta(milliseconds=200)
        body = orjson.dumps({"object": "page", "entry": [_entry(number, at)]})
        headers = [
            (WebhookHeader.PROVIDER, b"meta"),
            (WebhookHeader.RECEIVED_AT, rfc3339(received).encode()),
            (WebhookHeader.DELIVERY_ID, b"%032x" % number),
        ]
        yield Webhook(page(number), body, headers)


def recent_start() -> datetime:
    """The lot lies in the past, and in one month: a rank is given once a conversation."""
    now = datetime.now(UTC)
    return now.replace(day=1, hour=1, minute=0, second=0, microsecond=0)


def _entry(number: int, at: datetime) -> dict[str, Any]:
    ms = int(at.timestamp() * 1000)
    person = str(
        6_543_000_000_000_000 + number // PAGES % PEOPLE_OF_A_PAGE * PAGES + number % PAGES
    )
    ours = page(number)
    incoming = {"sender": {"id": person}, "recipient": {"id": ours}, "timestamp": ms}
    text = "Do you have this in blue, and when would it be here? "[: 20 + number % 34]
    # A page's people take turns, and each person meets every kind.
    turn = number // PAGES
    match _KINDS[(turn + turn // PEOPLE_OF_A_PAGE) % len(_KINDS)]:
        case "e":
            message = {"mid": _mid(number), "text": text, "is_echo": True, "app_id": 26390203743}
            sides = {"sender": {"id": ours}, "recipient": {"id": person}}
            item = {**incoming, **sides, "message": message}
        case "r":
            item = {**incoming, "read": {"watermark": ms - 50}}
        case "d":
            item = {**incoming, "delivery": {"watermark": ms - 50}}
        case "a":
            reaction = {"mid": _mid(number), "action": "react", "reaction": "love", "emoji": "❤"}
            item = {**incoming, "reaction": reaction}
        case _:
            item = {**incoming, "message": {"mid": _mid(number), "text": text}}
    return {"id": ours, "time": ms, "messaging": [item]}


def _mid(number: int) -> str:
    """As long as Messenger's of today."""
    return f"m_{number:086d}"
