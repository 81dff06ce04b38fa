"""Asks for a month of a profile over the read-only address, and writes it down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from clickhouse_connect.driver.client import Client

from sinks import clickhouse
from streams.reporting.page import page
from streams.reporting.sections import EXPORTS, SECTIONS
from streams.settings import Settings

FORMATS = {"parquet": "Parquet", "csv": "CSVWithNames"}
_DECEMBER = 12

Progress = Callable[[str, int, str], None]
"""Hears the name of the file that is being written, how much was done now, and of what."""

_KNOWN = """
SELECT 1 FROM profiles WHERE profile_id = {profile:String}
UNION ALL SELECT 1 FROM sends WHERE profile_id = {profile:String} LIMIT 1
"""


class NoSuchMonthError(ValueError):
    """The sentence says how a month is written."""


class UnknownProfileError(LookupError):
    """A name without any message or send, ever: a quiet month of it would be a lie."""

    def __init__(self, profile: str) -> None:
        super().__init__(
            f"the archive has neither a message nor a send of the profile {profile[:80]!r}: "
            'dmstream query "SELECT profile_id FROM dm_analytics.profiles" lists those it has'
        )


@dataclass(frozen=True, slots=True)
class Month:
    year: int
    number: int

    @staticmethod
    def parse(text: str) -> "Month":
        """`2026-11`. Raises NoSuchMonthError."""
        try:
            moment = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        except ValueError as error:
            raise NoSuchMonthError(f"{text[:20]!r} is no month as in 2026-11") from error
        return Month(moment.year, moment.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> str:
        return f"{self}-01"

    @property
    def after(self) -> str:
        """The first day of the next one."""
        if self.number == _DECEMBER:
            return f"{self.year + 1:04}-01-01"
        return f"{self.year:04}-{self.number + 1:02}-01"


def parameters(profile: str, month: Month) -> dict[str, str]:
    return {"profile": profile, "first": month.first, "after": month.after}


@contextmanager
def reader(settings: Settings) -> Iterator[Client]:
    """On the read-only address, in the database of the views. Raises the client's errors."""
    client = clickhouse.connect(
        settings.clickhouse_read_only_url,
        user=settings.clickhouse_read_only_user,
        password=settings.clickhouse_read_only_password.get_secret_value(),
        database=f"{settings.clickhouse_database}_analytics",
        answer_seconds=settings.clickhouse_answer_seconds,
    )
    try:
        yield client
    finally:
        client.close()


def write_page(
    client: Client, path: Path, profile: str, month: Month, *, now: datetime, told: Progress
) -> None:
    """Raises UnknownProfileError, OSError where the file can't be written, and the client's
    errors."""
    values = parameters(profile, month)
    if not client.query(_KNOWN, parameters=values).result_rows:
        raise UnknownProfileError(profile)
    answers = []
    for section in SECTIONS:
        result = client.query(section.sql, parameters=values)
        answers.append((section, (result.column_names, result.result_rows)))
        told(path.name, 1, "questions answered")
    definitions = client.query("SELECT name, definition FROM metric_definitions").result_rows
    path.write_text(
        page(
            profile=profile,
            month=str(month),
            made_at=now,
            answers=answers,
            meanings={str(name): str(text) for name, text in definitions},
        ),
        "utf-8",
    )


def export(
    settings: Settings, folder: Path, profile: str, month: Month, *, kind: str, told: Progress
) -> list[Path]:
    """A file for each view of EXPORTS, written as it comes: no month has to fit in memory.

    `kind`: a name of FORMATS. Raises OSError and httpx.HTTPError; a file is
    there under its name only when it is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    password = settings.clickhouse_read_only_password.get_secret_value()
    written = []
    with httpx.Client(
        auth=(settings.clickhouse_read_only_user, password),
        timeout=settings.clickhouse_answer_seconds,
    ) as client:
        for view, day in EXPORTS.items():
            path = folder / f"{view}.{kind}"
            _export_view(client, settings, path, parameters(profile, month), view, day, told)
            written.append(path)
    return written


def _export_view(  # noqa: PLR0917
    client: httpx.Client,
    settings: Settings,
    path: Path,
    values: dict[str, str],
    view: str,
    day: str,
    told: Progress,
) -> None:
    sql = (
        f"SELECT * FROM {view} WHERE profile_id = {{profile:String}}"
        f" AND {day} >= toDate({{first:String}}) AND {day} < toDate({{after:String}})"
        f" FORMAT {FORMATS[path.suffix.removeprefix('.')]}"
    )
    partial = path.with_suffix(path.suffix + ".partial")
    with (
        client.stream(
            "POST",
            settings.clickhouse_read_only_url,
            params={
                "database": f"{settings.clickhouse_database}_analytics",
                **{f"param_{name}": value for name, value in values.items()},
            },
            content=sql.encode(),
        ) as response,
        partial.open("wb") as file,
    ):
        response.raise_for_status()
        for chunk in response.iter_bytes():
            file.write(chunk)
            told(path.name, len(chunk), "bytes")
    partial.replace(path)
