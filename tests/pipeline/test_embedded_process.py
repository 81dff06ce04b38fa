"""The embedded ClickHouse as a process: how it starts, ends and is killed."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from streams.local import processes
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline


def server(data: Path, port: int, read_only_port: int) -> list[str]:
    return [
        sys.executable, "-m", "sinks.embedded", "--data", str(data),
        "--port", str(port), "--read-only-port", str(read_only_port),
    ]  # fmt: skip


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
