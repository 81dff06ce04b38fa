"""The month's report: which months there are, what is said of refusals, and what failures leave."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from clickhouse_connect.driver.exceptions import (
    DatabaseError,
    OperationalError,
    StreamFailureError,
)
from typer.testing import CliRunner

from streams.cli import app
from streams.reporting.exporting import PIECE_ROWS, NotJoinedError, export
from streams.reporting.month import Month, NoSuchMonthError, parameters
from streams.reporting.refusals import RefusedError, refusals
from streams.settings import Settings

WORDS = "what a person wrote (SECRET)"
VALUES = parameters("shop", Month.parse("2026-11"))


def test_a_month_is_written_as_a_month() -> None:
    assert Month.parse("2026-12").after == "2027-01-01"
    with pytest.raises(NoSuchMonthError, match="2026-11"):
        Month.parse("November")


def test_a_month_begins_in_utc() -> None:
    december = Month.parse("2026-12")
    with pytest.raises(NoSuchMonthError, match=r"2026-12 has not begun: in UTC it is 2026-11-30"):
        december.must_have_begun(datetime.fromisoformat("2026-12-01T01:30:00+02:00"))
    december.must_have_begun(datetime(2026, 12, 1, tzinfo=UTC))
    december.must_have_begun(datetime(2027, 1, 1, tzinfo=UTC))


def test_a_month_that_has_not_begun_is_wrong_usage_and_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DM_CLICKHOUSE_READ_ONLY_URL", "http://127.0.0.1:1")
    done = CliRunner().invoke(app, ["report", "shop", "--month", "9998-01"])
    assert done.exit_code == 2
    assert "9998-01 has not begun" in done.stderr


@pytest.mark.parametrize("kind", [DatabaseError, OperationalError, StreamFailureError])
def test_what_clickhouse_refused_is_named_without_what_its_error_quotes(
    kind: type[DatabaseError],
) -> None:
    """Invariant 11."""
    with pytest.raises(RefusedError) as caught, refusals("the report of shop in 2026-11"):
        raise kind(WORDS, code=241, name="MEMORY_LIMIT_EXCEEDED")
    sentence = str(caught.value)
    assert "the report of shop in 2026-11: error 241 MEMORY_LIMIT_EXCEEDED; " in sentence
    assert "SECRET" not in sentence


def test_one_that_does_not_answer_has_refused_nothing() -> None:
    with pytest.raises(OperationalError), refusals("the report"):
        raise OperationalError("connection refused")


@contextmanager
def clickhouse(answer: Callable[[str, BaseHTTPRequestHandler], None]) -> Iterator[Settings]:
    """Something on loopback that answers a statement so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer(self.rfile.read(int(self.headers["Content-Length"])).decode(), self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Settings(
            _env_file=None, clickhouse_read_only_url=f"http://127.0.0.1:{server.server_port}"
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tell(handler: BaseHTTPRequestHandler, body: str, *, status: int = 200, code: int = 0) -> None:
    handler.send_response(status)
    if code:
        handler.send_header("X-ClickHouse-Exception-Code", str(code))
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body.encode())


def refuse(handler: BaseHTTPRequestHandler) -> None:
    tell(
        handler,
        f"Code: 396. DB::Exception: Limit exceeded: {WORDS}. (TOO_MANY_ROWS_OR_BYTES) "
        "(version 26.9.2.1 (official build))\n",
        status=500,
        code=396,
    )


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("fail", "error"), [(refuse, RefusedError), (cut, httpx.RemoteProtocolError)]
)
def test_a_piece_that_fails_leaves_no_file_and_the_view_is_named(
    kind: str,
    fail: Callable[[BaseHTTPRequestHandler], None],
    error: type[Exception],
    tmp_path: Path,
) -> None:
    """Invariant 11: nor is anything told of the rows."""

    def answer(sql: str, handler: BaseHTTPRequestHandler) -> None:
        assert "wait_end_of_query=1" in handler.path
        if "count()" in sql:
            tell(handler, str(2 * PIECE_ROWS))
        elif "param_piece=0" in handler.path:
            tell(handler, "the first piece")
        else:
            fail(handler)

    with clickhouse(answer) as settings, pytest.raises(error) as caught:
        export(settings, tmp_path, VALUES, kind=kind, told=lambda *_: None)
    assert not list(tmp_path.iterdir())
    if error is RefusedError:
        assert "the view messages of profile 'shop' in 2026-11" in str(caught.value)
        assert "error 396 TOO_MANY_ROWS_OR_BYTES" in str(caught.value)
        assert "SECRET" not in str(caught.value)


def test_pieces_that_are_no_rows_are_no_parquet_file(tmp_path: Path) -> None:
    def answer(sql: str, handler: BaseHTTPRequestHandler) -> None:
        tell(handler, str(2 * PIECE_ROWS) if "count()" in sql else WORDS)

    with clickhouse(answer) as settings, pytest.raises(NotJoinedError) as caught:
        export(settings, tmp_path, VALUES, kind="parquet", told=lambda *_: None)
    assert not list(tmp_path.iterdir())
    assert str(tmp_path / "messages.parquet") in str(caught.value)
    assert "SECRET" not in str(caught.value)
