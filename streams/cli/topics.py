"""`dmstream topics`: the topics as the contract has them, and as the broker has them."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.topics import Topic


def topics_command(
    create: Annotated[bool, typer.Option("--create", help="Create the missing ones.")] = False,
) -> None:
    """List the topics with key, value, partitions and settings; create the missing ones.

    A topic that exists is never altered. Exit code 1 where one is missing.

    Example: dmstream topics --create
    """

    from schemas.topics import TOPICS
    from streams import kafka
    from streams.cli.quiet import quiet_clients
    from streams.local.screen import wide_console
    from streams.log_positions import partition_counts
    from streams.settings import Settings

    quiet_clients()
    settings = asyncio.run(kafka.recognised(Settings()))
    if create:
        made = asyncio.run(kafka.ensure_topics(settings))
        typer.echo(f"created {len(made)}" if made else "nothing to create")
    counts = asyncio.run(partition_counts(settings))
    wide_console().print(_table(TOPICS, counts, settings.topic_prefix))
    if any(topic.name not in counts for topic in TOPICS):
        typer.echo("missing topics: make them with `dmstream topics --create`", err=True)
        raise typer.Exit(1)


def _table(topics: "tuple[Topic, ...]", counts: dict[str, int], prefix: str) -> object:
    from rich.table import Table

    table = Table("topic", "key", "value", "partitions", "settings", box=None)
    for topic in topics:
        config = "\n".join(f"{name}={value}" for name, value in topic.config.items())
        count = str(counts[topic.name]) if topic.name in counts else "[red]missing[/red]"
        table.add_row(prefix + topic.name, topic.key, topic.value, count, config)
    return table
