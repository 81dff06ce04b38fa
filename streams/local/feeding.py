"""The demonstration day over HTTP, and the wait until the archive has what came of it."""

import asyncio
import random
import time
from datetime import UTC, datetime
from functools import partial

import httpx

from streams.hooks.copied_cursors import drop_cursors
from streams.local import operator_day
from streams.local.archive import Archive
from streams.local.caller import caller
from streams.local.catching_up import catch_up, look
from streams.local.operator_day import OperatorDay
from streams.local.pipeline import Pipeline
from streams.local.services import gateway_url, sandbox_url
from streams.local.stand_in import StandIn
from streams.simulator.client import Tally
from streams.simulator.demonstration import demonstration
from streams.simulator.sign import Secrets
from streams.simulator.simulation import APP_ID

_WEBHOOKS = 5_000
_PATIENCE_SECONDS = 60.0


class WebhooksLostError(RuntimeError):
    """The gateway said yes to more webhooks than the log holds."""


def as_simulated_people_need(pipeline: Pipeline) -> None:
    """Thread control is told by our app's id: the simulated app is ours where none is set."""
    if not pipeline.settings.meta_app_ids:
        pipeline.settings = pipeline.settings.model_copy(update={"meta_app_ids": (APP_ID,)})


async def feed(pipeline: Pipeline) -> int:
    """Returns how many webhooks the gateway accepted. Raises the simulator's errors."""
    settings = pipeline.settings
    accepted = 0
    with pipeline.screen.progress("demonstration day") as bar:

        def show(tally: Tally) -> None:
            nonlocal accepted
            accepted = sum(n for status, n in tally.as_meant.items() if status < 300)  # noqa: PLR2004
            bar(tally.done, tally.total)

        archive = Archive(settings)
        await demonstration(
            gateway_url(settings),
            Secrets.from_settings(settings, ("ayrshare", "meta", "x")),
            # Another start brings other people: the same ones would send old messages at new times.
            seed=await asyncio.to_thread(archive.count_events),
            until=datetime.now(UTC),
            webhooks=_WEBHOOKS,
            progress=show,
            app_id=settings.meta_app_ids[0],
        )
    return accepted


async def let_an_operator_work(pipeline: Pipeline) -> int:
    """Returns how many webhooks the gateway accepted from the sandbox. Raises NotAnsweredError."""
    began = time.monotonic()
    settings, archive = pipeline.settings, Archive(pipeline.settings)
    known = await asyncio.to_thread(operator_day.conversations, archive)
    with pipeline.screen.waiting("an operator answers"):
        async with caller(settings) as calls, httpx.AsyncClient(timeout=10) as client:
            stand_in = StandIn(client, sandbox_url(settings))
            day = OperatorDay(calls, stand_in, known, random.Random(len(known)))  # noqa: S311
            await day.work()
            posted = await stand_in.posted()
    what = f"{day.sends} sends asked for, {day.people} people write"
    pipeline.screen.done("an operator's work", what, time.monotonic() - began)
    return posted


async def wait_for_the_archive(pipeline: Pipeline, accepted: int | None) -> None:
    """Returns once all that was accepted is archived. Raises NotCaughtUpError, WebhooksLostError.

    The gateway's own count is held against the log's: an end of the log that is told too low
    would otherwise pass as "nothing left".
    """
    began = time.monotonic()
    with pipeline.screen.progress("into the archive") as bar:
        ended = await catch_up(
            partial(look, pipeline.settings, sends=True),
            progress=bar,
            patience_seconds=_PATIENCE_SECONDS,
        )
    if accepted is not None and ended.webhooks < accepted:
        raise WebhooksLostError(
            f"the gateway accepted {accepted} webhooks and the log holds {ended.webhooks}: "
            "this must never be; keep the data folder and its logs, and report it"
        )
    what = f"{ended.webhooks:,} webhooks, {ended.records:,} records of the log"
    pipeline.screen.done("archived", what, time.monotonic() - began)


async def drop_superseded(pipeline: Pipeline) -> None:
    """The rows under the log before: their events are now archived under this one."""
    archive = Archive(pipeline.settings)
    await asyncio.to_thread(archive.drop_superseded, pipeline.log)
    # From now on this log alone says how far webhooks were told.
    drop_cursors(pipeline.settings, but={pipeline.log})
