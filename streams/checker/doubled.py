"""Nothing counts twice."""

from collections import Counter
from collections.abc import Iterator

from schemas.events import MessageReceived, MessageSent
from streams.checker.findings import Finding
from streams.checker.history import Archive, Place
from streams.checker.reading import Reading


def doubled(reading: Reading) -> Iterator[Finding]:
    """No place of the log is twice in the archive as a reader sees it, and no event is counted
    twice in any number. Where one worker wrote all the time, not even as the rows lie there:
    then a range that was sent twice went in twice, and only the merge would hide it."""
    archive = reading.history.archive
    if archive is None:
        return
    yield from _seen_twice(archive)
    if reading.history.single_writer:
        yield from _stored_twice(reading, archive)
    yield from _counted_twice(reading, archive)


def _seen_twice(archive: Archive) -> Iterator[Finding]:
    seen: Counter[Place] = Counter()
    for record in archive.records:
        seen[record.place] += record.seen
    for place, times in seen.items():
        if times > 1:
            yield Finding("duplicate", f"a reader sees the record {times} times", place=place)
    for (profile, event_id), times in Counter(archive.events).items():
        if times > 1:
            what = f"a reader sees the event {event_id} {times} times"
            yield Finding("duplicate", what, profile)


def _stored_twice(reading: Reading, archive: Archive) -> Iterator[Finding]:
    for record in archive.records:
        if record.stored > 1:
            what = f"one writer stored it {record.stored} times: its insert was not recognised"
            yield Finding("duplicate", what, place=record.place)
    logged = Counter((event.profileid, event.id) for _, event in reading.events)
    for key, stored in archive.stored_events.items():
        if stored > logged[key]:
            what = f"one writer stored {key[1]} {stored} times: it was told {logged[key]} times"
            yield Finding("duplicate", what, key[0])


def _counted_twice(reading: Reading, archive: Archive) -> Iterator[Finding]:
    messages = {
        (event.profileid, event.subject, event.data.message_id)
        for _, event in reading.events
        if isinstance(event, MessageReceived | MessageSent)
    }
    each = Counter(profile for profile, _, _ in messages)
    for profile, counted in archive.daily_messages.items():
        if counted > each[profile]:
            what = f"messages_daily counts {counted} messages and the log has {each[profile]}"
            yield Finding("duplicate", what, profile)
