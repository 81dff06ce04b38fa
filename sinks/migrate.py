"""Brings the database to this version: numbered SQL files, each applied once, never changed.

Several processes may do it at once: one does, the others wait. ClickHouse has no locks, but of two
that create one table one is told that it is there. Whoever dies in between leaves a file half
applied: every statement can be run twice (IF NOT EXISTS, OR REPLACE), and so can the note.

The history worker may insert meanwhile, also where a file puts a copy in a table's place
(`_swapping`). tests/pipeline/test_migrate_beside_writers.py.
"""

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from string import Template

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.business_hours import BusinessHours

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_PATIENCE_SECONDS = 900.0
"""For another process that migrates: a large archive takes minutes."""

_EXCHANGE = re.compile(r"EXCHANGE TABLES (\S+) AND (\S+)")


class MigrationError(Exception):
    """The database and these files do not belong together; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self, values: Mapping[str, str]) -> Iterator[str]:
        """A statement ends with a semicolon at the end of a line."""
        text = Template(self.text).substitute(values)
        for statement in re.split(r";\s*?\n", text):
            code = re.sub(r"^\s*--.*\n?", "", statement, flags=re.MULTILINE).strip()
            if code:
                yield code


def migrations() -> list[Migration]:
    """The files, in the order of their numbers."""
    folder = resources.files("sinks") / "migrations"
    files = [file for file in folder.iterdir() if _FILE.fullmatch(file.name)]
    return [
        Migration(file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    ]


def analytics_database(database: str) -> str:
    """The views' database: `dm_analytics` for `dm`."""
    return f"{database}_analytics"


def apply(
    client: Client,
    *,
    database: str = "dm",
    defaults: Mapping[str, str] | None = None,
    cluster: str | None = None,
    files: list[Migration] | None = None,
    alone: bool = False,
) -> list[str]:
    """Applies what is missing; returns the names. Raises MigrationError, and the client's errors.

    `defaults` are business settings that the views need (see `business_defaults`); they are
    written at each call, as settings may change while the schema does not. `cluster` makes
    replicated tables on all its servers. `alone`: nobody else can be at it, so that what looks like
    another process is one that died.
    """
    for name in (database, cluster or database):
        if not _IDENTIFIER.fullmatch(name):
            raise MigrationError(f"{name[:60]!r} is no name of letters, digits and underscores")
    values = {
        "database": database,
        "analytics": analytics_database(database),
        "on_cluster": f"ON CLUSTER {cluster}" if cluster else "",
        "replicated": "Replicated" if cluster else "",
    }
    for name in (values["database"], values["analytics"]):
        client.command(f"CREATE DATABASE IF NOT EXISTS {name} {values['on_cluster']}")
    client.command(notes_table(values))
    known = migrations() if files is None else files
    missing = _missing(client, known, database)
    if missing:
        with _turn(client, values, alone=alone):
            missing = _missing(client, known, database)
            for migration in missing:
                _apply(client, migration, values)
    if defaults:
        client.insert(
            f"{database}.defaults", [list(pair) for pair in defaults.items()], ["name", "value"]
        )
    return [migration.name for migration in missing]


def notes_table(values: Mapping[str, str]) -> str:
    """The statement that makes the table of what was applied, which migrations may ask."""
    return (
        f"CREATE TABLE IF NOT EXISTS {values['database']}.schema_migrations {values['on_cluster']}"
        " (name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))"
        f" ENGINE = {values['replicated']}ReplacingMergeTree ORDER BY name"
    )


def _missing(client: Client, known: list[Migration], database: str) -> list[Migration]:
    applied = _applied(client, database)
    _refuse_strangers(known, applied, database)
    return [migration for migration in known if migration.name not in applied]


@contextmanager
def _turn(client: Client, values: Mapping[str, str], *, alone: bool) -> Iterator[None]:
    """Of those that migrate, one at a time. Raises MigrationError."""
    table = f"{values['database']}.migrating"
    create = f"CREATE TABLE {table} {values['on_cluster']} (nothing UInt8) ENGINE = Memory"
    drop = f"DROP TABLE IF EXISTS {table} {values['on_cluster']} SYNC"
    if alone:
        client.command(drop)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _created(client, create):
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another process has been migrating {values['database']} for "
                f"{_PATIENCE_SECONDS / 60:.0f} minutes: wait for it; if it died, drop the table "
                f"{table} and start again"
            )
        time.sleep(0.1)
    try:
        yield
    finally:
        client.command(drop)


def _created(client: Client, create: str) -> bool:
    try:
        client.command(create)
    except DatabaseError as error:
        if "TABLE_ALREADY_EXISTS" in str(error):
            return False
        raise
    return True


def _apply(client: Client, migration: Migration, values: Mapping[str, str]) -> None:
    statements = list(migration.statements(values))
    with _swapping(client, statements, values["on_cluster"]):
        for statement in statements:
            client.command(statement)
            if _EXCHANGE.match(statement):
                _wait_for_inserts(client)
    client.command(
        f"INSERT INTO {values['database']}.schema_migrations (name, checksum)"
        f" VALUES ('{migration.name}', '{migration.checksum}')"
    )


@contextmanager
def _swapping(client: Client, statements: list[str], on_cluster: str) -> Iterator[None]:
    """While a file swaps tables no part of them is merged.

    What is inserted while the copy is made is found afterwards by the names of its parts: one that
    is merged between the list of names and their reading would be in no name's part, and lost.
    """
    swapped = {table for s in statements if (m := _EXCHANGE.match(s)) for table in m.groups()}
    for table in swapped:
        _merges(client, "STOP", on_cluster, table)
    try:
        yield
    finally:
        # What a name meant before may have the other name now, or be gone.
        for table in swapped:
            _merges(client, "START", on_cluster, table)


def _merges(client: Client, verb: str, on_cluster: str, table: str) -> None:
    with _if_there():
        client.command(f"SYSTEM {verb} MERGES {on_cluster} {table}")


@contextmanager
def _if_there() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if "UNKNOWN_TABLE" not in str(error):
            raise


def _wait_for_inserts(client: Client) -> None:
    """Those that began before a swap still write to the table that was there: until they ended.
    On this server alone; on a cluster no history worker may run (docs/operations.md)."""
    swapped_at, deadline = time.monotonic(), time.monotonic() + _PATIENCE_SECONDS
    while int(
        str(
            client.command(
                "SELECT count() FROM system.processes WHERE query_kind = 'Insert'"
                " AND elapsed > {since:Float64}",
                parameters={"since": time.monotonic() - swapped_at},
            )
        )
    ):
        if time.monotonic() > deadline:
            raise MigrationError(
                "an insert that began before a table was swapped has not ended: see"
                " system.processes; run `dmstream migrate` again once it has"
            )
        time.sleep(0.1)


def _applied(client: Client, database: str) -> dict[str, str]:
    rows = client.query(
        f"SELECT name, checksum FROM {database}.schema_migrations FINAL"
    ).result_rows
    return {str(name): str(checksum) for name, checksum in rows}


def _refuse_strangers(known: list[Migration], applied: Mapping[str, str], database: str) -> None:
    files = {migration.name: migration for migration in known}
    for name in applied:
        if name not in files:
            raise MigrationError(
                f"{database} has the migration {name}, which this version does not: "
                "it was used by a newer dmstream; run that one"
            )
        if applied[name] != files[name].checksum:
            raise MigrationError(
                f"the file of migration {name} is not the one that {database} was made with: "
                "put it back, and make the change a new migration"
            )


def business_defaults(
    *, monthly_limit: int, month_zone: str, business_hours: str = "12345 09:00-17:00"
) -> dict[str, str]:
    """What the views take from settings. Reply windows in seconds; none where empty."""
    return {
        "monthly_limit": str(monthly_limit),
        "month_zone": month_zone,
        "business_hours": BusinessHours.parse(business_hours).model_dump_json(),
        "reply_window_seconds.facebook": "",
        "reply_window_seconds.instagram": str(7 * 24 * 3600),
        "reply_window_seconds.x": "",
    }
