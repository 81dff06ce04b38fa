"""Nothing is lost: what was acknowledged is in the archive or among the failures, once."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from schemas.topics import EVENTS, FAILURES, WEBHOOKS
from streams.checker.findings import Finding
from streams.checker.history import Archive
from streams.checker.reading import REGISTERING, Expected, Reading


def lost(reading: Reading) -> Iterator[Finding]:
    """Each acknowledged webhook is in the archive or in failed events, exactly one of the two.

    Followed hop by hop, so that a finding names the one that lost it: gateway to log, log to
    events or failures, those to the archive.
    """
    yield from _not_kept(reading)
    for expected in reading.expected:
        yield from _not_told(reading, expected)
    if reading.history.archive is not None:
        yield from _not_archived(reading, reading.history.archive)


def _not_kept(reading: Reading) -> Iterator[Finding]:
    """Bodies that got a yes more often than they are in the log."""
    if reading.history.requests is None:
        return
    kept = Counter(
        sha256(record.value or b"").hexdigest() for record in reading.history.log.get(WEBHOOKS, ())
    )
    taken = Counter(
        request.sha256 for request in reading.history.requests if request.answered // 100 == _YES
    )
    for digest, times in taken.items():
        if kept[digest] < times:
            yield Finding(
                "lost",
                f"a webhook was acknowledged {times} times and is {kept[digest]} times in the log:"
                f" body {digest[:16]}",
            )


def _not_told(reading: Reading, expected: Expected) -> Iterator[Finding]:
    place = expected.record.place
    failures = {(failure.stage, failure.reason) for failure in reading.failed.get(place, ())}
    refused = any(stage == REGISTERING for stage, _ in failures)
    for event_id in expected.events:
        if event_id not in reading.first_logged and not refused:
            yield Finding("lost", f"event {event_id} was never written", place=place)
    for stage, reason in sorted(expected.failures - failures):
        yield Finding("lost", f"the failure {stage}/{reason} was never written", place=place)
    for stage, reason in sorted(failures - expected.failures):
        if stage != REGISTERING:
            what = f"it can be read, and failed as {stage}/{reason} all the same"
            yield Finding("lost", what, place=place)


def _not_archived(reading: Reading, archive: Archive) -> Iterator[Finding]:
    there = {record.place for record in archive.records}
    for topic in (EVENTS, FAILURES):
        records: Any = reading.history.log.get(topic, ())
        for record in records:
            if record.place not in there:
                yield Finding("lost", "the record is not in the archive", place=record.place)


_YES = 2
