"""`dmstream sandbox`, and `python -m streams.sandbox`."""

from typing import Annotated

import typer
from pydantic import SecretStr

from streams.sandbox.config import PATHS, Config
from streams.settings import Settings


def sandbox_command(  # noqa: PLR0917 - typer calls it by names
    port: Annotated[int, typer.Option(help="The loopback port to listen on.")] = 8090,
    gateway: Annotated[
        str | None,
        typer.Option(help="Where webhooks go, e.g. http://127.0.0.1:8080. Absent: nobody answers."),
    ] = None,
    seed: Annotated[int, typer.Option(help="What people do is drawn from it.")] = 0,
    delay: Annotated[
        float, typer.Option(help="Seconds between what one person does and does next.")
    ] = 0.2,
    reply_share: Annotated[float, typer.Option(help="Of messages that get a reply.")] = 0.5,
    reaction_share: Annotated[float, typer.Option(help="Of messages that get a reaction.")] = 0.15,
    read_share: Annotated[float, typer.Option(help="Of messages that are read.")] = 0.9,
) -> None:
    """A local stand-in for Ayrshare, Meta and X, with people behind it who answer.

    It signs its webhooks with the first secret of each provider in the settings.

    Example: dmstream sandbox --port 8090 --gateway http://127.0.0.1:8080
    """
    # Heavy imports stand where they are used: `--help` of other commands must not pay for them.
    from streams.sandbox.server import SandboxStartError, serve  # noqa: PLC0415

    settings = Settings()
    config = Config(
        gateway=gateway.rstrip("/") if gateway else None,
        ayrshare_secret=_first(settings.ayrshare_secrets),
        meta_app_secret=_first(settings.meta_app_secrets),
        x_consumer_secret=_first(settings.x_consumer_secrets),
        meta_app_id=next(iter(settings.meta_app_ids), Config().meta_app_id),
        seed=seed,
        delay_seconds=delay,
        reply_share=reply_share,
        reaction_share=reaction_share,
        read_share=read_share,
    )
    secrets = (config.ayrshare_secret, config.meta_app_secret, config.x_consumer_secret)
    if gateway and not all(secrets):
        raise typer.BadParameter(
            "webhooks are signed: set DM_AYRSHARE_SECRETS, DM_META_APP_SECRETS and"
            " DM_X_CONSUMER_SECRETS to what the gateway has"
        )
    for variable, path in PATHS.items():
        typer.echo(f"{variable}=http://127.0.0.1:{port}{path}")
    try:
        serve(config, port)
    except SandboxStartError as error:
        typer.echo(f"dmstream sandbox: {error}", err=True)
        raise typer.Exit(1) from error


def _first(secrets: tuple[SecretStr, ...]) -> str:
    return secrets[0].get_secret_value() if secrets else ""
