"""The archive held against the log, partition by partition: what `dmstream doctor` proves."""

import asyncio
from collections.abc import Iterable, Sequence

import httpx
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.topics import EVENTS, FAILURES
from sinks.completeness import PartitionReport
from streams import kafka, rebuilding
from streams.local.added_partitions import of_added
from streams.local.archive import Archive
from streams.local.diagnosis import Finding, of_broker
from streams.local.replicas import of_replicas
from streams.log_positions import log_ends, log_starts
from streams.monitoring import running
from streams.monitoring.paths import LIVE_PATH, READY_PATH
from streams.monitoring.ports import NAMES
from streams.settings import Settings

_DAYS = (
    "SELECT day, topic, partition, missing_count FROM {views}.completeness_daily"
    " ORDER BY day, topic, partition"
)
_MOST_DAYS = 20


async def examine(settings: Settings, *, state: bool = False) -> list[Finding]:
    """Everything that `dmstream doctor` asks; `state`: also the one that reads all that there is.
    Raises nothing that a finding can say."""
    broker = await of_broker(settings)
    if broker[0].state == "ok":
        broker += [await of_replicas(settings)]
        broker += [one for one in [await of_added(settings)] if one is not None]
    findings = [
        *broker,
        *await of_processes(settings),
        *await of_archive(settings),
    ]
    return [*findings, await of_state(settings)] if state else findings


async def of_processes(settings: Settings) -> list[Finding]:
    """What runs of this data folder on this machine, by what each says of itself."""
    notes = [note for note in running.running(settings.data_dir) if note.name in NAMES]
    return list(await asyncio.gather(*(asyncio.to_thread(of_process, note) for note in notes)))


def of_process(note: running.Note) -> Finding:
    what = f"process {note.name} ({note.pid})"
    if not note.port:
        return Finding("ok", what, "runs; it is not watched (DM_MONITOR_PORT is 0)")
    address = f"http://127.0.0.1:{note.port}"
    live, because = _asked(address + LIVE_PATH)
    if not live:
        return Finding("wrong", what, because, "start it anew; its log says what it did last")
    ready, because = _asked(address + READY_PATH)
    return Finding("ok" if ready else "note", what, because)


def _asked(url: str) -> tuple[bool, str]:
    try:
        answer = httpx.get(url, timeout=5.0, trust_env=False)
        return answer.is_success, str(answer.json()["because"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return False, f"no answer within 5 s ({type(error).__name__})"


async def of_state(settings: Settings) -> Finding:
    """The live state against one that is folded anew from the archive and the log's tail."""
    try:
        rebuilt = await rebuilding.compare(settings, archive=True, progress=lambda *_: None)
    except (rebuilding.RebuildError, KafkaError, ClickHouseError, OSError, TimeoutError) as error:
        told = str(error) if isinstance(error, rebuilding.RebuildError) else type(error).__name__
        return Finding("note", "state", f"not compared: {told}")
    found = f"{len(rebuilt.live):,} states, from {rebuilt.fold.events:,} events"
    if rebuilt.differing:
        return Finding(
            "wrong",
            "state",
            f"{found}, {len(rebuilt.differing):,} differ from the rebuilt ones",
            "`dmstream rebuild --from archive` tells each field; with --write it mends them",
        )
    return Finding("ok", "state", f"{found}, equal to the rebuilt ones")


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
    days = await asyncio.to_thread(archive.rows, _DAYS)
    return [
        *of_partitions((r for r in reports if r.log == log), starts, ends),
        *of_days([(str(day), str(topic), int(number), int(n)) for day, topic, number, n in days]),
        *of_earlier_logs(r for r in reports if r.log != log),
    ]


def of_days(days: Sequence[tuple[str, str, int, int]]) -> list[Finding]:
    """Day, topic, partition and what is missing of each: one line if nothing is, else the days."""
    if not days:
        return []
    holes = [one for one in days if one[3]]
    if not holes:
        found = f"{len({day for day, *_ in days}):,}, none of them with a hole"
        return [Finding("ok", "days", found)]
    return [
        Finding(
            "wrong",
            f"{day} {topic}/{number}",
            f"{missing:,} records missing",
            "keep the log, and report it: the archive can be filled from it",
        )
        for day, topic, number, missing in holes[:_MOST_DAYS]
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
