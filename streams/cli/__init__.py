"""The command line `dmstream`: one file a command, imported when it is called."""

import os
import sys
from typing import Annotated

import typer

from streams.cli.errors import explain
from streams.cli.lazy import Command, group_of

COMMANDS = {
    "up": Command("streams.cli.up:up_command", "Run the whole pipeline on this machine."),
    "gateway": Command(
        "streams.cli.gateway:gateway_command", "Take webhooks, and serve the REST API, over HTTP."
    ),
    "worker": Command("streams.cli.worker:worker_command", "Run one worker."),
    "migrate": Command("streams.cli.migrate:migrate_command", "Bring ClickHouse up to date."),
    "topics": Command("streams.cli.topics:topics_command", "List the topics, or create them."),
    "simulate": Command(
        "streams.cli.simulate:simulate_command", "Send signed webhooks to the gateway."
    ),
    "send": Command("streams.cli.send:send_command", "Ask for a send to a correspondent."),
    "profile": Command("streams.cli.profile:profile_app", "Register, switch and limit profiles."),
    "account": Command("streams.cli.account:account_app", "Link and unlink accounts."),
    "backfill": Command(
        "streams.cli.backfill:backfill_command", "Fetch what providers still have of accounts."
    ),
    "erase": Command(
        "streams.cli.erase:erase_command", "Erase what a correspondent and a profile wrote."
    ),
    "key": Command("streams.cli.key:key_app", "Make, list and revoke keys of the API."),
    "hooks": Command("streams.cli.hooks:hooks_app", "List webhooks out, and tell them once more."),
    "inspect": Command("streams.cli.inspect:inspect_command", "Show one conversation's state."),
    "sandbox": Command(
        "streams.cli.sandbox:sandbox_command", "Stand in for the platforms on this machine."
    ),
    "normalise": Command(
        "streams.cli.normalise:normalise_command", "Print the events of a webhook's body."
    ),
    "dashboard": Command(
        "streams.cli.dashboard:dashboard_command", "Show the metrics in a browser."
    ),
    "report": Command("streams.cli.report:report_command", "Write a profile's month to a file."),
    "dictionary": Command(
        "streams.cli.dictionary:dictionary_command", "Print what the metrics and views mean."
    ),
    "query": Command("streams.cli.query:query_command", "Ask ClickHouse."),
    "replay": Command("streams.cli.replay:replay_command", "Put failed records back."),
    "rebuild": Command(
        "streams.cli.rebuild:rebuild_command", "Fold all state anew and compare it with the live."
    ),
    "drain": Command(
        "streams.cli.drain:drain_command", "Work off what is there, take nothing new, stop."
    ),
    "check": Command(
        "streams.cli.check:check_command", "Hold log, state and archive against the promises."
    ),
    "doctor": Command("streams.cli.doctor:doctor_command", "Check that all is as it should be."),
}

app = typer.Typer(
    name="dmstream",
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Settings are environment variables DM_... (see README.md). "
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
