"""`dmstream dictionary`: what the metrics and views mean, for people and for tools."""

from typing import Annotated

import typer


def dictionary_command(
    metrics: Annotated[bool, typer.Option("--metrics", help="The page docs/metrics.md.")] = False,
    dbt: Annotated[bool, typer.Option("--dbt", help="A sources.yml for dbt.")] = False,
) -> None:
    """Print the metric dictionary as Markdown, or the views as dbt sources.

    Example: dmstream dictionary --dbt > models/sources.yml
    """
    from clickhouse_connect.driver.exceptions import OperationalError

    from streams.reporting import dictionary
    from streams.reporting.month import reader
    from streams.reporting.refusals import refusals
    from streams.settings import Settings

    settings = Settings()
    if metrics == dbt:
        raise typer.BadParameter("one of --metrics and --dbt")
    make = dictionary.metrics_page if metrics else dictionary.dbt_sources
    try:
        with refusals("what the views mean"), reader(settings) as client:
            typer.echo(make(client, f"{settings.clickhouse_database}_analytics"), nl=False)
    except OperationalError as error:
        typer.echo(
            f"no answer from {settings.clickhouse_read_only_url} ({type(error).__name__}): "
            "start `dmstream up`, or set DM_CLICKHOUSE_READ_ONLY_URL",
            err=True,
        )
        raise typer.Exit(1) from error
