"""`dmstream dashboard`: the pages for analysts."""

from typing import Annotated, Any

import typer


def dashboard_command(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; else DM_DASHBOARD_HOST.", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; else DM_DASHBOARD_PORT.", show_default=False),
    ] = None,
) -> None:
    """Show the metrics, the conversations and the pipeline's health in a browser, until Ctrl-C.

    It asks DM_CLICKHOUSE_READ_ONLY_URL, and lets in who has an API key that may read all profiles
    (DM_KAFKA knows the keys). DM_DASHBOARD_LOGIN=none: whoever is on this machine.

    Example: dmstream dashboard --port 8081
    """
    from streams.dashboard.server import DashboardStartError, serve
    from streams.settings import Settings

    given: dict[str, Any] = {"dashboard_host": host, "dashboard_port": port}
    try:
        serve(Settings(**{name: value for name, value in given.items() if value is not None}))
    except DashboardStartError as error:
        typer.echo(f"dmstream dashboard: {error}", err=True)
        raise typer.Exit(1) from error
