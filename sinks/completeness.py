"""The proof that the archive has every record of every partition it has seen."""

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from sinks.migrate import analytics_database


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """One partition of one incarnation of a topic."""

    log: str
    topic: str
    partition: int
    first: int
    last: int
    rows: int
    """Different offsets."""
    missing: int
    """Offsets between first and last that are not there."""
    duplicates: int
    """Stored rows beyond one an offset; merges remove them, readers never see them."""
    unreadable: int

    @property
    def is_complete(self) -> bool:
        return self.missing == 0


def check(client: Client, *, database: str = "dm") -> list[PartitionReport]:
    """Every partition in the archive, by log, topic and partition. Compare `last` with the log's
    end to know what is still on its way."""
    rows = client.query(
        "SELECT log, topic, partition, first_offset, last_offset, record_count, missing_count,"
        f" duplicate_count, unreadable_count FROM {analytics_database(database)}.completeness"
        " ORDER BY log, topic, partition"
    ).result_rows
    return [PartitionReport(str(log), str(topic), *map(int, rest)) for log, topic, *rest in rows]
