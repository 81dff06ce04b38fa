"""`dmstream account ...`: link, unlink."""

from enum import StrEnum
from typing import Annotated

import typer

from schemas import commands
from streams.cli.commands import carry_out, envelope, some

account_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Link and unlink a profile's accounts.\n\n"
    "Example: dmstream account link shop 1234 --provider meta --platform facebook",
)


class ProviderName(StrEnum):
    AYRSHARE = "ayrshare"
    META = "meta"
    X = "x"


class PlatformName(StrEnum):
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"
    X = "x"


Profile = Annotated[str, typer.Argument(help="The profile's id.")]
ProviderOption = Annotated[ProviderName, typer.Option("--provider", help="Who sends for us.")]
PlatformOption = Annotated[PlatformName, typer.Option("--platform", help="Where it is.")]
AccountId = Annotated[
    str, typer.Argument(help="Page id, Instagram account id or X user id, as webhooks name it.")
]


@account_app.command("link")
def link_command(
    profile: Profile,
    account: AccountId,
    provider: ProviderOption,
    platform: PlatformOption,
    credential: Annotated[
        str | None,
        typer.Option(help="NAME: the credential is in DM_CREDENTIAL_NAME; never give it here."),
    ] = None,
) -> None:
    """Link an account to a profile; it replaces another of that provider and platform.

    Example: dmstream account link shop 1234 --provider meta --platform facebook --credential shop
    """
    some(account, "ACCOUNT")
    carry_out(
        commands.LinkAccount(
            **envelope(profile),
            provider=provider.value,
            platform=platform.value,
            account_id=account,
            credential=credential,
        )
    )


@account_app.command("unlink")
def unlink_command(
    profile: Profile,
    account: AccountId,
    provider: ProviderOption,
    platform: PlatformOption,
    reason: Annotated[str | None, typer.Option(help="Why, for people.")] = None,
) -> None:
    """Unlink an account: nothing is sent from it any more.

    Example: dmstream account unlink shop 1234 --provider meta --platform facebook
    """
    some(account, "ACCOUNT")
    carry_out(
        commands.UnlinkAccount(
            **envelope(profile),
            provider=provider.value,
            platform=platform.value,
            account_id=account,
            reason=reason,
        )
    )
