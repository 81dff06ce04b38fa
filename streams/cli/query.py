"""`dmstream query`: one question to the archive, over the read-only address."""

import re
import sys
from enum import StrEnum
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.settings import Settings
from streams.terminal import Terminal

_NUMBER = re.compile(r"(?:Nullable\()?(?:U?Int|Float|Decimal)")
_SENTENCE = re.compile(
    r"Code: \d+\. DB::\w+: (?P<text>.*?)(?: \((?P<name>[A-Z_0-9]+)\))?(?: \(version .*\))?\s*$",
    re.DOTALL,
)


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


_SERVER_FORMATS = {
    Format.TABLE: "JSONCompactStrings",
    Format.JSON: "JSONEachRow",
    Format.CSV: "CSVWithNames",
}


class QueryError(Exception):
    """One sentence for the terminal."""


def query_command(
    sql: Annotated[str, typer.Argument(help="What to ask. `-` reads it from standard input.")],
    output: Annotated[
        Format | None,
        typer.Option("--format", help="Default: table on a terminal, csv into a file or pipe."),
    ] = None,
) -> None:
    """Ask the archive with SQL, in the database of the analysts' views.

    json gives one object a line; csv has a header. A FORMAT clause in the SQL wins over --format.

    Example: dmstream query "SELECT * FROM conversations LIMIT 5"
    """
    settings = Settings()
    chosen = output or (Format.TABLE if sys.stdout.isatty() else Format.CSV)
    text = sys.stdin.read() if sql == "-" else sql
    try:
        answer_format, body = ask(settings, text, _SERVER_FORMATS[chosen])
    except QueryError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if chosen is Format.TABLE and answer_format == _SERVER_FORMATS[Format.TABLE]:
        _show(orjson.loads(body), Terminal())
    else:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def ask(settings: Settings, sql: str, default_format: str) -> tuple[str, bytes]:
    """The format and body of the answer. Raises QueryError."""
    password = settings.clickhouse_read_only_password.get_secret_value()
    try:
        response = httpx.post(
            settings.clickhouse_read_only_url,
            params={
                "database": f"{settings.clickhouse_database}_analytics",
                "default_format": default_format,
                # So that the status tells of errors in the middle of the result too.
                "wait_end_of_query": "1",
            },
            content=sql.encode(),
            auth=(settings.clickhouse_read_only_user, password),
            timeout=httpx.Timeout(
                settings.clickhouse_answer_seconds, connect=settings.clickhouse_connect_seconds
            ),
        )
    except httpx.HTTPError as error:
        raise QueryError(
            f"no answer from {settings.clickhouse_read_only_url} ({type(error).__name__}): "
            "start `dmstream up`, or set DM_CLICKHOUSE_READ_ONLY_URL"
        ) from error
    if response.is_error:
        raise QueryError(_sentence(response))
    return response.headers.get("X-ClickHouse-Format", ""), response.content


def _sentence(response: httpx.Response) -> str:
    code = response.headers.get("X-ClickHouse-Exception-Code")
    found = _SENTENCE.match(response.text)
    if code is None or found is None:
        return f"HTTP status {response.status_code} from {response.url.host}"
    # ClickHouse lists all it would have taken in place of what it met: pages of it.
    text = re.sub(r"\. Expected one of: .*", "", found["text"], flags=re.DOTALL).rstrip(". ")
    return f"code {code} {found['name'] or ''}: {' '.join(text.split())}"


def _show(answer: dict[str, Any], console: Console) -> None:
    """A grid where its columns fit, else one record below the other."""
    table = _table(answer)
    narrowest = sum(len(column["name"]) + 3 for column in answer["meta"]) + 1
    if narrowest <= console.width:
        console.print(table)
        return
    widest = max((len(column["name"]) for column in answer["meta"]), default=0)
    for number, row in enumerate(answer["data"], start=1):
        console.rule(f"{number}", align="left")
        for column, cell in zip(answer["meta"], row, strict=True):
            console.print(Text(f"{column['name']:<{widest}}  {'' if cell is None else cell}"))


def _table(answer: dict[str, Any]) -> Table:
    table = Table()
    for column in answer["meta"]:
        is_number = _NUMBER.match(column["type"]) is not None
        table.add_column(
            Text(column["name"]), justify="right" if is_number else "left", overflow="fold"
        )
    for row in answer["data"]:
        # Text, not markup: a message may hold [brackets].
        table.add_row(*(Text("" if cell is None else cell) for cell in row))
    return table
