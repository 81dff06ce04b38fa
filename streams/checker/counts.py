"""State, log and archive say the same."""

from collections.abc import Iterator
from typing import NamedTuple

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
    told = _messages(reading)
    for key in sorted({*told, *archive.conversations}):
        messages, found = told.get(key, _NOTHING), archive.conversations.get(key, _NONE)
        if len(messages.ids) != found.messages:
            what = f"{key[1]}: the log has {len(messages.ids)} messages, the archive {found[0]}"
            yield Finding("counts", what, key[0])
        for name, times, at in (
            ("last_received_at", messages.received, found.last_received_at),
            ("last_sent_at", messages.sent, found.last_sent_at),
        ):
            low = max((min(of_one) for of_one in times.values()), default=None)
            high = max((max(of_one) for of_one in times.values()), default=None)
            if (at is None) != (high is None) or not (low or 0) <= (at or 0) <= (high or 0):
                what = f"{name} of {key[1]}: the log comes to {high}, the archive says {at}"
                yield Finding("counts", what, key[0])


class _Messages(NamedTuple):
    """Of one conversation. By message, the times that were told of it: our own send is told by the
    platform's answer and by its echo, some milliseconds apart, and the archive keeps one of them.
    """

    received: dict[str, list[int]]
    sent: dict[str, list[int]]

    @property
    def ids(self) -> set[str]:
        return {*self.received, *self.sent}


def _messages(reading: Reading) -> dict[tuple[str, str], _Messages]:
    found: dict[tuple[str, str], _Messages] = {}
    for _, event in reading.events:
        if isinstance(event, MessageReceived | MessageSent) and event.subject is not None:
            key = (event.profileid, event.subject)
            messages = found.setdefault(key, _Messages({}, {}))
            times = messages.received if isinstance(event, MessageReceived) else messages.sent
            times.setdefault(event.data.message_id, []).append(to_ms(event.time))
    return found


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
_NOTHING = _Messages({}, {})
