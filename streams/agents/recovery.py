"""Faust's recovery of tables, which would give up without a word.

Some of its waits have a limit, a request's timeout: for where a changelog begins and ends, for a
seek. One that runs out is taken for a worker that was told to stop: the task that recovers ends,
the worker goes on in its group, owns its partitions and reads none of them, now and after every
later rebalance. Here it is an error. It ends the process, which is started again.
"""

from typing import Any

import faust
import structlog
from faust.tables.recovery import ServiceStopped

from streams.log_positions import NotToldError

_log = structlog.get_logger()


class RecoveryStalledError(RuntimeError):
    """The broker did not answer a question of the recovery in time; the sentence names what of."""


def end_loudly(app: faust.App) -> None:
    tables: Any = app.tables
    recovery = tables.recovery
    wait = recovery._wait  # noqa: SLF001 - all its waits go through it

    async def wait_or_tell(what: Any, timeout: float | None = None) -> None:  # noqa: ASYNC109 - Faust's
        try:
            try:
                await wait(what, timeout)
            except ServiceStopped as error:
                if recovery.should_stop:
                    raise
                places = sorted(f"{tp.topic}/{tp.partition}" for tp in recovery.active_tps)
                raise RecoveryStalledError(
                    f"the broker did not answer group {app.conf.id} within {timeout:g} s about "
                    f"{', '.join(places[:4]) or 'its partitions'}"
                ) from error
        except (NotToldError, RecoveryStalledError) as error:
            # A crash is logged by its class and place; this text is our own.
            _log.error("recovery_stalled", because=str(error), remedy="it starts anew")
            raise

    recovery._wait = wait_or_tell  # noqa: SLF001
