"""Deliveries that arrive whole: answered without ASGI, and no different for it."""

import asyncio
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from streams.gateway.draining import Draining
from streams.gateway.keep import broker_away
from tests.unit.gateway.calls import RecordingPublisher, gateway
from tests.unit.gateway.lines import Bench, a_line, delivery, on_a_line

BODIES = [b'{"entry":[{"id":"%d"}]}' % number for number in range(4)]
FORGED = b"POST /webhooks/meta HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


def test_a_whole_delivery_is_kept_and_answered_without_asgi_and_its_connection_stays() -> None:
    async def scenario(bench: Bench) -> None:
        bench.line.send(delivery(BODIES[0]))
        assert await bench.answered(1) == [200]
        bench.line.send(delivery(BODIES[1], b"Transfer-Encoding: chunked"))
        assert await bench.answered(2) == [200, 200]
        assert bench.kept == BODIES[:2]
        assert (bench.asgi.count, bench.line.closed) == (0, False)

    on_a_line(scenario)


REQUESTS = [*[(delivery(body), 200) for body in BODIES], (FORGED, 401), (HEALTH, 200)]


@given(
    requests=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 1500), max_size=12),
    pauses=st.integers(0, 3),
)
def test_however_requests_are_cut_and_piled_up_each_has_its_answer_in_order(
    requests: list[tuple[bytes, int]], cuts: list[int], pauses: int
) -> None:
    """Invariant 1."""
    stream = b"".join(request for request, _ in requests)
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})

    async def scenario(bench: Bench) -> None:
        for start, end in zip([0, *ends], ends, strict=False):
            bench.line.send(stream[start:end])
            for _ in range(pauses):
                await asyncio.sleep(0)
        assert await bench.answered(len(requests)) == [status for _, status in requests]
        assert bench.kept == [
            request.partition(b"\r\n\r\n")[2]
            for request, status in requests
            if status == 200 and request != HEALTH
        ]

    on_a_line(scenario)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (delivery(b'{"a":"%b"}' % (b"x" * 100)), 413),
        (delivery(b"{}", b"Content-Encoding: gzip"), 415),
    ],
)
def test_what_is_out_of_bounds_is_refused_as_ever(request_: bytes, status: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.line.send(request_)
        assert await bench.answered(1) == [status]
        assert bench.asgi.count == 1
        assert bench.kept == []

    on_a_line(scenario, max_body_bytes=100)


def test_a_delivery_beyond_the_bytes_under_way_is_refused_and_they_are_given_back() -> None:
    async def run() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        app = gateway(publisher, max_in_flight_bytes=len(BODIES[0]))
        async with a_line(app, publisher) as first, a_line(app, publisher) as second:
            first.line.send(delivery(BODIES[0]))
            second.line.send(delivery(BODIES[1]))
            assert await second.answered(1) == [503]
            assert publisher.gate
            publisher.gate.set()
            assert await first.answered(1) == [200]
        async with a_line(app, publisher) as third:
            third.line.send(delivery(BODIES[2]))
            assert await third.answered(1) == [200]

    asyncio.run(run())


def test_a_sender_who_leaves_is_not_answered_and_holds_nothing() -> None:
    async def run() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        app = gateway(publisher, max_in_flight_bytes=len(BODIES[0]))
        async with a_line(app, publisher) as leaving:
            leaving.line.send(delivery(BODIES[0]))
            await asyncio.sleep(0)
        assert publisher.gate
        publisher.gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
        async with a_line(app, publisher) as staying:
            staying.line.send(delivery(BODIES[1]))
            assert await staying.answered(1) == [200]
        assert leaving.line.statuses == []
        assert leaving.kept == BODIES[:2]

    asyncio.run(run())


def test_a_delivery_under_way_is_answered_before_a_stopping_server_closes() -> None:
    async def run() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        async with a_line(gateway(publisher), publisher) as bench:
            bench.line.send(delivery(BODIES[0]))
            bench.line.protocol.shutdown()
            assert not bench.line.closed
            assert publisher.gate
            publisher.gate.set()
            assert await bench.answered(1) == [200]
            assert (b"connection", b"close") in bench.line.fields
            assert bench.line.closed

    asyncio.run(run())


def test_a_sender_who_asks_for_the_end_gets_it() -> None:
    async def scenario(bench: Bench) -> None:
        bench.line.send(delivery(BODIES[0], b"Connection: close"))
        assert await bench.answered(1) == [200]
        assert (b"connection", b"close") in bench.line.fields
        assert bench.line.closed

    on_a_line(scenario)


def test_who_does_not_read_the_answers_waits_with_the_next_delivery() -> None:
    async def scenario(bench: Bench) -> None:
        bench.line.protocol.pause_writing()
        bench.line.send(delivery(BODIES[0]))
        for _ in range(10):
            await asyncio.sleep(0)
        assert bench.line.statuses == []
        bench.line.protocol.resume_writing()
        assert await bench.answered(1) == [200]

    on_a_line(scenario)


def test_what_the_broker_did_not_keep_is_503_with_a_time() -> None:
    async def scenario(bench: Bench) -> None:
        bench.publisher.trouble = broker_away()
        bench.line.send(delivery(BODIES[0]))
        assert await bench.answered(1) == [503]
        assert (b"retry-after", b"5") in bench.line.fields

    on_a_line(scenario)


def test_a_draining_gateway_takes_no_whole_delivery_either() -> None:
    async def run() -> None:
        publisher, draining = RecordingPublisher(), Draining()
        async with a_line(gateway(publisher, draining=draining), publisher) as bench:
            draining.is_on = True
            bench.line.send(delivery(BODIES[0]))
            assert await bench.answered(1) == [503]
            assert bench.kept == []

    asyncio.run(run())


@pytest.mark.parametrize("where", ["reading", "keeping"])
def test_a_bug_in_one_delivery_is_500_and_the_log_says_where_without_its_text(where: str) -> None:
    def broken(*_: Any) -> str:
        raise KeyError("a text")

    async def run() -> None:
        publisher = RecordingPublisher()
        app = gateway(publisher, **({"reference": broken} if where == "reading" else {}))
        if where == "keeping":
            publisher.kept = None  # type: ignore[assignment]
        async with a_line(app, publisher) as bench:
            bench.line.send(delivery(BODIES[0]))
            assert await bench.answered(1) == [500]
            publisher.kept = []
            bench.line.send(FORGED)
            assert await bench.answered(2) == [500, 401]

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    failed = next(line for line in lines if line["event"] == "request failed")
    assert (failed["path"], failed["log_level"]) == ("/webhooks/meta", "error")
    assert "a text" not in str(lines)


def test_an_answer_says_the_same_on_both_ways() -> None:
    async def scenario(bench: Bench) -> None:
        bench.state.default_headers = [(b"date", b"today")]
        bench.line.send(delivery(BODIES[0]))
        await bench.answered(1)
        whole, bench.line.fields = bench.line.fields, []
        made = delivery(BODIES[1])
        bench.line.send(made[:-3], made[-3:])
        await bench.answered(2)
        assert bench.asgi.count == 1
        assert whole == bench.line.fields == [(b"date", b"today"), (b"content-length", b"0")]

    on_a_line(scenario)
