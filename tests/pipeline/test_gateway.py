"""The gateway as a process before a real broker: what it answers 2xx is on the topic."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from schemas.topics import WEBHOOKS, WebhookHeader
from streams.gateway.signatures import sign_ayrshare, sign_meta, sign_x
from streams.kafka import ensure_topics
from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings
from tests.pipeline.gateways import (
    ENVIRONMENT,
    WEBHOOK_TOPIC,
    Gateway,
    Start,
    records,
    refused,
    wait_until,
)

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts gateways on free ports; they end with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start_gateway(settings: Settings, **more: str) -> Gateway:
        port = processes.free_port()
        log_file = tmp_path / f"gateway-{port}.log"
        process = processes.start(
            [sys.executable, "-m", "tests.pipeline.gateway_process"],
            log_file=log_file,
            environment=ENVIRONMENT
            | {
                "DM_KAFKA": settings.kafka,
                "DM_TOPIC_PREFIX": settings.topic_prefix,
                "DM_PORT": str(port),
            }
            | more,
        )
        running.append(process)
        wait_until(lambda: processes.is_listening(port), "the gateway listens")
        return Gateway(process, f"http://127.0.0.1:{port}", port, log_file)

    yield start_gateway
    for process in running:
        processes.stop(process)


@pytest.fixture
def gateway(start: Start, settings: Settings) -> Gateway:
    asyncio.run(ensure_topics(settings, WEBHOOK_TOPIC))
    started = start(settings)
    wait_until(started.is_ready, "the gateway is ready")
    return started


def test_what_is_kept_is_what_was_sent(gateway: Gateway, settings: Settings) -> None:
    """Invariant 1."""
    meta = '{"object": "page",\n "entry":[{"id":"77","x":"\\u00e4 ä \\ud83d\\ude00"}] }'.encode()
    many = orjson.dumps(
        {"entry": [{"id": str(page), "messaging": [{"n": page}]} for page in range(900)]}
    )
    ayrshare, x = b'{"refId":"r1","hookId":"h"}\n', b'{"for_user_id":"42"}'
    now = datetime.now(UTC)
    requests = [
        ("meta", meta, sign_meta("app-secret", meta)),
        ("meta", many, sign_meta("next-app-secret", many)),
        (
            "ayrshare",
            ayrshare,
            sign_ayrshare("hook-secret", ayrshare, now) | {"X-Ayrshare-Delivery-Id": "d1"},
        ),
        ("x", x, sign_x("consumer-secret", x)),
    ]
    for provider, body, headers in requests:
        url = f"{gateway.url}/webhooks/{provider}"
        assert httpx.post(url, content=body, headers=headers).status_code == 200

    kept = {record.value: record for record in records(settings, 4)}
    assert set(kept) == {meta, many, ayrshare, x}
    assert [kept[body].key for body in (meta, many, ayrshare, x)] == [b"77", b"0", b"r1", b"42"]
    headers = dict(kept[ayrshare].headers)
    assert headers[WebhookHeader.PROVIDER] == b"ayrshare"
    assert headers[WebhookHeader.DELIVERY_ID] == b"d1"
    received_at = datetime.fromisoformat(headers[WebhookHeader.RECEIVED_AT].decode())
    assert abs((received_at - now).total_seconds()) < 30


def test_two_hundred_in_parallel_are_all_kept_once_and_an_account_has_one_partition(
    gateway: Gateway, settings: Settings
) -> None:
    bodies = [
        orjson.dumps({"entry": [{"id": str(number % 20)}], "n": number}) for number in range(200)
    ]

    async def send() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(limits=limits, timeout=20) as client:
            replies = await asyncio.gather(
                *(
                    client.post(
                        f"{gateway.url}/webhooks/meta",
                        content=body,
                        headers=sign_meta("app-secret", body),
                    )
                    for body in bodies
                )
            )
        return [reply.status_code for reply in replies]

    assert asyncio.run(send()) == [200] * len(bodies)
    kept = records(settings, len(bodies))
    assert sorted(record.value for record in kept) == sorted(bodies)
    partitions = {record.key: record.partition for record in kept}
    assert all(partitions[record.key] == record.partition for record in kept)
    assert len(set(partitions.values())) > 1


def test_nothing_unsigned_or_unreadable_or_too_large_is_kept(
    gateway: Gateway, settings: Settings
) -> None:
    url = f"{gateway.url}/webhooks/meta"
    large = b'{"a":"' + b"x" * 200_000 + b'"}'

    def in_chunks() -> Iterator[bytes]:
        for at in range(0, len(large), 5000):
            yield large[at : at + 5000]

    signed_large = sign_meta("app-secret", large)
    assert httpx.post(url, content=b"{}").status_code == 401
    assert gateway.post(b"[]").status_code == 400
    assert httpx.post(url, content=large, headers=signed_large).status_code == 413
    assert httpx.post(url, content=in_chunks(), headers=signed_large).status_code == 413
    assert httpx.get(f"{gateway.url}/webhooks/ayrshare").status_code == 405
    assert gateway.post(b'{"entry":[{"id":"last"}]}').status_code == 200
    assert [record.key for record in records(settings, 1)] == [b"last"]


def test_a_sender_that_stalls_or_leaves_is_not_kept_and_holds_nobody_up(
    start: Start, settings: Settings
) -> None:
    asyncio.run(ensure_topics(settings, WEBHOOK_TOPIC))
    gateway = start(settings, DM_REQUEST_TIMEOUT_SECONDS="2")
    wait_until(gateway.is_ready, "the gateway is ready")
    body = b'{"entry":[{"id":"1"}]}'
    signature = sign_meta("app-secret", body)["X-Hub-Signature-256"]
    head = (
        f"POST /webhooks/meta HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
        f"X-Hub-Signature-256: {signature}\r\n\r\n"
    ).encode()
    with (
        socket.create_connection(("127.0.0.1", gateway.port)) as stalling,
        socket.create_connection(("127.0.0.1", gateway.port)) as leaving,
    ):
        stalling.sendall(head + body[:-1])
        leaving.sendall(head + body[:-1])
        leaving.close()
        assert gateway.post(b'{"entry":[{"id":"2"}]}').status_code == 200
        stalling.settimeout(30)
        assert stalling.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert [record.key for record in records(settings, 1)] == [b"2"]


def test_the_broker_dies_and_comes_back(start: Start, tmp_path: Path) -> None:
    """Invariant 1: 503 with Retry-After meanwhile, and no 2xx that is not on the topic."""
    broker_port = processes.free_port()
    settings = Settings(_env_file=None, kafka=f"127.0.0.1:{broker_port}", embedded=True)
    gateway = start(settings)
    body = b'{"entry":[{"id":"1"}]}'

    # The broker is late: alive, not ready, and quick to say so.
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    assert httpx.get(f"{gateway.url}/readyz").json()["reason"] == "broker_unavailable"
    refused(gateway.post(body), within=0.5)
    assert "waiting for the broker" in gateway.log

    # The broker is there, the topic is not: nothing is made, and it is said what to do.
    broker = start_broker(broker_port, log_file=tmp_path / "broker.log")
    try:
        wait_until(lambda: "`dmstream topics --create`" in gateway.log, "it says what is missing")
        assert httpx.get(f"{gateway.url}/readyz").json()["reason"] == "topic_missing"
        refused(gateway.post(body), within=0.5)
        assert asyncio.run(ensure_topics(settings, WEBHOOK_TOPIC)) == [WEBHOOKS]
        wait_until(gateway.is_ready, "it finds the topic")
        assert gateway.post(body).status_code == 200
    finally:
        broker.kill()
        broker.wait()

    # It dies under way: bounded, then at once.
    refused(gateway.post(body), within=3.5)
    wait_until(lambda: not gateway.is_ready(), "it is not ready")
    refused(gateway.post(body), within=3.5)

    # A new one takes its place, empty, and is used once it has the topic.
    broker = start_broker(broker_port, log_file=tmp_path / "broker.log")
    try:
        assert asyncio.run(ensure_topics(settings, WEBHOOK_TOPIC)) == [WEBHOOKS]
        wait_until(gateway.is_ready, "it is ready again")
        wait_until(lambda: gateway.post(body).status_code == 200, "it keeps again")
        assert {record.value for record in records(settings, 1)} == {body}
    finally:
        processes.stop(broker, grace_seconds=0)


def test_a_broker_that_hangs_is_answered_for_in_time(start: Start, tmp_path: Path) -> None:
    """Invariant 1: the outcome is unknown, so it is no success; a duplicate is harmless."""
    broker_port = processes.free_port()
    broker = start_broker(broker_port, log_file=tmp_path / "broker.log")
    try:
        settings = Settings(_env_file=None, kafka=f"127.0.0.1:{broker_port}", embedded=True)
        asyncio.run(ensure_topics(settings, WEBHOOK_TOPIC))
        gateway = start(settings)
        wait_until(gateway.is_ready, "it is ready")
        body = b'{"entry":[{"id":"1"}]}'
        processes.pause(broker)
        refused(gateway.post(body), within=2.5)
        assert httpx.get(f"{gateway.url}/readyz").status_code == 503
        broker.send_signal(signal.SIGCONT)
        wait_until(gateway.is_ready, "it is ready again")
        assert gateway.post(b'{"entry":[{"id":"2"}]}').status_code == 200
        time.sleep(2)  # until what was under way has failed for good
        assert gateway.log.count("connecting anew") == 1
        assert gateway.is_ready()
        kept = {record.value for record in records(settings, 1)}
        assert kept <= {body, b'{"entry":[{"id":"2"}]}'}
        assert b'{"entry":[{"id":"2"}]}' in kept
    finally:
        broker.send_signal(signal.SIGCONT)
        processes.stop(broker, grace_seconds=0)


def test_on_sigterm_each_2xx_is_on_the_topic_and_the_process_ends_well(
    gateway: Gateway, settings: Settings
) -> None:
    """Invariant 1."""
    answered: list[bytes] = []
    enough = asyncio.Event()

    async def keep_sending(client: httpx.AsyncClient, sender: int) -> None:
        with contextlib.suppress(httpx.TransportError):
            for number in range(10_000):
                body = orjson.dumps({"entry": [{"id": str(sender)}], "n": number})
                reply = await client.post(
                    f"{gateway.url}/webhooks/meta",
                    content=body,
                    headers=sign_meta("app-secret", body),
                )
                if reply.status_code == 200:
                    answered.append(body)
                if len(answered) > 90:
                    enough.set()

    async def scenario() -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            senders = [asyncio.create_task(keep_sending(client, n)) for n in range(30)]
            await asyncio.wait_for(enough.wait(), 30)
            gateway.process.send_signal(signal.SIGTERM)
            await asyncio.gather(*senders)

    asyncio.run(scenario())
    assert gateway.process.wait(10) == 0
    kept = {record.value for record in records(settings, len(answered))}
    assert set(answered) <= kept
    assert "gateway stopped" in gateway.log


def test_at_the_start_it_says_whose_webhooks_are_refused(start: Start, settings: Settings) -> None:
    gateway = start(settings, DM_X_CONSUMER_SECRETS="")
    body = b'{"for_user_id":"1"}'
    headers = sign_x("", body)
    assert httpx.post(f"{gateway.url}/webhooks/x", content=body, headers=headers).status_code == 401
    warnings = [line for line in gateway.log.splitlines() if '"warning"' in line]
    assert any("DM_X_CONSUMER_SECRETS" in line for line in warnings)
    assert any("no_secret_configured" in line for line in warnings)
    for secret in ("hook-secret", "app-secret", "verify-me"):
        assert secret not in gateway.log
