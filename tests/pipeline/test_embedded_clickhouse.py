"""The embedded ClickHouse as ordinary clients use it: rows, parameters, inserts, sessions."""

import gzip
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from lz4 import frame

from sinks.embedded import compression
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline


@pytest.fixture
def client(embedded_clickhouse: ClickHouse) -> Iterator[Client]:
    client = clickhouse_connect.get_client(dsn=embedded_clickhouse.url)
    yield client
    client.close()


@pytest.fixture
def table(client: Client) -> str:
    name = f"default.t{uuid.uuid4().hex[:10]}"
    client.command(
        f"CREATE TABLE {name} (a UInt64, s String, at DateTime64(3, 'UTC')) ENGINE = MergeTree"
        " ORDER BY a SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_went_in(
    embedded_clickhouse: ClickHouse, table: str, compress: bool | str
) -> None:
    client = clickhouse_connect.get_client(dsn=embedded_clickhouse.url, compress=compress)
    at = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)
    # Semicolons, quotes, zero bytes, line ends: what a splitter of statements trips over.
    rows = [(n, f"{n};'\"\\\0\n\t€ FORMAT Native\n", at) for n in range(20_000)]
    client.insert(table, rows, column_names=["a", "s", "at"])
    result = client.query(f"SELECT * FROM {table} ORDER BY a", tz_mode="aware")
    assert result.result_rows == rows
    assert client.command(f"SELECT count() FROM {table}") == 20_000
    client.close()


def test_settings_of_the_address_reach_the_engine(client: Client, table: str) -> None:
    for _ in range(2):
        client.insert(
            table,
            [[1, "x", 0]],
            column_names=["a", "s", "at"],
            settings={"insert_deduplication_token": "one"},
        )
    assert client.command(f"SELECT count() FROM {table}") == 1
    assert client.command("SELECT getSetting('max_threads')", settings={"max_threads": 1}) == 1
    assert client.command("SELECT toUInt8(getSetting('async_insert'))") == 0


def test_parameters_are_values_and_never_sql(client: Client) -> None:
    awkward = "'); DROP TABLE x; -- \\ \t \n \0 é"
    parameters = {"s": awkward, "l": ["a'b", "\\"], "n": 2**63, "t": datetime(2026, 1, 2, 3, 4, 5)}  # noqa: DTZ001
    [row] = client.query(
        "SELECT {s:String}, {l:Array(String)}, {n:UInt64}, {t:DateTime64(3)}", parameters=parameters
    ).result_rows
    assert row == tuple(parameters.values())


def test_an_error_in_the_middle_of_a_stream_is_told(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 300000) FROM numbers(400000)"
    seen = 0

    def read() -> None:
        nonlocal seen
        with client.query_row_block_stream(sql, settings={"max_block_size": 50_000}) as blocks:
            for block in blocks:
                seen += len(block)

    with pytest.raises(DatabaseError, match="FUNCTION_THROW_IF_VALUE_IS_NON_ZERO") as caught:
        read()
    assert caught.value.code == 395
    assert seen >= 50_000


def test_an_insert_may_be_split_between_address_and_body(
    embedded_clickhouse: ClickHouse, table: str
) -> None:
    for params, body, encoding in [
        ({"query": f"INSERT INTO {table} (a, s) FORMAT CSV"}, b'1,"a;b"\n', None),
        ({"query": f"INSERT INTO {table} (a, s) FORMAT CSV"}, gzip.compress(b"2,x\n"), "gzip"),
        ({"query": f"INSERT INTO {table} (a, s) FORMAT CSV"}, frame.compress(b"3,x\n"), "lz4"),
        ({}, f"INSERT INTO {table} (a, s) VALUES (4, 'x;y'), (2 + 3, 'FORMAT')".encode(), None),
        (
            {},
            f"INSERT INTO {table} (a, s) SETTINGS async_insert = 0 FORMAT TSV\n6\tx\n".encode(),
            None,
        ),
        ({}, f"INSERT INTO {table} (a, s) SELECT 7, 'from select'".encode(), None),
        (
            {"decompress": "1"},
            compression.pack_blocks(f"INSERT INTO {table} (a) VALUES (8)".encode()),
            None,
        ),
    ]:
        headers = {"Content-Encoding": encoding} if encoding else {}
        response = httpx.post(embedded_clickhouse.url, params=params, content=body, headers=headers)
        assert response.status_code == 200, response.text
    found = httpx.post(embedded_clickhouse.url, content=f"SELECT a FROM {table} ORDER BY a").text
    assert found.split() == ["1", "2", "3", "4", "5", "6", "7", "8"]


def test_a_cut_insert_leaves_no_rows(embedded_clickhouse: ClickHouse, table: str) -> None:
    def body() -> Iterator[bytes]:
        yield f"INSERT INTO {table} (a) FORMAT TSV\n".encode()
        yield b"1\n" * 1000
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        httpx.post(embedded_clickhouse.url, content=body())
    time.sleep(0.2)
    assert httpx.post(embedded_clickhouse.url, content=f"SELECT count() FROM {table}").text == "0\n"


def test_a_session_keeps_its_settings_and_others_do_not_see_them(
    embedded_clickhouse: ClickHouse, client: Client
) -> None:
    client.command("SET max_threads = 1")
    client.command("CREATE TEMPORARY TABLE mine (a Int8)")
    client.command("INSERT INTO mine VALUES (7)")
    assert client.command("SELECT getSetting('max_threads'), (SELECT a FROM mine)") == ["1", "7"]
    other = clickhouse_connect.get_client(dsn=embedded_clickhouse.url)
    assert other.command("SELECT getSetting('max_threads')") != 1
    with pytest.raises(DatabaseError):
        other.command("SELECT a FROM mine")


def test_a_get_changes_nothing(embedded_clickhouse: ClickHouse, table: str) -> None:
    response = httpx.get(embedded_clickhouse.url, params={"query": f"DROP TABLE {table}"})
    assert response.headers["x-clickhouse-exception-code"] == "164"


def test_a_get_in_a_session_leaves_the_session_as_it_was(
    embedded_clickhouse: ClickHouse, table: str
) -> None:
    url, session = embedded_clickhouse.url, {"session_id": uuid.uuid4().hex}
    assert httpx.get(url, params=session | {"query": "SELECT 1"}).text == "1\n"
    refused = httpx.get(url, params=session | {"query": f"DROP TABLE {table}"})
    assert refused.headers["x-clickhouse-exception-code"] == "164"
    assert httpx.post(url, params=session, content=f"DROP TABLE {table}").status_code == 200
    unknown = httpx.post(
        url, params={"session_id": uuid.uuid4().hex, "session_check": "1"}, content="SELECT 1"
    )
    assert unknown.headers["x-clickhouse-exception-code"] == "372"


def test_times_are_utc_whatever_the_machine_s_zone(client: Client) -> None:
    assert client.command("SELECT timezone()") == "UTC"
    assert client.command("SELECT toString(today())") == datetime.now(UTC).date().isoformat()


def test_reads_run_beside_inserts_and_long_reads(
    embedded_clickhouse: ClickHouse, client: Client, table: str
) -> None:
    """One slow question must not hold up the sink."""
    slow = "SELECT sleep(3) FORMAT Null"
    thread = threading.Thread(
        target=lambda: httpx.post(embedded_clickhouse.url, content=slow, timeout=10)
    )
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    client.insert(table, [[1, "x", 0]], column_names=["a", "s", "at"])
    assert client.command(f"SELECT count() FROM {table}") == 1
    assert time.monotonic() - started < 1.5
    assert thread.is_alive()
    thread.join()
