"""The whole pipeline on one machine: check, start in order, show, serve, stop in order."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from streams import kafka
from streams.local import closing, feeding, lock, logs, preflight, report, services, starting
from streams.local.credentials import with_secrets
from streams.local.interrupts import INTERRUPTED, stop_on_signal
from streams.local.pipeline import Pipeline
from streams.local.screen import Screen
from streams.monitoring import running
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    demo: bool = False
    """Feed the demonstration day."""
    leave: bool = False
    """Stop after the table."""
    own_kafka: bool = False
    kafka: Literal["embedded", "apache"] = "embedded"
    """What is started, where none is brought."""
    own_clickhouse: bool = False
    sandbox: bool | None = None
    """Sends go to a stand-in for the platforms; False: they leave this machine, with the
    credentials of the settings. None: what `in_sandbox` says."""

    @property
    def embedded(self) -> bool:
        return not self.own_kafka and self.kafka == "embedded"

    @property
    def apache(self) -> bool:
        return not self.own_kafka and self.kafka == "apache"

    @property
    def in_sandbox(self) -> bool:
        """Who brings a broker of their own has real traffic on it, which no stand-in may answer
        unasked; everyone else tries things out, and nobody is written to unasked."""
        return self.sandbox if self.sandbox is not None else self.demo or not self.own_kafka


class NotForRealError(ValueError):
    """The demonstration would send to people who do not exist, in the name of accounts that do."""

    def __init__(self) -> None:
        super().__init__(
            "the demonstration's people are made up: leave out --demo, or --real-platforms"
        )


def up(settings: Settings, options: Options, screen: Screen) -> int:
    """Runs until it is stopped; returns the exit code. Raises errors whose sentence says what to
    do. Call it from the main thread: the children live as long as it does (processes.start).
    """
    if options.demo and not options.in_sandbox:
        raise NotForRealError
    preflight.check_wheels()
    kafka.connection(settings)
    with lock.hold(settings.data_dir):
        preflight.check_ports(_ports(settings, options))
        if options.embedded:
            preflight.check_nothing_is_kept(settings)
        logs.set_aside_large(settings.log_dir)
        with running.noted(settings.data_dir, "up", 0):
            return asyncio.run(_run(settings, options, screen))


def _ports(settings: Settings, options: Options) -> list[preflight.Port]:
    ports = [preflight.gateway_port(settings), preflight.dashboard_port(settings)]
    if not options.own_kafka:
        ports.append(preflight.kafka_port(settings))
    if not options.own_clickhouse:
        ports.extend(preflight.clickhouse_ports(settings))
    if options.in_sandbox:
        ports.append(preflight.sandbox_port(settings))
    return ports


async def _run(settings: Settings, options: Options, screen: Screen) -> int:
    settings = settings.on_embedded_broker() if options.embedded else settings
    own = with_secrets(settings.model_copy(update={"embedded": options.embedded}))
    own = services.on_apache_kafka(own) if options.apache else own
    own = services.in_the_sandbox(own) if options.in_sandbox else own
    pipeline = Pipeline(own, screen, apache=options.apache)
    with stop_on_signal(kill=pipeline.supervisor.kill, tell=screen.note) as asked:
        try:
            await _unless(asked, pipeline.supervisor.beside(_work(pipeline, options)))
        finally:
            await closing.close(pipeline)
    # Before it served, a stop cut short what was asked for; afterwards it is how one ends.
    return INTERRUPTED if asked.is_set() and not pipeline.serving else 0


async def _work(pipeline: Pipeline, options: Options) -> None:
    await starting.start_servers(pipeline, own_clickhouse=options.own_clickhouse)
    restored = await starting.prepare(pipeline)
    if pipeline.settings.sandbox:
        feeding.as_simulated_people_need(pipeline)
    await starting.start_workers(pipeline)
    accepted = await feeding.feed(pipeline) if options.demo else None
    if restored or accepted is not None:
        await feeding.wait_for_the_archive(pipeline, accepted)
    if accepted is not None:
        accepted += await feeding.let_an_operator_work(pipeline)
        await feeding.wait_for_the_archive(pipeline, accepted)
    if restored:
        await feeding.drop_superseded(pipeline)
    await report.show(pipeline)
    pipeline.serving = True
    if not options.leave:
        report.show_addresses(pipeline)
        await asyncio.Event().wait()


async def _unless(asked: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` until it ends or a stop is asked for."""
    working, stop = asyncio.create_task(work), asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stop.cancel()
        await asyncio.gather(working, stop, return_exceptions=True)
