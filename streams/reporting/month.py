"""Asks for a month of a profile over the read-only address, and writes its page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from sinks import clickhouse
from streams.reporting.exporting import Progress
from streams.reporting.page import page
from streams.reporting.sections import SECTIONS
from streams.settings import Settings

_DECEMBER = 12

_KNOWN = """
SELECT 1 FROM profiles WHERE profile_id = {profile:String}
UNION ALL SELECT 1 FROM sends WHERE profile_id = {profile:String} LIMIT 1
"""


class NoSuchMonthError(ValueError):
    """The sentence says how a month is written, or which one can be asked for."""


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

    def must_have_begun(self, now: datetime) -> None:
        """In UTC, as the report's days are. Raises NoSuchMonthError: ClickHouse refuses to fill
        days backwards, and an empty page of days to come would say nothing."""
        if f"{now.astimezone(UTC):%Y-%m}" < str(self):
            raise NoSuchMonthError(
                f"{self} has not begun: in UTC it is {now.astimezone(UTC):%Y-%m-%d %H:%M}"
            )

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
