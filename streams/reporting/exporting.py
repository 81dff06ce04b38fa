"""The rows of a month as files, one a view, whatever number of rows they have.

An answer may have so many rows and bytes and no more (`max_result_rows` of who reads), so a view
is asked for in pieces. A row's piece is told by its key alone: unlike its day or its place in an
order, that stays as it is while the archive takes in more, so no row comes twice or is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from streams.reporting.dictionary import KEYS
from streams.reporting.refusals import refusal
from streams.reporting.sections import EXPORTS
from streams.settings import Settings

PIECE_ROWS = 200_000
"""A fifth of what may be read at once: rows that came since they were counted fit, as do 512 MiB,
the bytes of an answer of the embedded server, with messages of 2,500 bytes."""

KINDS = ("parquet", "csv")

Progress = Callable[[str, int, str], None]
"""Hears the name of the file that is being written, how much was done now, and of what."""


class NotJoinedError(Exception):
    """The pieces are here and can't be made one file."""

    def __init__(self, path: Path, code: int) -> None:
        super().__init__(
            f"{path} can't be written from its pieces (error {code} of chDB): "
            "is there room for it twice?"
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The month of a profile in a view. `values`: as the report's sections take them."""

    view: str
    day: str
    """The expression that places a row in a month."""
    values: Mapping[str, str]

    def __str__(self) -> str:
        profile, month = self.values["profile"][:80], self.values["first"][:7]
        return f"the view {self.view} of profile {profile!r} in {month}"

    @property
    def rows(self) -> str:
        return (
            f"FROM {self.view} WHERE profile_id = {{profile:String}}"
            f" AND {self.day} >= toDate({{first:String}}) AND {self.day} < toDate({{after:String}})"
        )

    def piece(self, output_format: str) -> str:
        return (
            f"SELECT * {self.rows} AND cityHash64({KEYS[self.view]}) % {{pieces:UInt32}}"
            f" = {{piece:UInt32}} FORMAT {output_format}"
        )


def export(
    settings: Settings,
    folder: Path,
    values: Mapping[str, str],
    *,
    kind: str,
    told: Progress,
    piece_rows: int = PIECE_ROWS,
) -> list[Path]:
    """A file for each view of EXPORTS, written as it comes: no month has to fit in memory.

    `kind`: one of KINDS. Raises OSError, httpx.TransportError, RefusedError and NotJoinedError. A
    file is there under its name only when it is whole, and nothing is left of one that is not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    password = settings.clickhouse_read_only_password.get_secret_value()
    written = []
    with httpx.Client(
        base_url=settings.clickhouse_read_only_url,
        auth=(settings.clickhouse_read_only_user, password),
        params={
            "database": f"{settings.clickhouse_database}_analytics",
            # So that the status tells of an error in the middle too: else a server ends a cut
            # answer as it ends a whole one.
            "wait_end_of_query": "1",
        },
        timeout=httpx.Timeout(
            settings.clickhouse_answer_seconds, connect=settings.clickhouse_connect_seconds
        ),
    ) as client:
        for view, day in EXPORTS.items():
            path = folder / f"{view}.{kind}"
            _write(client, path, Wanted(view, day, values), told, piece_rows)
            written.append(path)
    return written


def _write(
    client: httpx.Client, path: Path, wanted: Wanted, told: Progress, piece_rows: int
) -> None:
    partial = path.with_name(path.name + ".partial")
    pieces_of_it = path.with_name(path.name + ".pieces.partial")
    pieces = max(1, -(-_count(client, wanted) // piece_rows))

    def heard(fetched: int) -> None:
        told(path.name, fetched, "bytes")

    try:
        if path.suffix == ".csv":
            _fetch(client, partial, wanted, ["CSVWithNames"] + ["CSV"] * (pieces - 1), heard)
        elif pieces == 1:
            _fetch(client, partial, wanted, ["Parquet"], heard)
        else:
            # Parquet has a foot and can't be joined as it is; Native can, and has the same types.
            _fetch(client, pieces_of_it, wanted, ["Native"] * pieces, heard)
            _join(pieces_of_it, partial, path)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        pieces_of_it.unlink(missing_ok=True)


def _count(client: httpx.Client, wanted: Wanted) -> int:
    answer = client.post(
        "",
        params=_parameters(wanted.values),
        content=f"SELECT count() {wanted.rows} FORMAT TabSeparated".encode(),
    )
    if not answer.is_success:
        raise refusal(str(wanted), answer)
    return int(answer.text)


def _fetch(
    client: httpx.Client,
    path: Path,
    wanted: Wanted,
    formats: list[str],
    heard: Callable[[int], None],
) -> None:
    """A piece for each of the formats, one behind the other."""
    with path.open("wb") as file:
        for piece, output_format in enumerate(formats):
            values = {**wanted.values, "pieces": str(len(formats)), "piece": str(piece)}
            with client.stream(
                "POST",
                "",
                params=_parameters(values),
                content=wanted.piece(output_format).encode(),
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(str(wanted), answer)
                for chunk in answer.iter_bytes():
                    file.write(chunk)
                    heard(len(chunk))


def _join(pieces: Path, target: Path, path: Path) -> None:
    # Loads the engine, some hundred MB: only a month of very many rows needs it.
    from sinks.embedded.engine import Connection  # noqa: PLC0415
    from sinks.embedded.errors import EngineError  # noqa: PLC0415

    with pieces.open("rb") as source, target.open("wb") as file:
        try:
            engine = Connection(":memory:")
            try:
                # By descriptor: in a path `*` and `{}` would be patterns.
                engine.query(
                    b"INSERT INTO FUNCTION file({target:String}, 'Parquet')"
                    b" SELECT * FROM file({source:String}, 'Native')",
                    params={
                        "target": f"/dev/fd/{file.fileno()}",
                        "source": f"/dev/fd/{source.fileno()}",
                    },
                )
            finally:
                engine.close()
        except EngineError as error:
            raise NotJoinedError(path, error.code) from error


def _parameters(values: Mapping[str, str]) -> dict[str, str]:
    return {f"param_{name}": value for name, value in values.items()}
