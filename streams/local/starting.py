"""The steps from nothing to a pipeline that accepts webhooks."""

import asyncio
import time

from streams import kafka
from streams.local import keys, preflight, services
from streams.local.archive import Archive
from streams.local.pipeline import Pipeline
from streams.local.restore import restore
from streams.local.supervisor import Service


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
    if not pipeline.settings.embedded:
        return 0
    return await _restore(pipeline, archive)


async def _restore(pipeline: Pipeline, archive: Archive) -> int:
    total = await asyncio.to_thread(archive.count_events)
    if not total:
        return 0
    began = time.monotonic()
    with pipeline.screen.progress("restoring the log") as bar:
        restored = await restore(
            pipeline.settings, archive.events(), progress=lambda done: bar(done, total)
        )
    pipeline.screen.done(
        "restored", f"{restored:,} events from the archive", time.monotonic() - began
    )
    return restored


async def start_workers(pipeline: Pipeline) -> None:
    """The gateway and the workers, side by side. Raises ServiceEndedError."""
    settings = pipeline.settings
    starting = [services.gateway(settings)]
    starting += [services.worker(settings, name) for name in services.WORKERS]
    with pipeline.screen.waiting("starting the gateway and the workers"):
        await asyncio.gather(*(_start(pipeline, service) for service in starting))
    pipeline.accepts = True


async def _start(pipeline: Pipeline, service: Service) -> None:
    seconds = await pipeline.supervisor.start(service)
    pipeline.screen.done(service.name, service.address, seconds)
