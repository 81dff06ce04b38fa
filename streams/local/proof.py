"""The archive held against the log, partition by partition: what `dmstream doctor` proves."""

import asyncio
from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.topics import EVENTS, FAILURES
from sinks.completeness import PartitionReport
from streams import kafka
from streams.local.archive import Archive
from streams.local.diagnosis import Finding, of_broker
from streams.log_positions import log_ends, log_starts
from streams.settings import Settings


async def examine(settings: Settings) -> list[Finding]:
    """Everything that `dmstream doctor` asks. Raises nothing that a finding can say."""
    return [*await of_broker(settings), *await of_archive(settings)]


async def of_archive(settings: Settings) -> list[Finding]:
    """ClickHouse and its migrations; only the first where it does not answer."""
    try:
        archive = await asyncio.to_thread(Archive, settings)
    except ClickHouseError as error:
        found = f"{settings.clickhouse_url} does not answer ({type(error).__name__})"
        remedy = "start it (`dmstream up`), or set DM_CLICKHOUSE_URL"
        return [Finding("wrong", "ClickHouse", found, remedy)]
    version = f"{settings.clickhouse_url}, version {archive.client.server_version}"
    findings = [Finding("ok", "ClickHouse", version)]
    missing = await asyncio.to_thread(archive.missing_migrations)
    if missing:
        found = f"{len(missing)} not applied: {', '.join(missing)}"
        return [*findings, Finding("wrong", "migrations", found, "dmstream migrate")]
    findings.append(Finding("ok", "migrations", "all applied"))
    findings += await _of_completeness(settings, archive)
    failures = await asyncio.to_thread(archive.rows, "SELECT count() FROM {views}.failed_events")
    if failures[0][0]:
        found = f"{failures[0][0]:,} records are kept as failures"
        remedy = "look at dm_analytics.failed_events; `dmstream replay` puts them back"
        findings.append(Finding("note", "failures", found, remedy))
    return findings


async def _of_completeness(settings: Settings, archive: Archive) -> list[Finding]:
    try:
        log = await kafka.log_id(settings)
        topics = (EVENTS, FAILURES)
        starts, ends = await log_starts(settings, *topics), await log_ends(settings, *topics)
    except (KafkaError, OSError, TimeoutError):
        return []  # without a log there is nothing to hold it against; the broker's finding says so
    reports = await asyncio.to_thread(archive.completeness)
    return [
        *of_partitions((r for r in reports if r.log == log), starts, ends),
        *of_earlier_logs(r for r in reports if r.log != log),
    ]


def of_partitions(
    reports: Iterable[PartitionReport],
    starts: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
) -> list[Finding]:
    """One finding for each partition that holds a record. `starts` and `ends` are the log's."""
    archived = {TopicPartition(report.topic, report.partition): report for report in reports}
    places = sorted(
        place for place, end in ends.items() if end > starts[place] or place in archived
    )
    return [
        _of_partition(place, archived.get(place), starts[place], ends[place]) for place in places
    ]


def _of_partition(
    place: TopicPartition, report: PartitionReport | None, start: int, end: int
) -> Finding:
    what = f"{place.topic}/{place.partition}"
    if report is None:
        return Finding("note", what, f"0 of {end - start:,} records archived, all on their way")
    # What the log no longer has may be in the archive; what it has must be.
    missing = report.missing + max(0, report.first - start)
    behind = end - report.last - 1
    found = f"{report.rows:,} of {end - min(start, report.first):,} records archived"
    if behind < 0:
        return Finding(
            "wrong",
            what,
            f"archived up to offset {report.last}, and the log ends at {end - 1}",
            "the topic was made anew or this is another cluster: point DM_KAFKA at the right one",
        )
    if missing:
        return Finding(
            "wrong",
            what,
            f"{found}, {missing:,} missing in between",
            "keep the log, and report it: the archive can be filled from it",
        )
    if behind:
        return Finding("note", what, f"{found}, none missing, {behind:,} on their way")
    return Finding("ok", what, f"{found}, none missing")


def of_earlier_logs(reports: Iterable[PartitionReport]) -> list[Finding]:
    """Logs that are gone, as the embedded broker's are: only holes can be told."""
    known = list(reports)
    if not known:
        return []
    logs, rows = len({report.log for report in known}), sum(report.rows for report in known)
    missing = sum(report.missing for report in known)
    found = f"{logs}, with {rows:,} records archived, {missing:,} missing in between"
    return [Finding("wrong" if missing else "ok", "earlier logs", found)]
