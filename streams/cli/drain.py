"""`dmstream drain`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from streams.settings import Settings

if TYPE_CHECKING:
    from streams.local.draining import Left


def drain_command(
    stop: Annotated[
        bool, typer.Option("--stop", help="Then end gateway and workers of this machine, in order.")
    ] = False,
    keep_taking: Annotated[
        bool,
        typer.Option(
            "--keep-taking", help="Leave the gateway as it is: webhooks are kept in Kafka."
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Let the gateways take requests again, and end.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds without any progress after which to give up.")
    ] = 60.0,
) -> None:
    """Refuse what is new (503, Retry-After), work off what is there, say what is left.

    Speaks to the gateways of this machine and DM_DATA_DIR; others get SIGUSR1 (drain) and SIGUSR2
    (take again) from whoever runs them. Exit code 1 where something is left.

    Example: dmstream drain --stop
    """
    from streams import kafka
    from streams.cli.quiet import quiet_clients
    from streams.local import draining
    from streams.local.screen import wide_console

    quiet_clients()
    settings = Settings()
    if resume:
        _tell_gateways(len(draining.take_again(settings.data_dir)), "takes requests again")
        return
    if not keep_taking:
        _tell_gateways(len(draining.refuse(settings.data_dir)), "answers 503")

    async def work() -> bool:
        own = await kafka.recognised(settings)
        with wide_console().status("working off") as status:
            left = await draining.work_off(own, patience_seconds=patience, progress=status.update)
        typer.echo(_sentence(left))
        if left.waiting:
            typer.echo(
                f"{left.waiting:,} sends or requests for history wait for their time: they go on "
                "at the next start."
            )
        ended = not stop or await draining.stop(settings.data_dir, typer.echo)
        if not ended:
            typer.echo("Not everything ended within 30 s: look into its log.", err=True)
        return left.is_empty and ended

    if not asyncio.run(work()):
        raise typer.Exit(1)


def _sentence(left: "Left") -> str:
    if left.is_empty:
        return "All that was accepted is decided, sent and archived."
    behind = left.under_way
    return f"Left: {behind.unread:,} records not read, {behind.unarchived:,} not archived."


def _tell_gateways(count: int, what: str) -> None:
    if count:
        typer.echo(f"{count} gateway of this machine {what}.")
    else:
        typer.echo("No gateway runs here with this DM_DATA_DIR: send SIGUSR1 or SIGUSR2 to yours.")
