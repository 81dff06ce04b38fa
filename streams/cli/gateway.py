"""`dmstream gateway`."""

from typing import Annotated, Any

import typer

from streams.gateway.server import GatewayStartError, serve
from streams.settings import Settings


def gateway_command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else DM_HOST.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; else DM_PORT.", show_default=False)
    ] = None,
) -> None:
    """Take webhooks over HTTP onto Kafka, until Ctrl-C.

    Example: DM_META_APP_SECRETS=... dmstream gateway --port 8080
    """
    given: dict[str, Any] = {"host": host, "port": port}
    try:
        serve(Settings(**{name: value for name, value in given.items() if value is not None}))
    except GatewayStartError as error:
        typer.echo(f"dmstream gateway: {error}", err=True)
        raise typer.Exit(1) from error
