"""`dmstream migrate`: brings ClickHouse to this version."""

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks import clickhouse, migrate
from sinks.errors import ArchiveUnavailable, classified
from streams.settings import Settings


def migrate_command() -> None:
    """Create or update the tables and views in ClickHouse. Safe to repeat.

    Example: DM_CLICKHOUSE_URL=https://ch.example.org:8443 dmstream migrate
    """
    settings = Settings()
    try:
        applied = run(settings)
    except migrate.MigrationError as error:
        raise _stopped(str(error)) from error
    except ClickHouseError as error:
        told = classified(error, table=settings.clickhouse_database)
        if isinstance(told, ArchiveUnavailable):
            raise _stopped(
                f"no answer from {settings.clickhouse_url} ({type(error).__name__}): "
                "start `dmstream up`, or set DM_CLICKHOUSE_URL"
            ) from error
        raise _stopped(f"the migration stopped: {told}") from error
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("nothing to do: the database is up to date")


def run(settings: Settings) -> list[str]:
    """Applies what is missing; returns the names. For `dmstream up` too."""
    client = clickhouse.connect_with(settings)
    try:
        return migrate.apply(
            client,
            database=settings.clickhouse_database,
            defaults=migrate.business_defaults(
                monthly_limit=settings.monthly_limit,
                month_zone=settings.month_zone,
                business_hours=settings.business_hours,
            ),
            cluster=settings.clickhouse_cluster or None,
        )
    finally:
        client.close()


def _stopped(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(1)
