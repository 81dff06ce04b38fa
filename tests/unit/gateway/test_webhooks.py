"""The HTTP rules, on the whole app in process."""

import asyncio
import hashlib
import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import WebhookHeader
from streams.gateway.draining import Draining
from streams.gateway.keep import broker_away, broker_slow
from streams.gateway.signatures import sign_ayrshare, sign_meta, sign_x
from tests.unit.gateway.calls import (
    NOW,
    SECRETS,
    RecordingPublisher,
    call,
    call_async,
    gateway,
)

META_BODY = b'{"object": "page", "entry":[{"id":"77","messaging":[{"text":"\\u00e4 secret"}]}]}'
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def signed(provider: str, body: bytes) -> dict[str, str]:
    if provider == "ayrshare":
        return sign_ayrshare(SECRETS[provider], body, NOW)
    return {"meta": sign_meta, "x": sign_x}[provider](SECRETS[provider], body)


def post(app: Any, provider: str, body: bytes, **more: str) -> Any:
    headers = signed(provider, body) | more
    return call(app, "POST", f"/webhooks/{provider}", headers=headers, chunks=[body])


@pytest.mark.parametrize(
    ("provider", "body", "key"),
    [
        ("ayrshare", b'{"action":"messages","refId":"r1"}', b"r1"),
        ("meta", META_BODY, b"77"),
        ("x", b'{"for_user_id":"42"}', b"42"),
    ],
)
def test_a_signed_body_is_kept_byte_for_byte_under_its_account(
    provider: str, body: bytes, key: bytes
) -> None:
    publisher = RecordingPublisher()
    assert post(gateway(publisher), provider, body).status == 200
    [(kept_key, value, headers)] = publisher.kept
    assert (kept_key, value) == (key, body)
    assert headers[WebhookHeader.PROVIDER] == provider.encode()
    assert headers[WebhookHeader.RECEIVED_AT] == b"2026-11-22T14:33:07.120Z"
    assert headers[WebhookHeader.SHA256] == hashlib.sha256(body).hexdigest().encode()
    assert len(headers[WebhookHeader.DELIVERY_ID]) == 32
    assert WebhookHeader.DELIVERY_ATTEMPT not in headers


def test_ayrshares_delivery_id_and_attempt_travel_along() -> None:
    publisher = RecordingPublisher()
    more = {"X-Ayrshare-Delivery-Id": "d-1", "X-Ayrshare-Delivery-Attempt": "2"}
    post(gateway(publisher), "ayrshare", b"{}", **more)
    headers = publisher.kept[0][2]
    assert headers[WebhookHeader.DELIVERY_ID] == b"d-1"
    assert headers[WebhookHeader.DELIVERY_ATTEMPT] == b"2"


@pytest.mark.parametrize("given_id", ["", "x" * 201, "caf\xe9", "a\tb"])
def test_a_delivery_id_that_is_no_id_is_replaced(given_id: str) -> None:
    publisher = RecordingPublisher()
    more = {"X-Ayrshare-Delivery-Id": given_id, "X-Ayrshare-Delivery-Attempt": "many"}
    assert post(gateway(publisher), "ayrshare", b"{}", **more).status == 200
    headers = publisher.kept[0][2]
    assert re.fullmatch(rb"[0-9a-f]{32}", headers[WebhookHeader.DELIVERY_ID])
    assert WebhookHeader.DELIVERY_ATTEMPT not in headers


def test_other_providers_have_no_delivery_headers_of_ayrshares() -> None:
    publisher = RecordingPublisher()
    post(gateway(publisher), "meta", META_BODY, **{"X-Ayrshare-Delivery-Id": "d-1"})
    assert publisher.kept[0][2][WebhookHeader.DELIVERY_ID] != b"d-1"


@given(
    entries=st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=20),
    cuts=st.lists(st.integers(0, 400), max_size=5),
)
def test_a_body_in_any_pieces_is_one_record_of_the_same_bytes(
    entries: list[dict[str, str]], cuts: list[int]
) -> None:
    body = orjson.dumps({"refId": "r", "data": entries}, option=orjson.OPT_INDENT_2)
    ends = sorted({min(cut, len(body)) for cut in cuts} | {len(body)})
    chunks = [body[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    publisher = RecordingPublisher()
    reply = call(
        gateway(publisher),
        "POST",
        "/webhooks/ayrshare",
        headers=signed("ayrshare", body),
        chunks=chunks,
    )
    assert reply.status == 200
    assert [value for _, value, _ in publisher.kept] == [body]


@pytest.mark.parametrize("provider", ["ayrshare", "meta", "x"])
def test_a_wrong_signature_is_answered_401_and_nothing_is_kept(provider: str) -> None:
    publisher = RecordingPublisher()
    headers = signed(provider, b'{"other":1}')
    reply = call(
        gateway(publisher), "POST", f"/webhooks/{provider}", headers=headers, chunks=[b"{}"]
    )
    assert (reply.status, reply.error["reason"]) == (401, "invalid_signature")
    assert publisher.kept == []


def test_all_untrusted_deliveries_get_the_same_answer() -> None:
    """Absent, malformed, wrong, late, no secret: who guesses learns nothing from the answer."""
    publisher = RecordingPublisher()
    app, no_secrets = gateway(publisher), gateway(publisher, ayrshare_secrets=())
    late = sign_ayrshare(SECRETS["ayrshare"], b"{}", NOW - timedelta(seconds=301))
    good = signed("ayrshare", b"{}")
    broken_time = good | {"X-Authorization-Timestamp": "noon"}
    replies = [
        call(a, "POST", "/webhooks/ayrshare", headers=h, chunks=[b])
        for a, h, b in [
            (app, {}, b"{}"),
            (app, {"X-Authorization-Content-SHA256": "zz"}, b"{}"),
            (app, good, b"not json"),
            (app, late, b"{}"),
            (app, broken_time, b"{}"),
            (app, [*good.items(), *good.items()], b"{}"),
            (no_secrets, good, b"{}"),
        ]
    ]
    assert {(reply.status, reply.body) for reply in replies} == {(401, replies[0].body)}
    assert publisher.kept == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"text"', b"{", b'{"a":1}x', b'{"a":"\xff"}', b"\xef\xbb\xbf{}", DEEP],
)
def test_an_unreadable_body_is_400_if_signed_and_401_if_not(body: bytes) -> None:
    publisher = RecordingPublisher()
    app = gateway(publisher)
    reply = post(app, "meta", body)
    assert (reply.status, reply.error["reason"]) == (400, "unreadable_body")
    assert call(app, "POST", "/webhooks/meta", chunks=[body]).status == 401
    assert publisher.kept == []


def test_a_body_over_the_limit_is_413_by_its_length_before_it_is_read() -> None:
    app = gateway(RecordingPublisher(), max_body_bytes=100)
    headers = {"Content-Length": "101"}
    reply = call(app, "POST", "/webhooks/meta", headers=headers, disconnects=True)
    assert (reply.status, reply.error["reason"]) == (413, "body_too_large")
    assert reply.headers["connection"] == "close"


def test_a_body_over_the_limit_is_413_while_it_is_read() -> None:
    publisher = RecordingPublisher()
    app = gateway(publisher, max_body_bytes=100)
    reply = call(app, "POST", "/webhooks/meta", chunks=[b"x" * 60, b"x" * 41, b"x" * 60])
    assert reply.status == 413
    assert publisher.kept == []


def test_a_body_of_exactly_the_limit_passes() -> None:
    publisher = RecordingPublisher()
    body = b'{"refId":"' + b"x" * 88 + b'"}'
    app = gateway(publisher, max_body_bytes=len(body))
    reply = post(app, "ayrshare", body, **{"Content-Length": str(len(body))})
    assert reply.status == 200


@pytest.mark.parametrize("length", ["-1", "many", "9" * 5000])
def test_a_content_length_that_is_none_is_refused(length: str) -> None:
    reply = call(
        gateway(RecordingPublisher()), "POST", "/webhooks/x", headers={"Content-Length": length}
    )
    assert reply.status in {400, 413}


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_an_encoded_body_is_415(encoding: str) -> None:
    publisher = RecordingPublisher()
    reply = post(gateway(publisher), "meta", META_BODY, **{"Content-Encoding": encoding})
    assert (reply.status, reply.error["reason"]) == (415, "content_encoding_not_supported")
    assert publisher.kept == []


def test_identity_is_no_encoding() -> None:
    assert (
        post(
            gateway(RecordingPublisher()), "meta", META_BODY, **{"Content-Encoding": "identity"}
        ).status
        == 200
    )


def test_what_a_client_that_leaves_has_sent_is_not_kept() -> None:
    publisher = RecordingPublisher()
    headers = signed("meta", META_BODY)
    reply = call(
        gateway(publisher),
        "POST",
        "/webhooks/meta",
        headers=headers,
        chunks=[META_BODY],
        disconnects=True,
    )
    assert reply.status == 0
    assert publisher.kept == []


@pytest.mark.parametrize("trouble", [broker_away(), broker_slow()])
def test_a_record_that_may_not_be_kept_is_503_with_retry_after(trouble: Any) -> None:
    """Invariant 1."""
    reply = post(gateway(RecordingPublisher(trouble=trouble)), "meta", META_BODY)
    assert (reply.status, reply.error["reason"]) == (503, trouble.reason)
    assert int(reply.headers["retry-after"]) >= 1


class Ending(RecordingPublisher):
    """The loop ends: what is under way is cancelled."""

    def publish(self, *_: Any) -> asyncio.Future[None]:  # type: ignore[override]
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.get_loop().call_soon(future.cancel)
        return future


def test_a_record_whose_keeping_is_cancelled_is_503_and_its_bytes_are_given_back() -> None:
    """Invariant 1."""

    async def scenario() -> None:
        app = gateway(Ending(), max_in_flight_bytes=len(META_BODY))
        for _ in range(2):
            async with asyncio.timeout(5):
                reply = await call_async(
                    app,
                    "POST",
                    "/webhooks/meta",
                    headers=signed("meta", META_BODY),
                    chunks=[META_BODY],
                )
            assert (reply.status, reply.error["reason"]) == (503, "shutting_down")

    asyncio.run(scenario())


def test_no_answer_is_given_before_the_record_is_kept() -> None:
    """Invariant 1."""

    async def scenario() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        request = asyncio.create_task(
            call_async(
                gateway(publisher),
                "POST",
                "/webhooks/meta",
                headers=signed("meta", META_BODY),
                chunks=[META_BODY],
            )
        )
        await asyncio.sleep(0.02)
        assert not request.done()
        publisher.gate.set()
        assert (await request).status == 200
        assert len(publisher.kept) == 1

    asyncio.run(scenario())


def test_above_the_bound_of_bytes_under_way_webhooks_are_503_until_there_is_room() -> None:
    async def scenario() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        app = gateway(publisher, max_in_flight_bytes=2 * len(META_BODY))

        def one() -> Any:
            headers = signed("meta", META_BODY)
            return call_async(app, "POST", "/webhooks/meta", headers=headers, chunks=[META_BODY])

        held = [asyncio.create_task(one()) for _ in range(2)]
        await asyncio.sleep(0.02)
        refused = await one()
        assert (refused.status, refused.error["reason"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        publisher.gate.set()
        assert [(await task).status for task in held] == [200, 200]
        assert (await one()).status == 200

    asyncio.run(scenario())


def test_bytes_of_failed_requests_are_given_back() -> None:
    publisher = RecordingPublisher()
    app = gateway(publisher, max_in_flight_bytes=len(META_BODY), max_body_bytes=len(META_BODY))
    for _ in range(3):
        call(app, "POST", "/webhooks/meta", chunks=[META_BODY])  # 401
        call(app, "POST", "/webhooks/meta", chunks=[META_BODY[:9]], disconnects=True)
        call(app, "POST", "/webhooks/meta", chunks=[META_BODY, b"too long"])
        publisher.trouble = broker_away()
        post(app, "meta", META_BODY)
        publisher.trouble = None
    assert post(app, "meta", META_BODY).status == 200


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/", "/webhooks/meta/", "/webhooks/y"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_404(path: str, method: str) -> None:
    reply = call(gateway(RecordingPublisher()), method, path)
    assert (reply.status, reply.error["reason"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/webhooks/ayrshare", {"POST"}),
        ("PUT", "/webhooks/meta", {"GET", "HEAD", "POST"}),
        ("DELETE", "/webhooks/x", {"GET", "HEAD", "POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("POST", "/readyz", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_405_with_allow(method: str, path: str, allowed: set[str]) -> None:
    reply = call(gateway(RecordingPublisher()), method, path)
    assert (reply.status, reply.error["reason"]) == (405, "method_not_allowed")
    assert set(reply.headers["allow"].split(", ")) == allowed


def test_the_process_lives_though_the_broker_is_away_but_is_not_ready() -> None:
    app = gateway(RecordingPublisher(trouble=broker_away()))
    assert call(app, "GET", "/healthz").status == 200
    reply = call(app, "GET", "/readyz")
    assert (reply.status, reply.error["reason"]) == (503, "broker_unavailable")
    assert call(gateway(RecordingPublisher()), "GET", "/readyz").status == 200


@pytest.mark.parametrize("path", ["/readyz", "/health/ready"])
def test_a_drained_gateway_is_alive_and_not_ready_until_it_takes_again(path: str) -> None:
    draining = Draining()
    app = gateway(RecordingPublisher(), draining=draining)
    draining.is_on = True
    reply = call(app, "GET", path)
    assert (reply.status, reply.error["reason"]) == (503, "draining")
    assert reply.headers["retry-after"] == "30"
    assert call(app, "GET", "/health/live").status == 200
    draining.is_on = False
    assert call(app, "GET", path).status == 200


def test_a_bug_is_answered_500_and_logged_without_what_it_held() -> None:
    """Invariant 11."""

    class Broken(RecordingPublisher):
        async def publish(self, *record: Any) -> None:
            raise KeyError(record[1].decode())

    with structlog.testing.capture_logs() as logs:
        reply = post(gateway(Broken()), "meta", META_BODY)
    assert (reply.status, reply.error["reason"]) == (500, "internal_error")
    assert [entry["error"] for entry in logs if entry["log_level"] == "error"] == ["KeyError"]
    assert "secret" not in str(logs)


def test_no_log_line_holds_a_body_a_secret_or_a_signature() -> None:
    """Invariant 11."""
    publisher = RecordingPublisher()
    with structlog.testing.capture_logs() as logs:
        app = gateway(publisher)
        post(app, "meta", META_BODY)
        call(app, "POST", "/webhooks/meta", headers=signed("meta", b"{}"), chunks=[META_BODY])
        call(app, "GET", "/webhooks/meta?hub.verify_token=guess")
        call(app, "GET", "/webhooks/x?crc_token=token")
        publisher.trouble = broker_away()
        post(app, "meta", META_BODY)
    assert len(logs) == 5
    written = str(logs)
    for kept_out in ("u00e4", *SECRETS.values(), signed("meta", META_BODY)["X-Hub-Signature-256"]):
        assert kept_out not in written
    assert {"provider": "meta", "account": "77", "outcome": "kept"}.items() <= logs[0].items()
