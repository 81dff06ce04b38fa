"""The end of `up`: first who accepts, then who works, last who keeps. At most 10 s in all."""

import asyncio
import contextlib
import time

from aiokafka.errors import KafkaError

from streams.local import journal_notes, services
from streams.local.catching_up import NotCaughtUpError, catch_up, look
from streams.local.pipeline import Pipeline

_TOGETHER_SECONDS = 9.0
"""A person waits at most 10 s for the prompt."""
_DRAIN_SECONDS = 3.0
"""For what was accepted to reach the archive."""
_NOTES_SECONDS = 2.0
"""For reading how far each send had come."""
_LOOK_SECONDS = 1.0
"""For counting what is lost."""
_STAGES: tuple[tuple[tuple[str, ...], float], ...] = (
    (tuple(services.worker_name(name) for name in services.WORKERS), 2.0),
    ((services.CLICKHOUSE, services.SANDBOX), 1.0),
    ((services.BROKER,), 1.5),
)
"""Who stops together, in the order of the data, and the seconds that each stage is sure of."""


async def close(pipeline: Pipeline) -> None:
    """Stops what was started: first who accepts, then who works, last who keeps.

    Each gets the time that the later ones can spare (measured: a worker needs up to 3.5 s); what
    takes longer is killed. Raises nothing.
    """
    began = time.monotonic()
    supervisor = pipeline.supervisor
    await supervisor.stop(services.GATEWAY, grace_seconds=2.0)
    drained = True
    if pipeline.accepts and supervisor.is_running(services.BROKER):
        drained = await _drained(pipeline)
    for place, (names, _) in enumerate(_STAGES):
        if place == 1 and pipeline.accepts:
            await _keep_notes(pipeline)
            if not drained:
                await tell_what_is_lost(pipeline)
        later = sum(seconds for _, seconds in _STAGES[place + 1 :])
        grace = began + _TOGETHER_SECONDS - later - time.monotonic()
        await supervisor.stop(*names, grace_seconds=grace)
    pipeline.screen.done("stopped", "", time.monotonic() - began)


async def _keep_notes(pipeline: Pipeline) -> None:
    """For the next start, so that accepted sends go on. Without it they are told as unknown."""
    supervisor, settings = pipeline.supervisor, pipeline.settings
    if not settings.embedded or not supervisor.is_running(services.BROKER):
        return
    try:
        async with asyncio.timeout(_NOTES_SECONDS):
            kept = await journal_notes.keep(settings, pipeline.log)
    except (TimeoutError, KafkaError, OSError):
        kept = False
    if not kept:
        pipeline.screen.note(
            "not everything had reached the archive: accepted sends without an outcome will be "
            "told as unknown"
        )


async def _drained(pipeline: Pipeline) -> bool:
    """Waits until everything is archived; False where that takes too long."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await catch_up(
                lambda: look(pipeline.settings, sends=True),
                progress=lambda _done, _all: None,
                patience_seconds=_DRAIN_SECONDS,
            )
    except (TimeoutError, NotCaughtUpError, KafkaError, OSError):
        return False
    return True


async def tell_what_is_lost(pipeline: Pipeline) -> None:
    """The embedded broker forgets: what is not archived when it ends is gone, and that is said.

    Call it once the workers have stopped: until then they come closer.
    """
    if not pipeline.settings.embedded:
        return
    left: int | str = "an unknown number of"
    with contextlib.suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(_LOOK_SECONDS):
            left = (await look(pipeline.settings)).forgotten
    if left:
        pipeline.screen.note(
            f"{left} records had not reached the archive, and the embedded broker forgets them: of "
            "restored ones the archive keeps its older copy; of new ones a provider sends again "
            "only what was not answered 2xx"
        )
