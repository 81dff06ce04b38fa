"""`dmstream simulate`: signed webhooks in true shapes, and a file of what they mean."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ProviderName(StrEnum):
    AYRSHARE = "ayrshare"
    META = "meta"
    X = "x"


def _instant(told: str) -> datetime:
    try:
        instant = datetime.fromisoformat(told)
    except ValueError:
        raise typer.BadParameter("no date and time as in 2026-11-22T15:00:00Z") from None
    if instant.tzinfo is None:
        raise typer.BadParameter("an instant needs a zone, as the Z in 2026-11-22T15:00:00Z")
    return instant


def simulate_command(
    *,
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "http://127.0.0.1:8080",
    profiles: Annotated[int, typer.Option(min=1, help="How many profiles there are.")] = 12,
    webhooks: Annotated[
        int, typer.Option(min=1, help="All requests, duplicates and broken ones among them.")
    ] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed and options: the same bytes.")] = 1,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=_instant,
            metavar="INSTANT",
            help="End of the simulated day, RFC 3339 with a zone; now where absent.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Requests a second; as fast as they are taken where absent."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 32,
    duplicates: Annotated[float, typer.Option(min=0, max=0.9, help="Share sent again.")] = 0.05,
    late: Annotated[float, typer.Option(min=0, max=1, help="Share sent hours late.")] = 0.02,
    broken: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share that must be refused or must fail.")
    ] = 0.002,
    provider: Annotated[
        list[ProviderName] | None, typer.Option(help="Only this one; may be given again.")
    ] = None,
    intention: Annotated[
        Path | None, typer.Option(help="Write what was meant to happen here, as JSON lines.")
    ] = None,
) -> None:
    """Drive the gateway with a simulated day: people write, shops answer, webhooks tell of it.

    Secrets are the gateway's, from the settings (the first of DM_AYRSHARE_SECRETS,
    DM_META_APP_SECRETS and DM_X_CONSUMER_SECRETS). Exit code 1 where an answer was not the one
    that was meant.

    Example: dmstream simulate --webhooks 5000 --seed 7 --intention meant.jsonl
    """
    from streams.settings import Settings
    from streams.simulator.client import Sending
    from streams.simulator.running import run
    from streams.simulator.sign import Secrets
    from streams.simulator.simulation import APP_ID, PROVIDERS, Parameters

    settings = Settings()
    chosen = tuple(one for one in PROVIDERS if not provider or one in provider)
    try:
        parameters = Parameters(
            seed=seed,
            until=until or datetime.now(UTC),
            webhooks=webhooks,
            profiles=profiles,
            duplicates=duplicates,
            late=late,
            broken=broken,
            providers=chosen,
            app_id=next(iter(settings.meta_app_ids), APP_ID),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    sending = Sending(
        url=url,
        secrets=Secrets.from_settings(settings, chosen),
        concurrency=concurrency,
        rate=rate,
    )
    if run(parameters, sending, intention).unexpected:
        raise typer.Exit(1)
