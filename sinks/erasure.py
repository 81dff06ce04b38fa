"""Erasure in the archive: `correspondent.erased` takes the content of what is there, for good.

The rows stay (offsets, ids, times, counts: guards and numbers go on as they were) and lose texts,
media and names, by a mutation. So that nothing comes back, whoever writes it, whatever dies when:

1. an erasure is noted in `erasures` before the range that told of it is in `event_log`: what a
   crash cut off is found unfinished by the next owner (`finish`);
2. after each insert the writer asks for erasures that it does not know yet, and looks whether what
   it just wrote is of an erased conversation. An insert that was under way while another worker
   erased, a record read again, a copy from another provider: each is blanked before it is
   acknowledged.

A send that was accepted before may leave after the erasure's instant, until its worker hears of
it: what is told of it loses its content too, by its command.

A failure that names an erased correspondent (raw bytes, perhaps not even JSON) goes as a whole: it
is found by the ids as words in the bytes.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks import erasure_sql as sql
from sinks.errors import classified
from sinks.rows import EVENT_LOG, EVENTS, UNREADABLE, Data, LogRecord

_AT_ONCE = 100
"""Conversations in one mutation: each row of a part that holds one of them is compared with all."""
_NOTED_APART_SECONDS = 60
"""A row may become visible later than one that was noted after it; servers' clocks differ."""
_WORD = re.compile(rb"[0-9A-Za-z_-]+")
_ERASED = "correspondent.erased"
_LOOSE_TYPES = frozenset({UNREADABLE, "dm.unrecognised.received.v1"})

_PROFILE, _CONVERSATION, _KIND, _ACCOUNT, _CORRESPONDENT, _TIME = (
    EVENTS.names.index(name)
    for name in (
        "profile_id", "conversation_id", "kind", "account_id", "correspondent_id", "occurred_at",
    )
)  # fmt: skip
_LOGGED_PROFILE, _LOGGED_CONVERSATION, _LOGGED_TYPE, _LOGGED_PAYLOAD = (
    EVENT_LOG.names.index(name) for name in ("profile_id", "conversation_id", "type", "payload")
)


class Erasure(NamedTuple):
    profile_id: str
    conversation_id: str
    account_id: str
    correspondent_id: str
    erased_at: int
    """Milliseconds. What happened, or was received, at or before it loses its content."""


class Range(NamedTuple):
    """Of offsets, both included."""

    log: str
    topic: str
    partition: int
    first: int
    last: int


def erasures_in(happened: Data) -> list[Erasure]:
    """The erasures that rows of EVENTS tell of."""
    kinds = happened[_KIND] if happened else []
    if _ERASED not in kinds:
        return []
    return [
        Erasure(*(happened[column][row] for column in
                  (_PROFILE, _CONVERSATION, _ACCOUNT, _CORRESPONDENT, _TIME)))
        for row, kind in enumerate(kinds)
        if kind == _ERASED
    ]  # fmt: skip


class Eraser:
    """Of one database; shared between threads. Methods block and raise ArchiveError."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database
        self._known: dict[tuple[str, str], Erasure] = {}
        self._by_correspondent: dict[bytes, set[tuple[str, str]]] = {}
        self._latest = 0.0
        self._lock = threading.Lock()

    def note(self, erasures: Sequence[Erasure], *, finished: bool = False) -> None:
        """Keeps them, before anything is blanked; or that they are carried out."""
        if not erasures:
            return
        names = ["profile_id", "conversation_id", "account_id", "correspondent_id", "erased_at"]
        rows = [[*erasure, finished] for erasure in erasures]
        table = f"{self._database}.erasures"
        try:
            self._client.insert(
                table,
                rows,
                column_names=[*names, "is_finished"],
                column_type_names=[*["String"] * 4, "DateTime64(3, 'UTC')", "Bool"],
                settings={"async_insert": 0},
            )
        except (ClickHouseError, OSError) as error:
            raise classified(error, table=table) from None

    def finish(self) -> int:
        """Carries out what is noted and not finished; the number of conversations."""
        unfinished = [
            Erasure(*row)
            for row in self._rows(
                "SELECT profile_id, conversation_id, account_id, correspondent_id,"
                " toUnixTimestamp64Milli(erased_at)"
                f" FROM {self._database}.erasures FINAL WHERE NOT is_finished"
            )
        ]
        self.carry_out(unfinished)
        return len(unfinished)

    def carry_out(self, erasures: Sequence[Erasure]) -> None:
        """Blanks everything that is there of them, and notes that it is done."""
        self._blank((*sql.OF_EVENTS, *sql.LOOSE, *sql.OF_FAILURES), erasures, ())
        self._touch(erasures)
        self.note(erasures, finished=True)

    def after_events(self, logged: Data, written: Sequence[Range]) -> None:
        """Blanks what a batch (columns of EVENT_LOG) brought of conversations that are erased."""
        self._refresh()
        if not self._known:
            return
        conversations, types = logged[_LOGGED_CONVERSATION], logged[_LOGGED_TYPE]
        places = set(zip(logged[_LOGGED_PROFILE], conversations, strict=True))
        due = [self._known[place] for place in places if place in self._known]
        self._blank(sql.OF_EVENTS, due, written)
        self._touch(due)
        loose = [
            payload
            for conversation, event_type, payload in zip(
                conversations, types, logged[_LOGGED_PAYLOAD], strict=True
            )
            if not conversation and event_type in _LOOSE_TYPES
        ]
        self._blank(sql.LOOSE, self._named_in(loose), written)

    def after_failures(self, records: Iterable[LogRecord], written: Sequence[Range]) -> None:
        """Blanks the failures of a batch that name somebody who is erased."""
        self._refresh()
        if self._known:
            named = self._named_in(record.value or b"" for record in records)
            self._blank(sql.OF_FAILURES, named, written)

    def _named_in(self, values: Iterable[bytes]) -> list[Erasure]:
        words = {word for value in values for word in _WORD.findall(value)}
        places = {place for word in words for place in self._by_correspondent.get(word, ())}
        return [self._known[place] for place in places]

    def _refresh(self) -> None:
        """Learns of erasures noted since the last time, by any worker."""
        with self._lock:
            rows = self._rows(
                "SELECT profile_id, conversation_id, account_id, correspondent_id,"
                " toUnixTimestamp64Milli(erased_at), toUnixTimestamp64Milli(noted_at) / 1000"
                f" FROM {self._database}.erasures"
                " WHERE noted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')",
                {"since": int((self._latest - _NOTED_APART_SECONDS) * 1000)},
            )
            for *fields, noted in rows:
                erasure = Erasure(*fields)
                place = erasure[:2]
                known = self._known.get(place)
                if known is None or known.erased_at < erasure.erased_at:
                    self._known[place] = erasure
                self._by_correspondent.setdefault(erasure.correspondent_id.encode(), set()).add(
                    place
                )
                self._latest = max(self._latest, noted)

    def _blank(
        self,
        blankings: Iterable[sql.Blanking],
        erasures: Sequence[Erasure],
        written: Sequence[Range],
    ) -> None:
        """Within the ranges just written; everywhere, where there are none."""
        for start in range(0, len(erasures), _AT_ONCE):
            some = erasures[start : start + _AT_ONCE]
            late = self._late(some)
            named = sql.parameters(some, late)
            for blanking in blankings:
                table, matches, update = blanking
                # What is late may have been told before: an echo knows of no command.
                if written and table in sql.LOGGED and not late:
                    matches = f"{sql.WITHIN} AND {matches}"
                    for one in written:
                        self._mutate(table, matches, update, named | one._asdict())
                else:
                    self._mutate(table, matches, update, named)

    def _late(self, erasures: Sequence[Erasure]) -> list[str]:
        named = sql.parameters(erasures) | {"database": self._database}
        return [event_id for (event_id,) in self._rows(sql.LATE, named, f"{self._database}.events")]

    def _touch(self, erasures: Sequence[Erasure]) -> None:
        """Has the facts of what was changed in place computed anew: no insert tells of it."""
        if not erasures:
            return
        table = f"{self._database}.touched"
        rows = [erasure[:2] for erasure in erasures]
        try:
            self._client.insert(table, rows, column_names=["profile_id", "conversation_id"])
        except (ClickHouseError, OSError) as error:
            raise classified(error, table=table) from None

    def _mutate(self, table: str, matches: str, update: str, named: dict[str, Any]) -> None:
        """Only where there is something: the question is cheap, a mutation is not."""
        table = f"{self._database}.{table}"
        if not self._rows(f"SELECT 1 FROM {table} WHERE {matches} LIMIT 1", named, table):
            return
        try:
            self._client.command(
                f"ALTER TABLE {table} UPDATE {update} WHERE {matches}",
                parameters=named,
                settings={"mutations_sync": 2},  # it answers when all replicas have done it
            )
        except (ClickHouseError, OSError) as error:
            raise classified(error, table=table) from None

    def _rows(
        self, statement: str, named: dict[str, Any] | None = None, table: str = ""
    ) -> Sequence[Sequence[Any]]:
        try:
            return self._client.query(statement, parameters=named).result_rows
        except (ClickHouseError, OSError) as error:
            raise classified(error, table=table or f"{self._database}.erasures") from None
