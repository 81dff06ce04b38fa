"""What Meta and X ask before they send."""

import orjson
import pytest

from streams.gateway.signatures import sign_x
from tests.unit.gateway.calls import RecordingPublisher, call, gateway

META = "/webhooks/meta?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1158201444"


def test_meta_gets_its_challenge_back_as_plain_text() -> None:
    reply = call(gateway(RecordingPublisher()), "GET", META)
    assert (reply.status, reply.body) == (200, b"1158201444")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "target",
    [
        META.replace("verify-me", "guess"),
        META.replace("verify-me", ""),
        META.replace("verify-me", "verify-me&hub.verify_token=verify-me"),
        META.replace("subscribe", "unsubscribe"),
        META.replace("hub.challenge", "challenge"),
        "/webhooks/meta",
        "/webhooks/meta?" + "&".join(f"a{i}=1" for i in range(1000)),
    ],
)
def test_any_other_question_of_metas_is_forbidden(target: str) -> None:
    reply = call(gateway(RecordingPublisher()), "GET", target)
    assert (reply.status, reply.error["reason"]) == (403, "verification_failed")


def test_without_a_verify_token_of_ours_an_empty_one_opens_nothing() -> None:
    app = gateway(RecordingPublisher(), meta_verify_token="")
    assert call(app, "GET", META.replace("verify-me", "")).status == 403


def test_x_gets_its_token_signed() -> None:
    reply = call(gateway(RecordingPublisher()), "GET", "/webhooks/x?crc_token=crc-token-1")
    assert reply.status == 200
    assert orjson.loads(reply.body) == {
        "response_token": "sha256=aJ/TfRGygcFc7Yofl6IC07Ywjqb8THuaNEI/WohhbMw="
    }


def test_while_xs_secret_rotates_the_first_of_ours_answers() -> None:
    app = gateway(RecordingPublisher(), x_consumer_secrets="consumer-secret,older")
    reply = call(app, "GET", "/webhooks/x?crc_token=crc-token-1")
    expected = "sha256=aJ/TfRGygcFc7Yofl6IC07Ywjqb8THuaNEI/WohhbMw="
    assert orjson.loads(reply.body)["response_token"] == expected


def test_xs_challenge_never_signs_what_could_be_a_webhook() -> None:
    """Challenge and body are signed alike; else anyone could fetch a signature for a forgery."""
    forged = b'{"for_user_id":"1"}'
    app = gateway(RecordingPublisher())
    reply = call(app, "GET", "/webhooks/x?crc_token=%7B%22for_user_id%22%3A%221%22%7D")
    assert (reply.status, reply.error["reason"]) == (400, "invalid_crc_token")
    signature = sign_x("consumer-secret", forged)["x-twitter-webhooks-signature"]
    assert signature.encode() not in reply.body


@pytest.mark.parametrize("query", ["", "?crc_token=", "?crc_token=a&crc_token=b"])
def test_x_without_one_token_is_answered_400(query: str) -> None:
    assert call(gateway(RecordingPublisher()), "GET", "/webhooks/x" + query).status == 400


def test_x_without_a_secret_of_ours_is_answered_401() -> None:
    app = gateway(RecordingPublisher(), x_consumer_secrets=())
    assert call(app, "GET", "/webhooks/x?crc_token=a").status == 401
