"""`dmstream key ...`: create, list, revoke."""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

key_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Make, list and revoke keys of the REST API.\n\n"
    "Example: dmstream key create --name shop --profile shop",
)


class ScopeName(StrEnum):
    SEND = "send"
    READ = "read"
    ADMIN = "admin"


@key_app.command("create")
def create_command(
    name: Annotated[str, typer.Option(help="Whose it is, for people.")] = "",
    scope: Annotated[
        list[ScopeName] | None,
        typer.Option(help="send, read or admin; may be repeated. Else send and read."),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(help="A profile that it may name; may be repeated. Else all."),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Requests a period; else DM_API_RATE_MAX.")
    ] = None,
) -> None:
    """Make a key. It is printed once and kept nowhere: what is stored is a hash of it.

    Example: dmstream key create --name shop --scope send --scope read --profile shop
    """
    from streams.agreed import agreed
    from streams.keys import make_key, write_keys
    from streams.settings import Settings

    key, record = make_key(
        scopes=[one.value for one in scope or (ScopeName.SEND, ScopeName.READ)],
        profiles=profile or (),
        name=name,
        rate_max=rate,
        at=datetime.now(UTC),
    )

    async def write() -> None:
        await write_keys(await agreed(Settings()), [record])

    asyncio.run(write())
    typer.echo(key)


@key_app.command("list")
def list_command() -> None:
    """List the keys, without their secrets. Example: dmstream key list"""
    from rich.table import Table

    from streams.keys import read_keys
    from streams.local.screen import wide_console
    from streams.settings import Settings

    table = Table("id", "name", "scopes", "profiles", "made", "revoked", box=None)
    found = asyncio.run(read_keys(Settings()))
    for record in sorted(found.values(), key=lambda record: record.created_at):
        table.add_row(
            record.key_id,
            record.name,
            ", ".join(record.scopes),
            ", ".join(record.profiles) or "all",
            record.created_at.isoformat(timespec="seconds"),
            record.revoked_at.isoformat(timespec="seconds") if record.revoked_at else "",
        )
    wide_console().print(table)


@key_app.command("revoke")
def revoke_command(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `list` shows it.")],
) -> None:
    """Revoke a key: every gateway refuses it within a second. It can't be undone.

    Example: dmstream key revoke 0123456789abcdef
    """
    from streams.agreed import agreed
    from streams.keys import read_keys, revoked, write_keys
    from streams.settings import Settings

    async def revoke() -> bool:
        settings = await agreed(Settings())
        record = (await read_keys(settings)).get(key_id)
        if record is not None:
            await write_keys(settings, [revoked(record, datetime.now(UTC))])
        return record is not None

    if not asyncio.run(revoke()):
        typer.echo(f"There is no key {key_id!r}: `dmstream key list` shows them.", err=True)
        raise typer.Exit(1)
