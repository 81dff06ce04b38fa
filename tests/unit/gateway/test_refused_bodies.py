"""Bodies that are refused, and what is answered: too large, encoded, unreadable."""

import pytest

from tests.unit.gateway.calls import RecordingPublisher, call, gateway
from tests.unit.gateway.signing import META_BODY, post

DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


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
