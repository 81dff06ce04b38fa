"""A signed webhook is kept as it came, what is untrusted is answered 401, no log line tells it."""

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
from streams.gateway.keep import broker_away
from streams.gateway.signatures import sign_ayrshare
from tests.unit.gateway.calls import NOW, SECRETS, RecordingPublisher, call, gateway
from tests.unit.gateway.signing import META_BODY, post, signed


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
