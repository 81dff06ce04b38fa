"""Signatures of webhooks out, by vectors that others computed."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.gateway.signatures import check_ayrshare
from streams.hooks.directory import deleted, new_hook, renewed, signing_secrets
from streams.hooks.signing import headers, new_secret

NOW = datetime(2026, 11, 22, 14, 33, 7, tzinfo=UTC)


def test_the_vector_of_the_standard_webhooks_libraries() -> None:
    """From the test suite of the reference implementation."""
    found = headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        attempt=1,
        at=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert found["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert found["webhook-timestamp"] == "1614265330"
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_ayrshares_header_is_the_hex_digest_of_the_body_alone() -> None:
    body = b'{"action":"messages","hookId":"h1"}'
    found = headers(["hook-secret"], event_id="h1", attempt=3, at=1614265330, body=body)
    assert found["X-Authorization-Content-SHA256"] == (
        "47e7e5f13bc06a6845dc890c24a4bb626b6b03862d207ec2480f3cbe2a47a860"
    )
    assert found["X-Authorization-Timestamp"] == "1614265330"
    assert found["X-Ayrshare-Delivery-Attempt"] == "3"
    raw = {name.lower().encode(): value.encode() for name, value in found.items()}
    assert check_ayrshare((b"hook-secret",), raw, body) is None
    assert check_ayrshare((b"another-secret",), raw, body) is not None


def test_while_a_secret_changes_both_sign_and_after_a_day_only_the_new_one() -> None:
    hook = new_hook(
        profileid="shop", action="messages", url="https://h.example.com/", secret="first-secret",
        reference="shop", place=("log", 7), at=NOW,
    )  # fmt: skip
    changed = renewed(hook, "second-secret", NOW)
    assert signing_secrets(changed, NOW + timedelta(hours=23)) == ("second-secret", "first-secret")
    assert signing_secrets(changed, NOW + timedelta(hours=24)) == ("second-secret",)
    found = headers(signing_secrets(changed, NOW), event_id="e", attempt=1, at=1, body=b"{}")
    assert len(found["webhook-signature"].split(" ")) == 2
    assert "X-Authorization-Content-SHA256-V2" in found
    assert signing_secrets(renewed(hook, None, NOW), NOW) == ("first-secret",)
    gone = deleted(changed, NOW).model_dump_json()
    assert "secret" not in gone.replace('"secret":""', "").replace('"previous_secret":null', "")
    assert "first-secret" not in repr(changed)
    assert "second-secret" not in repr(changed)


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_", "plain", "é"])
def test_a_secret_of_another_form_is_used_as_it_is(secret: str) -> None:
    found = headers([secret], event_id="e", attempt=1, at=1, body=b"{}")
    assert found["webhook-signature"].startswith("v1,")


def test_a_made_secret_is_never_the_same() -> None:
    assert new_secret() != new_secret()
