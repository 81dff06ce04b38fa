"""`dmstream gateway`."""

from functools import partial
from typing import Annotated, Any

import typer

from streams.api.app import create_api
from streams.api.resources import make_resources
from streams.gateway.app import Beside
from streams.gateway.server import GatewayStartError, serve
from streams.local import hooks
from streams.local.keys import copy_file, write_copy
from streams.settings import Settings


def gateway_command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else DM_HOST.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; else DM_PORT.", show_default=False)
    ] = None,
) -> None:
    """Take webhooks over HTTP onto Kafka, and serve the REST API, until Ctrl-C.

    Example: DM_META_APP_SECRETS=... dmstream gateway --port 8080
    """
    given: dict[str, Any] = {"host": host, "port": port}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    # The embedded broker forgets the keys at exit: a copy of them is kept beside its data.
    keep = partial(write_copy, copy_file(settings)) if settings.embedded else None
    keep_hooks = partial(write_copy, hooks.copy_file(settings)) if settings.embedded else None
    resources = make_resources(settings, keep, keep_hooks)
    try:
        serve(settings, beside=Beside(create_api(resources), resources.running))
    except GatewayStartError as error:
        typer.echo(f"dmstream gateway: {error}", err=True)
        raise typer.Exit(1) from error
