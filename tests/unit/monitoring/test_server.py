"""The port for those who watch."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from streams.local import processes
from streams.monitoring.ports import FIRST, NAMES, port_of
from streams.monitoring.server import MonitorServer, Verdict


class Health:
    live = Verdict(True, "all well")
    ready = Verdict(False, "recovering")


@pytest.fixture
def served() -> Iterator[tuple[Health, MonitorServer]]:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    health = Health()
    server = MonitorServer(
        "127.0.0.1", 0, live=lambda: health.live, ready=lambda: health.ready, registry=registry
    )
    server.start()
    yield health, server
    server.stop()


def get(server: MonitorServer, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def answer(server: MonitorServer, path: str) -> tuple[int, Any]:
    status, body = get(server, path)
    return status, json.loads(body)


def test_health_is_a_status_and_a_sentence(served: tuple[Health, MonitorServer]) -> None:
    health, server = served
    assert answer(server, "/health/live") == (200, {"ok": True, "because": "all well"})
    assert answer(server, "/health/ready") == (503, {"ok": False, "because": "recovering"})
    health.ready = Verdict(True, "recovered")
    assert answer(server, "/health/ready")[0] == 200


def test_metrics_are_in_prometheus_own_format(served: tuple[Health, MonitorServer]) -> None:
    status, body = get(served[1], "/metrics")
    assert status == 200
    assert b"# TYPE things_total counter\nthings_total 3.0" in body


def test_nothing_else_is_there(served: tuple[Health, MonitorServer]) -> None:
    for path in ("/", "/metrics/", "/health", "/../etc/passwd"):
        assert answer(served[1], path)[0] == 404


def test_a_port_that_is_taken_is_no_reason_not_to_start(
    served: tuple[Health, MonitorServer],
) -> None:
    good = Verdict(True, "")
    second = MonitorServer("127.0.0.1", served[1].port, live=lambda: good, ready=lambda: good)
    second.start()
    try:
        assert second.port != served[1].port
        assert answer(second, "/health/live")[0] == 200
    finally:
        second.stop()
    assert not processes.is_listening(second.port)


def test_a_process_that_starts_anew_has_its_port_though_it_was_asked_a_moment_ago() -> None:
    good = Verdict(True, "")
    first = MonitorServer("127.0.0.1", 0, live=lambda: good, ready=lambda: good)
    first.start()
    assert answer(first, "/health/live")[0] == 200  # its end of the connection: TIME_WAIT
    first.stop()
    anew = MonitorServer("127.0.0.1", first.port, live=lambda: good, ready=lambda: good)
    anew.start()
    try:
        assert anew.port == first.port
        assert answer(anew, "/health/live")[0] == 200
    finally:
        anew.stop()


def test_each_process_has_a_port_of_its_own_and_zero_is_none() -> None:
    assert [port_of(None, name) for name in NAMES] == [FIRST + n for n in range(5)]
    assert port_of(0, "history") == 0
    assert port_of(7, "history") == 7
