"""What the embedded ClickHouse answers over HTTP: in which form, when, and to whom."""

import time
import uuid

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.embedded import compression
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline


def test_ping_and_root_say_ok(embedded_clickhouse: ClickHouse) -> None:
    for url in (embedded_clickhouse.url, embedded_clickhouse.read_url):
        assert httpx.get(f"{url}/ping").text == "Ok.\n"
        assert httpx.get(url).text == "Ok.\n"


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELEC 1", 62, 400),
        ("SELECT * FROM nowhere.nothing", 81, 404),
        ("SELECT * FROM system.nothing", 60, 404),
        ("SELECT nothing", 47, 404),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115, 404),
    ],
)
def test_errors_have_the_code_and_status_of_clickhouse(
    embedded_clickhouse: ClickHouse, sql: str, code: int, status: int
) -> None:
    response = httpx.post(embedded_clickhouse.url, content=sql)
    assert (response.status_code, response.headers["x-clickhouse-exception-code"]) == (
        status,
        str(code),
    )
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(version 2" in response.text
    with pytest.raises(DatabaseError) as caught:
        clickhouse_connect.get_client(dsn=embedded_clickhouse.url).command(sql)
    assert caught.value.code == code


def test_a_large_result_comes_as_a_stream(embedded_clickhouse: ClickHouse) -> None:
    """Rows arrive before the last is made: no result has to fit in memory."""
    sql = "SELECT number, sleepEachRow(0.0002) FROM numbers(5000) SETTINGS max_block_size = 1000"
    started = time.monotonic()
    with httpx.stream("POST", embedded_clickhouse.url, content=sql, timeout=30) as response:
        chunks = response.iter_bytes()
        next(chunks)
        first = time.monotonic() - started
        assert sum(chunk.count(b"\n") for chunk in chunks) > 3_000
    assert first < (time.monotonic() - started) / 2


def test_formats_and_types_of_content(embedded_clickhouse: ClickHouse) -> None:
    url = embedded_clickhouse.url
    for form, kind, body in [
        ("JSONEachRow", "application/x-ndjson; charset=UTF-8", b'{"a":1}\n'),
        ("CSVWithNames", "text/csv; charset=UTF-8; header=present", b'"a"\n1\n'),
        ("TabSeparated", "text/tab-separated-values; charset=UTF-8", b"1\n"),
    ]:
        for response in (
            httpx.post(url, content=f"SELECT 1 AS a FORMAT {form}"),
            httpx.post(url, params={"default_format": form}, content="SELECT 1 AS a"),
            httpx.get(
                url, params={"query": "SELECT 1 AS a"}, headers={"X-ClickHouse-Format": form}
            ),
        ):
            assert (response.content, response.headers["content-type"]) == (body, kind)
            assert response.headers["x-clickhouse-format"] == form
            assert response.headers["x-clickhouse-query-id"]


def test_answers_are_packed_as_asked(embedded_clickhouse: ClickHouse) -> None:
    sql = "SELECT number FROM numbers(100000)"
    plain = httpx.post(embedded_clickhouse.url, content=sql).content
    blocks = httpx.post(embedded_clickhouse.url, params={"compress": "1"}, content=sql).content
    assert len(blocks) < len(plain)
    assert compression.unpack_blocks(blocks) == plain
    for wait in ("0", "1"):  # streamed, and whole
        for encoding in ("gzip", "deflate"):
            response = httpx.post(
                embedded_clickhouse.url,
                params={"enable_http_compression": "1", "wait_end_of_query": wait},
                headers={"Accept-Encoding": encoding},
                content=sql,
            )
            assert response.headers["content-encoding"] == encoding
            assert response.content == plain


def test_a_read_ends_when_its_client_has_gone(embedded_clickhouse: ClickHouse) -> None:
    name = uuid.uuid4().hex
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            embedded_clickhouse.read_url,
            content=f"SELECT count() FROM numbers(1000000000000) WHERE toString(number) = '{name}'",
            timeout=1.0,
        )
    running = (
        f"SELECT count() FROM system.processes WHERE query LIKE '%{name}%'"
        " AND query NOT LIKE '%processes%'"
    )
    deadline = time.monotonic() + 5
    while httpx.post(embedded_clickhouse.url, content=running).text != "0\n":
        assert time.monotonic() < deadline, "the statement runs on"
        time.sleep(0.1)


def test_dataframes_and_an_ordinary_client_on_the_read_only_port(
    embedded_clickhouse: ClickHouse,
) -> None:
    database = embedded_clickhouse.migrated()
    reader = clickhouse_connect.get_client(
        dsn=embedded_clickhouse.read_url, database=f"{database}_analytics"
    )
    frame_of_names = reader.query_df("SELECT name, unit FROM metric_definitions ORDER BY name")
    assert list(frame_of_names.columns) == ["name", "unit"]
    assert len(frame_of_names) > 10
    assert reader.query("SELECT count() FROM messages").result_rows == [(0,)]
    assert reader.query_arrow("SELECT 1 AS a").num_rows == 1


def test_a_web_page_is_not_answered(embedded_clickhouse: ClickHouse) -> None:
    """There are no passwords: any page in a browser on this machine could send statements."""
    for url in (embedded_clickhouse.url, embedded_clickhouse.read_url):
        for headers in (
            {"Origin": "https://evil.example"},
            {"Host": "evil.example"},
            {"Origin": "null"},
        ):
            response = httpx.post(url, content="SELECT 'answered'", headers=headers)
            assert response.status_code in (400, 401)
            assert "answered" not in response.text.replace("not answered", "")
