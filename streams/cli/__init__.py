"""The command line `dmstream`: one file a command, each reachable by `dmstream NAME --help`.

Command files import at their top only what `--help` needs; what is heavy (the engine, Faust,
Kafka clients) is imported where it is used. So help is there at once, and a worker does not
carry the gateway.
"""

import os
import sys
from typing import Annotated

import typer

from streams.cli.doctor import doctor_command
from streams.cli.errors import explain
from streams.cli.gateway import gateway_command
from streams.cli.migrate import migrate_command
from streams.cli.normalise import normalise_command
from streams.cli.query import query_command
from streams.cli.replay import replay_command
from streams.cli.simulate import simulate_command
from streams.cli.topics import topics_command
from streams.cli.up import up_command
from streams.cli.worker import worker_command

app = typer.Typer(
    name="dmstream",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Settings are environment variables DM_... (docs/settings.md). "
    "Exit codes: 0 done, 1 something is wrong and a sentence says what, 2 wrong usage or settings, "
    "70 a fault in dmstream, 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        try:
            typer.echo(f"dmstream {installed('dmstream')}")
        except PackageNotFoundError:
            typer.echo("dmstream, not installed: run from its sources")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Direct messages of Messenger, Instagram and X: webhooks to Kafka, Faust, ClickHouse.

    Example: dmstream up --demo
    """


# Beside each stands the line that `dmstream --help` shows of it; the rest is its docstring.
app.command("up", short_help="Run the whole pipeline on this machine.")(up_command)
app.command("gateway", short_help="Take webhooks over HTTP.")(gateway_command)
app.command("worker", short_help="Run one worker: conversations or history.")(worker_command)
app.command("migrate", short_help="Bring ClickHouse up to date.")(migrate_command)
app.command("topics", short_help="List the topics, or create them.")(topics_command)
app.command("simulate", short_help="Send signed webhooks to the gateway.")(simulate_command)
app.command("normalise", short_help="Print the events of a webhook's body.")(normalise_command)
app.command("query", short_help="Ask ClickHouse.")(query_command)
app.command("replay", short_help="Put failed records back.")(replay_command)
app.command("doctor", short_help="Check that all is as it should be.")(doctor_command)


def main() -> None:
    """The console script: trouble is one sentence and an exit code; `DM_DEBUG=1` shows the whole
    traceback.
    """
    try:
        app(prog_name="dmstream")
    except Exception as error:
        if os.environ.get("DM_DEBUG"):
            raise
        sentence, code = explain(error)
        typer.echo(f"dmstream: {sentence}", err=True)
        sys.exit(code)
