"""Erasure as the archive does it, in Python: the same sets of fields, told in another language."""

import json
from collections.abc import Iterable
from typing import Any

from schemas.events import CorrespondentErased, Event, parse_event
from sinks import redaction
from streams.conversation.instants import to_ms


def without_what_was_erased(log: Iterable[Event]) -> list[Event]:
    events = list(log)
    until: dict[str | None, int] = {}
    for event in events:
        if isinstance(event, CorrespondentErased):
            until[event.subject] = max(until.get(event.subject, 0), to_ms(event.time))
    return [
        redacted(event, until[event.subject])
        if min(to_ms(event.time), to_ms(event.receivedat)) <= until.get(event.subject, -1)
        else event
        for event in events
    ]


def redacted(event: Event, erased_at: int) -> Event:
    given: dict[str, Any] = json.loads(event.to_json())
    body = given["data"]
    kept = {name: value for name, value in body.items() if name in redaction.KEPT}
    kept |= {name: {} for name in redaction.EMPTIED & body.keys()}
    if redaction.UNTIL_ERASED in body and to_ms(event.time) > erased_at:
        kept[redaction.UNTIL_ERASED] = body[redaction.UNTIL_ERASED]
    if event.type == "dm.send.accepted.v1" and "text" in body and not body.get("media_urls"):
        kept["text"] = redaction.MARK
    return parse_event(json.dumps({**given, "data": kept}))
