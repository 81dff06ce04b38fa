"""The steps from nothing to a pipeline that accepts webhooks."""

import asyncio
import time
from pathlib import Path

from schemas.topics import EVENTS, Topic
from streams import kafka
from streams.agents.journal import CHANGELOG
from streams.local import hooks, journal_notes, keys, preflight, services
from streams.local.apache_kafka.cluster import prepare_cluster
from streams.local.apache_kafka.node import Node
from streams.local.archive import Archive
from streams.local.hook_places import HookPlaces
from streams.local.pipeline import Pipeline
from streams.local.restore import restore
from streams.local.supervisor import Service
from streams.log_positions import log_ends

JOURNAL = Topic(CHANGELOG, "id of send.accepted", "note, JSON", {"cleanup.policy": "compact"})
"""As Faust itself makes it: what a send was noted with must be there before the worker reads it."""


async def start_servers(pipeline: Pipeline, *, own_clickhouse: bool) -> None:
    """The broker and ClickHouse, side by side. Raises ServiceEndedError."""
    settings = pipeline.settings
    starting = []
    if settings.embedded:
        starting.append(services.broker(settings, preflight.kafka_port(settings)))
    elif pipeline.apache:
        starting.append(services.apache_kafka(settings, await _apache_kafka(pipeline)))
    if not own_clickhouse:
        starting.append(services.clickhouse(settings, *preflight.clickhouse_ports(settings)))
    with pipeline.screen.waiting("starting the broker and ClickHouse"):
        await asyncio.gather(*(_start(pipeline, service) for service in starting))
    pipeline.log = await kafka.log_id(settings)


async def _apache_kafka(pipeline: Pipeline) -> Node:
    """Its jars fetched and its storage made, where either is missing. Raises BrokerStartError."""
    settings, version = pipeline.settings, pipeline.settings.apache_kafka_version
    began, fetched = time.monotonic(), 0
    with pipeline.screen.waiting(f"preparing Apache Kafka {version}") as say:

        def tell(jar: str) -> None:
            nonlocal fetched
            fetched += 1
            say(f"fetching Apache Kafka {version} (about 50 MB, once): {jar}")

        cluster = await asyncio.to_thread(
            prepare_cluster,
            1,
            preflight.kafka_folder(settings),
            version,
            heap_mb=512,
            ports=(preflight.kafka_port(settings).number,),
            tell=tell,
        )
    if fetched:
        what = f"{fetched} jars by Maven, once"
        pipeline.screen.done("fetched", what, time.monotonic() - began)
    return cluster.nodes[0]


async def prepare(pipeline: Pipeline) -> int:
    """Tables, topics, and, on a new log, what the archive has of earlier ones. Returns how many
    events it put back. Raises LogElsewhereError."""
    began = time.monotonic()
    archive = Archive(pipeline.settings)
    with pipeline.screen.waiting("making tables and topics"):
        applied, made = await asyncio.gather(
            asyncio.to_thread(archive.migrate), kafka.ensure_topics(pipeline.settings)
        )
    what = f"{applied} migrations applied, {len(made)} topics made"
    pipeline.screen.done("tables and topics", what, time.monotonic() - began)
    blank = pipeline.settings.embedded or (pipeline.apache and await _is_new(pipeline, archive))
    pipeline.api_key = await keys.put_back(pipeline.settings, from_copy=blank)
    if not blank:
        return 0
    places = hooks.places(pipeline.settings)
    restored = await _restore(pipeline, archive, places)
    await hooks.put_back(pipeline.settings, places, pipeline.log)
    # It is never to be older than the archive: from now on that moves.
    journal_notes.forget(pipeline.settings)
    return restored


class LogElsewhereError(RuntimeError):
    """The archive goes on where this log has an end."""

    def __init__(self, folder: Path, newest: str) -> None:
        super().__init__(
            f"the log in {folder} is not the one that the archive was last fed from ({newest}), so "
            "it lacks events: move that folder away, and the archive restores the log into a new "
            "one"
        )


async def _is_new(pipeline: Pipeline, archive: Archive) -> bool:
    """Whether the log in the data folder has just been made: beside an archive that other logs
    fed, as after the embedded broker, it gets what they held."""
    newest = await asyncio.to_thread(archive.newest_log)
    if newest == pipeline.log:
        return False
    if not sum((await log_ends(pipeline.settings, EVENTS)).values()):
        return True
    if newest is not None:
        raise LogElsewhereError(preflight.kafka_folder(pipeline.settings), newest)
    return False


async def _restore(pipeline: Pipeline, archive: Archive, places: HookPlaces) -> int:
    total = await asyncio.to_thread(archive.count_restorable)
    if not total:
        return 0
    began, settings = time.monotonic(), pipeline.settings
    await kafka.ensure_topics(settings, (JOURNAL,))
    known = journal_notes.find(settings, await asyncio.to_thread(archive.newest_log))
    with pipeline.screen.progress("restoring the log") as bar:
        restored = await restore(
            settings,
            archive.events(),
            progress=lambda done: bar(done, total),
            known=known,
            places=places,
        )
    what = f"{restored.events:,} events from the archive"
    if restored.sends.in_line:
        what += f", {_sends(restored.sends.in_line, 'goes on', 'go on')}"
    pipeline.screen.done("restored", what, time.monotonic() - began)
    if restored.sends.unknown:
        pipeline.screen.note(
            f"{_sends(restored.sends.unknown, 'had', 'had')} no outcome when everything ended at "
            "once, and may have been delivered: told as unknown until an echo says that it was"
        )
    return restored.events


def _sends(count: int, one: str, many: str) -> str:
    return f"1 accepted send {one}" if count == 1 else f"{count:,} accepted sends {many}"


async def start_workers(pipeline: Pipeline) -> None:
    """The gateway, sandbox, dashboard and workers, side by side. Raises ServiceEndedError."""
    settings = pipeline.settings
    starting = [services.gateway(settings)]
    if settings.sandbox:
        starting.append(services.sandbox(settings, preflight.sandbox_port(settings)))
    starting.append(services.dashboard(settings, preflight.dashboard_port(settings)))
    starting += [services.worker(settings, name) for name in services.WORKERS]
    with pipeline.screen.waiting("starting the gateway and the workers"):
        await asyncio.gather(*(_start(pipeline, service) for service in starting))
    pipeline.accepts = True


async def _start(pipeline: Pipeline, service: Service) -> None:
    seconds = await pipeline.supervisor.start(service)
    pipeline.screen.done(service.name, service.address, seconds)
