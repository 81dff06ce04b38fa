"""`dmstream profile ...`: register, activate, deactivate, limit, auto-response."""

import asyncio
from typing import Annotated, Any

import typer

from schemas import commands, data
from schemas.business_hours import BusinessHours
from streams.cli.commands import carry_out, envelope
from streams.settings import Settings

Profile = Annotated[str, typer.Argument(help="The profile's id.")]

profile_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Register, switch and limit profiles; set their automatic answer.\n\n"
    "Example: dmstream profile limit shop --monthly 500",
)


@profile_app.command("register")
def register_command(
    profile: Profile,
    title: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    reference: Annotated[str | None, typer.Option(help="Ayrshare's refId of it.")] = None,
) -> None:
    """Register a profile. Example: dmstream profile register shop --title "The shop\""""
    carry_out(commands.RegisterProfile(**envelope(profile), title=title, reference=reference))


@profile_app.command("activate")
def activate_command(profile: Profile) -> None:
    """Turn messaging on. Facebook and Instagram accounts must be linked again afterwards."""
    _carry_out(commands.ActivateMessaging(**envelope(profile)))


@profile_app.command("deactivate")
def deactivate_command(
    profile: Profile,
    reason: Annotated[str | None, typer.Option(help="Why, for people.")] = None,
) -> None:
    """Turn messaging off: nothing is sent; what arrives is recorded all the same."""
    _carry_out(commands.DeactivateMessaging(**envelope(profile), reason=reason))


@profile_app.command("limit")
def limit_command(
    profile: Profile,
    monthly: Annotated[
        int | None, typer.Option(min=0, help="Active conversations a month.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="conversations, or all: no sends at all at the limit.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Where months begin at midnight, as Europe/Berlin.")
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(help="PLATFORM=SECONDS, or PLATFORM=none; may be repeated."),
    ] = None,
    business_hours: Annotated[
        str | None,
        typer.Option(help='When its people work, for the metrics: "12345 09:00-17:00".'),
    ] = None,
) -> None:
    """Change a profile's limits; what is not named stays.

    Example: dmstream profile limit shop --monthly 500 --window facebook=86400
    """
    told: dict[str, Any] = {
        "monthly_limit": monthly, "limit_scope": scope, "month_zone": zone,
        "reply_window_seconds": _windows(window) if window else None,
        "business_hours": _business_hours(business_hours),
    }  # fmt: skip
    try:
        change = data.LimitChanged(**told)
    except ValueError as error:
        raise typer.BadParameter("--scope is conversations or all; see --help") from error
    _carry_out(commands.ChangeLimit(**envelope(profile), change=change))


@profile_app.command("auto-response")
def auto_response_command(
    profile: Profile,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Answer, or not.")] = None,
    message: Annotated[
        str | None, typer.Option(help="The answer; an empty one is the default.")
    ] = None,
    wait: Annotated[
        int | None, typer.Option(min=0, help="Seconds before a person is answered again.")
    ] = None,
) -> None:
    """Answer those who write by itself; what is not named stays.

    Example: dmstream profile auto-response shop --on --wait 3600
    """
    change = data.AutoResponseConfigured(active=active, message=message, wait_seconds=wait)
    _carry_out(commands.ConfigureAutoResponse(**envelope(profile), change=change))


def _carry_out(command: commands.AnyCommand) -> None:
    """Says so where nobody has heard of the profile: its id may be a slip, and is none where its
    settings are made before it registers itself by its account's first webhook."""
    from streams.inspecting import profile_state

    carry_out(command)
    profile = asyncio.run(profile_state(Settings(), command.profileid))
    if profile is None or (profile.registered_at is None and not profile.accounts):
        typer.echo(
            f"Nobody has registered a profile {command.profileid!r}, or linked an account to it,"
            " so far: is its id right? This holds from the moment when somebody does.",
            err=True,
        )


def _business_hours(text: str | None) -> BusinessHours | None:
    try:
        return None if text is None else BusinessHours.parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"--business-hours: {error}") from error


def _windows(given: list[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for part in given:
        platform, _, seconds = part.partition("=")
        known = platform in {"facebook", "instagram", "x"}
        if not known or not (seconds == "none" or seconds.isdecimal()):
            raise typer.BadParameter(f"--window takes PLATFORM=SECONDS or PLATFORM=none: {part!r}")
        found[platform] = None if seconds == "none" else int(seconds)
    return found
