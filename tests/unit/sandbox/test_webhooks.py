"""The sandbox signs as the platforms do: vectors computed from the platforms' descriptions."""

from streams.sandbox.config import Account, Config
from streams.sandbox.webhooks import _signed

CONFIG = Config(
    ayrshare_secret="hook-secret", meta_app_secret="app-secret", x_consumer_secret="consumer-secret"
)


def test_ayrshare_signs_the_body_in_hex() -> None:
    post = _signed(
        CONFIG, Account("ayrshare", "facebook", "1"), {"action": "messages", "hookId": "h1"}
    )
    assert post.body == b'{"action":"messages","hookId":"h1"}'
    assert post.headers["x-authorization-content-sha256"] == (
        "47e7e5f13bc06a6845dc890c24a4bb626b6b03862d207ec2480f3cbe2a47a860"
    )


def test_x_signs_in_base64() -> None:
    post = _signed(
        CONFIG, Account("x", "x", "1"), {"for_user_id": "1", "direct_message_events": []}
    )
    assert post.headers["x-twitter-webhooks-signature"] == (
        "sha256=jomUZei+3DJiHstmKDtMIjQQdJnN8EanBDgPRj9Ebyo="
    )


def test_meta_signs_the_escaped_form_that_it_sends() -> None:
    item = {
        "sender": {"id": "2"},
        "recipient": {"id": "1"},
        "timestamp": 1458692752478,
        "message": {"mid": "m_1", "text": "äöå"},
    }
    entry = {"id": "1", "time": 1458692752478, "messaging": [item]}
    post = _signed(CONFIG, Account("meta", "facebook", "1"), {"object": "page", "entry": [entry]})
    assert rb'"text":"\u00e4\u00f6\u00e5"' in post.body
    assert post.headers["x-hub-signature-256"] == (
        "sha256=0a8b39162ba725ce246cb1cd0678f389c4e986e0fb7d148fce102975649f4e1c"
    )
