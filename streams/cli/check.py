"""`dmstream check`."""

import asyncio
from typing import Annotated

import typer

from streams.settings import Settings


def check_command(
    show: Annotated[int, typer.Option(min=0, help="How many findings to print.")] = 20,
) -> None:
    """Hold everything in the log, the state and the archive against the promises (docs/checker.md).

    Reads the whole log, and takes it into memory. Nothing may be on its way: stop what writes to
    the gateway, and wait until `dmstream doctor` finds everyone up to date. Exit code 1 where a
    promise is broken.

    Example: dmstream check
    """
    from streams import kafka
    from streams.checker.check import INVARIANTS, check
    from streams.checker.findings import Finding
    from streams.checker.recorder import Recorder

    async def asked() -> tuple[list[Finding], int]:
        settings = await kafka.recognised(Settings())
        recorder = Recorder(settings)
        await recorder.look()
        history = await recorder.record()
        return check(history, prefix=settings.topic_prefix), sum(map(len, history.log.values()))

    found, records = asyncio.run(asked())
    for finding in found[:show]:
        typer.echo(f"  {finding}")
    if found:
        typer.echo(f"{len(found):,} findings in {records:,} records of the log.")
        raise typer.Exit(1)
    typer.echo(f"{len(INVARIANTS)} promises hold over {records:,} records of the log.")
