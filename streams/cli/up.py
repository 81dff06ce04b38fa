"""`dmstream up`: the whole pipeline on this machine."""

import os
import signal
from enum import StrEnum
from typing import Annotated

import typer


class LocalKafka(StrEnum):
    EMBEDDED = "embedded"
    APACHE = "apache"


def up_command(
    demo: Annotated[
        bool, typer.Option("--demo", help="Feed a demonstration day and show what came of it.")
    ] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Stop after the table of metrics.")] = False,
    kafka: Annotated[
        LocalKafka | None,
        typer.Option(
            "--kafka",
            help="What to start at DM_KAFKA. apache: the log stays in the data folder; needs Java "
            "and, the first time, Maven. [default: DM_LOCAL_KAFKA, else embedded]",
        ),
    ] = None,
    own_kafka: Annotated[
        bool, typer.Option("--own-kafka", help="Use the broker at DM_KAFKA; start none.")
    ] = False,
    own_clickhouse: Annotated[
        bool,
        typer.Option("--own-clickhouse", help="Use the server at DM_CLICKHOUSE_URL; embed none."),
    ] = False,
    sandbox: Annotated[
        bool | None,
        typer.Option(
            "--sandbox/--real-platforms",
            help="Send to a stand-in that starts here, or for real with DM_CREDENTIAL_... "
            "[default: the stand-in; for real with --own-kafka]",
        ),
    ] = None,
    end_with_parent: Annotated[
        bool,
        typer.Option("--end-with-parent", help="Stop when the process that started this one ends."),
    ] = False,
) -> None:
    """Start broker, ClickHouse, gateway, workers and a sandbox here; serve until Ctrl-C.

    The sandbox stands in for the platforms: what is sent goes there, and people behind it answer.
    With --real-platforms there is none, and sends leave this machine.

    The history is kept in DM_DATA_DIR (data/); a new start restores the log from it, or finds it
    there with --kafka apache. Ctrl-C stops in order, a second one kills at once.

    Example: dmstream up --demo
    """
    from streams.cli.quiet import quiet_clients
    from streams.local import processes
    from streams.local.screen import Screen
    from streams.local.up import Options, up
    from streams.settings import Settings

    if end_with_parent:
        processes.end_with_parent(os.getppid(), signal.SIGTERM)
    if own_kafka and kafka is not None:
        raise typer.BadParameter("--own-kafka starts no broker: leave out --kafka, or that")
    quiet_clients()
    settings = Settings()
    options = Options(
        demo=demo,
        leave=leave,
        own_kafka=own_kafka,
        kafka=kafka.value if kafka else settings.local_kafka,
        own_clickhouse=own_clickhouse,
        sandbox=sandbox,
    )
    raise typer.Exit(up(settings, options, Screen()))
