"""Faust's recovery of tables, which would give up without a word.

Some of its waits have a limit, a request's timeout: for where a changelog begins and ends, for a
seek. One that runs out is taken for a worker that was told to stop: the task that recovers ends,
the worker goes on in its group, owns its partitions and reads none of them, now and after every
later rebalance. Here it is an error. It ends the process, which is started again.
"""

from typing import Any

import faust
from faust.tables.recovery import ServiceStopped


class RecoveryStalledError(RuntimeError):
    """The broker did not answer a question of the recovery in time; the sentence names what of."""


def end_loudly(app: faust.App) -> None:
    tables: Any = app.tables
    recovery = tables.recovery
    wait = recovery._wait  # noqa: SLF001 - all its waits go through it

    async def wait_or_tell(what: Any, timeout: float | None = None) -> None:  # noqa: ASYNC109 - Faust's
        try:
            await wait(what, timeout)
        except ServiceStopped as error:
            if recovery.should_stop:
                raise
            names = ", ".join(
                sorted(f"{tp.topic}/{tp.partition}" for tp in recovery.active_tps)[:4]
            )
            raise RecoveryStalledError(
                f"the broker has not told group {app.conf.id} in {timeout:g} s what it needs to "
                f"read its partitions ({names or 'no changelog'}): starting anew"
            ) from error

    recovery._wait = wait_or_tell  # noqa: SLF001
