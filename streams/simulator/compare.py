"""Intention against archive: every difference, by name. Pure functions over plain rows.

Each comparison is exact in both directions: what is missing, what nobody meant, what is there
twice, and each value that is another one. Texts are told by length and digest, never as such.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from streams.simulator.columns import CONVERSATIONS, MESSAGES, Row, View
from streams.simulator.intention import Intention

What = Literal["missing", "not meant", "doubled", "differs"]

_Meant = dict[tuple[str, ...], dict[str, object]]
"""By the columns that name a row: what its other columns must say."""


@dataclass(frozen=True, slots=True)
class Difference:
    what: What
    of: str
    """`message`, `conversation`, `profile`, `event` or `failure`."""
    key: str
    column: str = ""
    meant: str = ""
    found: str = ""

    def __str__(self) -> str:
        told = f"{self.of} {self.key}: {self.what}"
        if self.column:
            told += f" in {self.column}: meant {self.meant}, found {self.found}"
        return told


class ColumnMissingError(Exception):
    """A row lacks a column: it was read from another view or with another query."""


def compare_messages(
    intention: Intention, rows: Iterable[Row], view: View = MESSAGES
) -> list[Difference]:
    """`rows` of `dm_analytics.messages`, of the simulation's profiles."""
    meant: _Meant = {
        key: _attributes(expected, view) for key, expected in intention.messages.items()
    }
    return list(_compare("message", meant, rows, view))


def compare_conversations(
    intention: Intention, rows: Iterable[Row], view: View = CONVERSATIONS
) -> list[Difference]:
    """`rows` of `dm_analytics.conversations`, of the simulation's profiles."""
    meant: _Meant = {
        (key,): _attributes(expected, view) for key, expected in intention.conversations.items()
    }
    return list(_compare("conversation", meant, rows, view))


def compare_active(intention: Intention, counts: Mapping[tuple[str, str], int]) -> list[Difference]:
    """`counts` by (profile_id, month): active conversations of all platforms (columns.py)."""
    meant = {
        (profile.profile_id, month): count
        for profile in intention.profiles.values()
        for month, count in profile.active_conversations.items()
    }
    return [
        Difference(
            "differs",
            "profile",
            " ".join(key),
            "active conversations",
            str(meant.get(key, 0)),
            str(counts.get(key, 0)),
        )
        for key in sorted({*meant, *counts})
        if meant.get(key, 0) != counts.get(key, 0)
    ]


def compare_events(intention: Intention, events: Iterable[tuple[str, str]]) -> list[Difference]:
    """`events` are (type, id) as archived, one each; types without `dm.` and version.

    Types that no webhook tells (derived ones) are not looked at.
    """
    found: dict[str, Counter[str]] = {type_: Counter() for type_ in intention.events}
    unmeant: list[Difference] = []
    for type_, id_ in events:
        if type_ in found:
            found[type_][id_] += 1
        elif type_ in _TOLD_BY_WEBHOOKS:
            unmeant.append(Difference("not meant", "event", f"{type_} {id_}"))
    return [*unmeant, *_event_differences(intention, found)]


def compare_failures(intention: Intention, failures: Iterable[tuple[str, str]]) -> list[Difference]:
    """`failures` are (sha256 of the original bytes, reason), one each (columns.py)."""
    meant = {failure.sha256: failure.reasons for failure in intention.failures}
    seen: Counter[str] = Counter()
    told: list[Difference] = []
    for digest, reason in failures:
        seen[digest] += 1
        if digest not in meant:
            told.append(Difference("not meant", "failure", digest, "reason", "none", reason))
        elif reason not in meant[digest]:
            wanted = " or ".join(meant[digest])
            told.append(Difference("differs", "failure", digest, "reason", wanted, reason))
    told += [Difference("missing", "failure", digest) for digest in meant if not seen[digest]]
    told += [Difference("doubled", "failure", digest) for digest, n in seen.items() if n > 1]
    return told


_TOLD_BY_WEBHOOKS = frozenset(
    {
        "message.received", "message.sent", "message.edited", "message.deleted",
        "message.delivered", "message.read", "reaction.added", "reaction.removed",
        "postback.received", "referral.received", "typing.started", "thread.control_lost",
        "thread.control_gained", "thread.control_requested", "unrecognised.received",
    }
)  # fmt: skip


def _event_differences(
    intention: Intention, found: dict[str, Counter[str]]
) -> Iterator[Difference]:
    for type_, expected in intention.events.items():
        ids, there = set(expected.ids), found[type_]
        for id_ in expected.ids:
            if not there[id_]:
                yield Difference("missing", "event", f"{type_} {id_}")
        for id_, count in there.items():
            if count > 1:
                yield Difference("doubled", "event", f"{type_} {id_}")
        others = sum(id_ not in ids for id_, count in there.items() if count)
        if others != expected.unnamed:
            yield Difference(
                "differs", "event", type_, "ids beside those known",
                str(expected.unnamed), str(others),
            )  # fmt: skip


def _attributes(expected: object, view: View) -> dict[str, object]:
    return {name: getattr(expected, name) for name in view.columns}


def _compare(of: str, meant: _Meant, rows: Iterable[Row], view: View) -> Iterator[Difference]:
    seen: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        key = tuple(str(_cell(row, name)) for name in view.key)
        seen[key] += 1
        if key not in meant:
            yield Difference("not meant", of, " ".join(key))
            continue
        for name, column in view.columns.items():
            expected = meant[key][name]
            found = column.read(_cell(row, column.name))
            if found != expected:
                yield Difference(
                    "differs",
                    of,
                    " ".join(key),
                    column.name,
                    _told(name, expected),
                    _told(name, found),
                )
    for key in meant:
        if not seen[key]:
            yield Difference("missing", of, " ".join(key))
        elif seen[key] > 1:
            yield Difference("doubled", of, " ".join(key))


def _cell(row: Row, name: str) -> Any:
    try:
        return row[name]
    except KeyError:
        raise ColumnMissingError(
            f"no column {name} in a row; there are {', '.join(sorted(row))}"
        ) from None


def _told(name: str, value: object) -> str:
    """What people wrote stays out of reports: a text is its length and a digest."""
    if name != "text" or not isinstance(value, str):
        return str(value)
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{len(value)} characters ({digest})"
