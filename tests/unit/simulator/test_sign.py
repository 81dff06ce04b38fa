"""Signatures against vectors computed by hand from the providers' documents."""

import pytest
from pydantic import SecretStr

from streams.settings import Settings
from streams.simulator.client import request_headers
from streams.simulator.delivery import Delivery
from streams.simulator.sign import SecretMissingError, Secrets, headers

SECRETS = Secrets(
    {"ayrshare": SecretStr("hook-secret"), "meta": SecretStr("m"), "x": SecretStr("c")}
)


def test_ayrshare_signs_the_body_and_tells_the_time_beside_it() -> None:
    body = b'{"action":"messages","hookId":"h1"}'
    assert headers("ayrshare", b"hook-secret", body, at_seconds=1_795_300_000) == {
        "X-Authorization-Timestamp": "1795300000",
        "X-Authorization-Content-SHA256": (
            "47e7e5f13bc06a6845dc890c24a4bb626b6b03862d207ec2480f3cbe2a47a860"
        ),
    }


def test_meta_signs_the_escaped_form() -> None:
    body = (
        rb'{"object":"page","entry":[{"id":"1","time":1458692752478,"messaging":[{"sender":'
        rb'{"id":"2"},"recipient":{"id":"1"},"timestamp":1458692752478,"message":{"mid":"m_1",'
        rb'"text":"\u00e4\u00f6\u00e5"}}]}]}'
    )
    assert headers("meta", b"app-secret", body, at_seconds=0) == {
        "X-Hub-Signature-256": (
            "sha256=0a8b39162ba725ce246cb1cd0678f389c4e986e0fb7d148fce102975649f4e1c"
        )
    }


def test_x_signs_in_base64() -> None:
    body = b'{"for_user_id":"1","direct_message_events":[]}'
    assert headers("x", b"consumer-secret", body, at_seconds=0) == {
        "x-twitter-webhooks-signature": "sha256=jomUZei+3DJiHstmKDtMIjQQdJnN8EanBDgPRj9Ebyo="
    }


def test_a_forged_request_is_signed_with_another_secret_and_a_stale_one_long_ago() -> None:
    def told(forgery: str) -> dict[str, str]:
        delivery = Delivery(0, "ayrshare", b"{}", 5, 2, 401, forgery)  # type: ignore[arg-type]
        return request_headers(delivery, SECRETS, 1_795_300_000.9)

    right, forged, stale = told("none"), told("wrong_secret"), told("stale")
    digest, time = "X-Authorization-Content-SHA256", "X-Authorization-Timestamp"
    assert right[time] == forged[time] == "1795300000"
    assert right[digest] == stale[digest] != forged[digest]
    assert int(right[time]) - int(stale[time]) == 86_400
    assert right["X-Ayrshare-Delivery-Attempt"] == "2"
    assert len(right["X-Ayrshare-Delivery-Id"]) == 20


def test_the_first_secret_of_the_settings_signs_and_none_is_ever_printed() -> None:
    settings = Settings(_env_file=None, ayrshare_secrets="first-one,second", x_consumer_secrets="")
    secrets = Secrets.from_settings(settings, ("ayrshare",))
    assert secrets.of("ayrshare") == b"first-one"
    assert "first-one" not in repr(secrets)


def test_a_missing_secret_is_named_by_its_variable() -> None:
    settings = Settings(_env_file=None, meta_app_secrets="s")
    with pytest.raises(SecretMissingError, match="DM_X_CONSUMER_SECRETS is empty"):
        Secrets.from_settings(settings, ("meta", "x"))
