"""State, log and archive say the same."""

from collections.abc import Iterator

from schemas.events import ConversationActivated, MessageReceived, MessageSent
from streams.agents.working_set import WorkingSet
from streams.checker.findings import Finding
from streams.checker.history import Archive, ConversationCounts
from streams.checker.reading import Reading
from streams.conversation.evolve import evolve
from streams.conversation.instants import to_ms
from streams.state_differences import differences


def counts(reading: Reading) -> Iterator[Finding]:
    """The live state is the fold of the raw log, and the archive's numbers are those of the log."""
    if reading.history.state is not None:
        for difference in differences(reading.history.state, _folded(reading)):
            of = f"{difference.kind} {difference.name}".strip()
            what = f"{difference.field} of the live state of {of} is not what the log folds to"
            yield Finding("counts", what, difference.profile)
    if reading.history.archive is not None:
        yield from _conversations(reading, reading.history.archive)
        yield from _active(reading, reading.history.archive)


def _folded(reading: Reading) -> dict[bytes, bytes]:
    working = WorkingSet({})
    for _, event in reading.events:
        before = working.load(event)
        working.store(event, before, evolve(before, event))
    return {key: value for key, value in working.changes() if value is not None}


def _conversations(reading: Reading, archive: Archive) -> Iterator[Finding]:
    messages: dict[tuple[str, str], set[str]] = {}
    received: dict[tuple[str, str], int] = {}
    sent: dict[tuple[str, str], int] = {}
    for _, event in reading.events:
        if isinstance(event, MessageReceived | MessageSent) and event.subject is not None:
            key = (event.profileid, event.subject)
            messages.setdefault(key, set()).add(event.data.message_id)
            times = received if isinstance(event, MessageReceived) else sent
            times[key] = max(times.get(key, 0), to_ms(event.time))
    for key in sorted({*messages, *archive.conversations}):
        meant = ConversationCounts(
            len(messages.get(key, ())), received.get(key), sent.get(key)
        )  # fmt: skip
        found = archive.conversations.get(key, _NONE)
        for name, one, two in zip(meant._fields, meant, found, strict=True):
            if one != two:
                what = f"{name} of {key[1]}: the log comes to {one}, the archive says {two}"
                yield Finding("counts", what, key[0])


def _active(reading: Reading, archive: Archive) -> Iterator[Finding]:
    meant: dict[tuple[str, str], int] = {}
    for _, event in reading.events:
        if isinstance(event, ConversationActivated):
            key = (event.profileid, event.data.month)
            meant[key] = max(meant.get(key, 0), event.data.rank)
    for key in sorted({*meant, *archive.active}):
        one, two = meant.get(key, 0), archive.active.get(key, 0)
        if one != two:
            what = f"active conversations of {key[1]}: the log says {one}, the archive {two}"
            yield Finding("counts", what, key[0])


_NONE = ConversationCounts(0, None, None)
