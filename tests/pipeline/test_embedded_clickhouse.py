"""The embedded ClickHouse as a process, spoken to as ordinary clients speak."""

import gzip
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from lz4 import frame

from sinks.embedded import compression
from streams.local import processes
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


def server(data: Path, port: int, read_only_port: int) -> list[str]:
    return [
        sys.executable, "-m", "sinks.embedded", "--data", str(data),
        "--port", str(port), "--read-only-port", str(read_only_port),
    ]  # fmt: skip


def test_ping_and_root_say_ok(embedded_clickhouse: ClickHouse) -> None:
    for url in (embedded_clickhouse.url, embedded_clickhouse.read_url):
        assert httpx.get(f"{url}/ping").text == "Ok.\n"
        assert httpx.get(url).text == "Ok.\n"


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


# The process


def test_a_second_server_on_the_folder_says_so_and_ends(tmp_path: Path) -> None:
    ports = [processes.free_port() for _ in range(4)]
    first = processes.start(server(tmp_path / "data", *ports[:2]), log_file=tmp_path / "first.log")
    try:
        _wait_for(ports[0])
        second = subprocess.run(
            server(tmp_path / "data", *ports[2:]),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert second.returncode == 1
        assert "is in use by another embedded ClickHouse" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
    finally:
        processes.stop(first)


def test_a_taken_port_is_one_sentence(tmp_path: Path, embedded_clickhouse: ClickHouse) -> None:
    taken = int(embedded_clickhouse.url.rsplit(":", 1)[1])
    ended = subprocess.run(
        server(tmp_path / "data", taken, processes.free_port()),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, len(ended.stderr.strip().splitlines())) == (1, 1)
    assert f"port {taken}" in ended.stderr


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # not even root can make a folder below a file
    ended = subprocess.run(
        server(tmp_path / "file" / "data", processes.free_port(), processes.free_port()),
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (ended.returncode, len(ended.stderr.strip().splitlines())) == (1, 1)
    assert "can't be written" in ended.stderr


@pytest.mark.parametrize("busy", [False, True])
def test_sigterm_ends_it_within_three_seconds(tmp_path: Path, busy: bool) -> None:
    port = processes.free_port()
    child = processes.start(
        server(tmp_path / "data", port, processes.free_port()), log_file=tmp_path / "log"
    )
    _wait_for(port)
    question = threading.Thread(
        target=lambda: httpx.post(
            f"http://127.0.0.1:{port}",
            content="SELECT count() FROM numbers(1000000000000)",
            timeout=20,
        )
    )
    if busy:
        question.start()
        time.sleep(0.5)
    started = time.monotonic()
    child.terminate()
    assert child.wait(10) == 0
    assert time.monotonic() - started < 3
    if busy:
        question.join()


@pytest.mark.faults
def test_kill_9_loses_no_acknowledged_insert_and_corrupts_nothing(tmp_path: Path) -> None:
    """Three times, in the middle of inserts from two threads, merges going on."""
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    acknowledged: list[int] = []
    sent = iter(range(10**9))
    for round_number in range(3):
        child = processes.start(
            server(tmp_path / "data", port, processes.free_port()), log_file=tmp_path / "log"
        )
        _wait_for(port)
        with httpx.Client(timeout=10) as http:
            http.post(
                url,
                content="CREATE TABLE IF NOT EXISTS default.t (a UInt64, s String)"
                " ENGINE = ReplacingMergeTree ORDER BY a"
                " SETTINGS non_replicated_deduplication_window = 1000,"
                " fsync_after_insert = 1, fsync_part_directory = 1",
            ).raise_for_status()
            # A broken part would be moved aside, and its rows be missing.
            assert http.post(url, content="SELECT count() FROM system.detached_parts").text == "0\n"
            found = http.post(
                url, content="SELECT DISTINCT intDiv(a, 1000) FROM default.t"
            ).text.split()
            assert set(acknowledged) <= {int(batch) for batch in found}, round_number
            checked = http.post(
                url, content="CHECK TABLE default.t SETTINGS check_query_single_value_result = 1"
            )
            assert checked.text.split()[-1] == "1"

        def insert_until_dead() -> None:
            with httpx.Client(timeout=10) as http:
                for batch in sent:
                    rows = b"".join(
                        b"%d\t%s\n" % (batch * 1000 + n, b"x" * 200) for n in range(1000)
                    )
                    try:
                        http.post(
                            url, content=b"INSERT INTO default.t FORMAT TSV\n" + rows
                        ).raise_for_status()
                    except httpx.HTTPError:
                        return
                    acknowledged.append(batch)

        threads = [threading.Thread(target=insert_until_dead) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        child.kill()
        child.wait()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 10


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while not processes.is_listening(port):
        assert time.monotonic() < deadline
        time.sleep(0.02)
