"""The steps from nothing to a pipeline that accepts webhooks."""

import asyncio
import time

from schemas.topics import Topic
from streams import kafka
from streams.agents.journal import CHANGELOG
from streams.local import hooks, journal_notes, keys, preflight, services
from streams.local.archive import Archive
from streams.local.pipeline import Pipeline
from streams.local.restore import restore
from streams.local.supervisor import Service

JOURNAL = Topic(CHANGELOG, "id of send.accepted", "note, JSON", {"cleanup.policy": "compact"})
"""As Faust itself makes it: what a send was noted with must be there before the worker reads it."""


async def start_servers(pipeline: Pipeline, *, own_clickhouse: bool) -> None:
    """The broker and ClickHouse, side by side. Raises ServiceEndedError."""
    settings = pipeline.settings
    starting = []
    if settings.embedded:
        starting.append(services.broker(settings, preflight.kafka_port(settings)))
    if not own_clickhouse:
        starting.append(services.clickhouse(settings, *preflight.clickhouse_ports(settings)))
    with pipeline.screen.waiting("starting the broker and ClickHouse"):
        await asyncio.gather(*(_start(pipeline, service) for service in starting))
    pipeline.log = await kafka.log_id(settings)


async def prepare(pipeline: Pipeline) -> int:
    """Tables, topics and what the embedded broker forgot. Returns how many events it put back."""
    began = time.monotonic()
    archive = Archive(pipeline.settings)
    with pipeline.screen.waiting("making tables and topics"):
        applied, made = await asyncio.gather(
            asyncio.to_thread(archive.migrate), kafka.ensure_topics(pipeline.settings)
        )
    what = f"{applied} migrations applied, {len(made)} topics made"
    pipeline.screen.done("tables and topics", what, time.monotonic() - began)
    pipeline.api_key = await keys.put_back(pipeline.settings)
    await hooks.put_back(pipeline.settings)
    if not pipeline.settings.embedded:
        return 0
    return await _restore(pipeline, archive)


async def _restore(pipeline: Pipeline, archive: Archive) -> int:
    total = await asyncio.to_thread(archive.count_restorable)
    if not total:
        return 0
    began, settings = time.monotonic(), pipeline.settings
    await kafka.ensure_topics(settings, (JOURNAL,))
    known = journal_notes.find(settings, await asyncio.to_thread(archive.newest_log))
    with pipeline.screen.progress("restoring the log") as bar:
        restored = await restore(
            settings, archive.events(), progress=lambda done: bar(done, total), known=known
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
    if settings.embedded:
        journal_notes.forget(settings)
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
