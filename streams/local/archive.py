"""The archive as `up` and `doctor` use it: made from settings, blocking, one client each."""

from collections.abc import Iterator, Sequence
from typing import Any

from sinks import clickhouse, completeness, incarnations, migrate
from sinks.completeness import PartitionReport
from sinks.incarnations import Archived
from streams.settings import Settings

Row = Sequence[Any]


class Archive:
    """Its methods raise the client's errors. Call them in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.database = settings.clickhouse_database
        self.views = migrate.analytics_database(self.database)
        self.client = clickhouse.connect_with(settings)

    def migrate(self) -> int:
        """Returns how many migrations were applied now."""
        defaults = migrate.business_defaults(
            monthly_limit=self._settings.monthly_limit,
            month_zone=self._settings.month_zone,
            business_hours=self._settings.business_hours,
        )
        # `up` owns its folder.
        return len(
            migrate.apply(self.client, database=self.database, defaults=defaults, alone=True)
        )

    def missing_migrations(self) -> list[str]:
        """The names of those that `dmstream migrate` would apply."""
        known = [migration.name for migration in migrate.migrations()]
        exists = self.client.query(
            "SELECT 1 FROM system.tables"
            " WHERE database = {database:String} AND name = 'schema_migrations'",
            parameters={"database": self.database},
        )
        if not exists.result_rows:
            return known
        applied = self.client.query(
            f"SELECT name FROM {self.database}.schema_migrations FINAL"  # noqa: S608 - a setting
        )
        return sorted(set(known) - {str(name) for (name,) in applied.result_rows})

    def rows(self, sql: str) -> list[Row]:
        """`{views}` in it stands for the database of the views."""
        return list(self.client.query(sql.replace("{views}", self.views)).result_rows)

    def count_events(self) -> int:
        """Distinct events, on however many logs they were."""
        sql = f"SELECT uniqExact(event_id) FROM {self.database}.events"  # noqa: S608 - a setting
        return int(self.client.query(sql).result_rows[0][0])

    def count_restorable(self) -> int:
        """How many `events` gives: an event that was told in several forms counts as often."""
        return incarnations.count_back(self.client, database=self.database)

    def newest_log(self) -> str | None:
        """The log that the archive was last fed from."""
        logs = incarnations.incarnations(self.client, database=self.database)
        return logs[-1] if logs else None

    def events(self) -> Iterator[Archived]:
        """In the order that a restore keeps."""
        return incarnations.read_back(self.client, database=self.database)

    def drop_superseded(self, log: str) -> None:
        """The rows of earlier logs, whose events the current one holds."""
        incarnations.drop_superseded(self.client, log, database=self.database)

    def completeness(self) -> list[PartitionReport]:
        """Of every log, topic and partition that the archive has seen."""
        return completeness.check(self.client, database=self.database)
