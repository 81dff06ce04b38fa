"""`dmstream normalise`: what the pipeline makes of webhook bodies, without running any of it."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import orjson
import typer

from schemas.failures import Failure
from schemas.webhooks import normalise

_BAD_USAGE = 2
_STDIN = "-"


class UnreadableFileError(Exception):
    """A file that was named can't be read; the text says which and why."""


def normalise_command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="One webhook body each; - is stdin.")
    ],
    provider: Annotated[
        Literal["ayrshare", "meta", "x"], typer.Option(help="Who posted the bodies.")
    ],
    received_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When they came: ISO 8601 with a zone. Default: now."),
    ] = None,
    own_app_id: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A Meta app that is ours; repeatable."),
    ] = None,
) -> None:
    """Print the canonical events of webhook bodies, one a line, as JSON.

    A body or item that can't be read prints {"failure": ...}; the exit code is then 1.

    Example: dmstream normalise --provider meta body.json
    """
    at = datetime.now(UTC) if received_at is None else _instant(received_at)
    try:
        has_failed = print_events(
            provider,
            files,
            at,
            own_app_ids=frozenset(own_app_id or ()),
            stdin=sys.stdin.buffer,
            stdout=sys.stdout.buffer,
        )
    except UnreadableFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_BAD_USAGE) from None
    raise typer.Exit(1 if has_failed else 0)


def print_events(
    provider: Literal["ayrshare", "meta", "x"],
    files: Iterable[str],
    received_at: datetime,
    *,
    own_app_ids: frozenset[str],
    stdin: BinaryIO,
    stdout: BinaryIO,
) -> bool:
    """Writes events and failures of each file to `stdout`. True if there was a failure.

    Raises UnreadableFileError at the first file that can't be read.
    """
    has_failed = False
    for name in files:
        read = normalise(provider, _body(name, stdin), received_at, own_app_ids=own_app_ids)
        lines = [event.to_json() for event in read.events]
        lines += [_failure_line(failure) for failure in read.failures]
        stdout.write(b"".join(line + b"\n" for line in lines))
        stdout.flush()
        has_failed = has_failed or bool(read.failures)
    return has_failed


def _body(name: str, stdin: BinaryIO) -> bytes:
    if name == _STDIN:
        return stdin.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"Can't read {name}: {error.strerror}.") from error


def _failure_line(failure: Failure) -> bytes:
    return orjson.dumps(
        {
            "failure": {
                "stage": failure.stage,
                "reason": failure.reason,
                "message": failure.message,
            }
        }
    )


def _instant(value: str) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter(
            "write the time as ISO 8601 with a zone, such as 2026-11-22T14:33:07Z.",
            param_hint="--received-at",
        )
    return instant
