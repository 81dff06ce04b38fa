"""Commands that are imported when they are called: a help page must not load Kafka's client, a
worker not the gateway, whatever their files import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Command:
    place: str
    """`module:function`, or `module:app` for a group of commands."""
    summary: str
    """Its line in `dmstream --help`; the rest is the function's docstring."""


def group_of(commands: Mapping[str, Command]) -> type[TyperGroup]:
    """The class of a command group that shows these, in this order."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
            command = commands.get(cmd_name)
            return None if command is None else _load(cmd_name, command)

        def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the same
            """Click's own would load each to read its summary."""
            with formatter.section("Commands"):
                formatter.write_dl([(name, command.summary) for name, command in commands.items()])

    return LazyGroup


def _load(name: str, command: Command) -> Any:
    module, _, function = command.place.partition(":")
    found = getattr(import_module(module), function)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name)(found)
    return typer.main.get_command(alone)
