"""Who may write to the topic. The literal digests are worked out by hand with openssl."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.gateway.signatures import (
    Refusal,
    check_ayrshare,
    check_ayrshare_time,
    check_meta,
    check_x,
    sign_ayrshare,
    sign_meta,
    sign_x,
    single_headers,
    x_challenge_response,
)

AYRSHARE_BODY = b'{"action":"messages","hookId":"h1"}'
AYRSHARE_HEX = b"47e7e5f13bc06a6845dc890c24a4bb626b6b03862d207ec2480f3cbe2a47a860"
AYRSHARE_BASE64 = b"R+fl8TvAamhF3IkMJKS7YmtrA4YtIH7CSA88vipHqGA="
META_BODY = (
    rb'{"object":"page","entry":[{"id":"1","time":1458692752478,"messaging":[{"sender":{"id":"2"},'
    rb'"recipient":{"id":"1"},"timestamp":1458692752478,"message":{"mid":"m_1",'
    rb'"text":"\u00e4\u00f6\u00e5"}}]}]}'
)
META_SIGNATURE = b"sha256=0a8b39162ba725ce246cb1cd0678f389c4e986e0fb7d148fce102975649f4e1c"
X_BODY = b'{"for_user_id":"1","direct_message_events":[]}'
X_SIGNATURE = b"sha256=jomUZei+3DJiHstmKDtMIjQQdJnN8EanBDgPRj9Ebyo="

SHA, SHA_V2 = b"x-authorization-content-sha256", b"x-authorization-content-sha256-v2"
AT = datetime(2026, 11, 22, 14, 33, 7, tzinfo=UTC)
SCHEMES = {
    "ayrshare": (check_ayrshare, lambda secret, body: sign_ayrshare(secret, body, AT)),
    "meta": (check_meta, sign_meta),
    "x": (check_x, sign_x),
}


def as_received(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode() for name, value in headers.items()}


@pytest.mark.parametrize("header", [SHA, SHA_V2])
@pytest.mark.parametrize("digest", [AYRSHARE_HEX, AYRSHARE_BASE64])
def test_ayrshares_digest_counts_as_hex_and_as_base64_in_either_header(
    header: bytes, digest: bytes
) -> None:
    assert check_ayrshare([b"hook-secret"], {header: digest}, AYRSHARE_BODY) is None


def test_metas_signature_is_over_the_bytes_with_their_backslashes() -> None:
    headers = {b"x-hub-signature-256": META_SIGNATURE}
    assert check_meta([b"app-secret"], headers, META_BODY) is None
    decoded = META_BODY.decode("unicode_escape").encode()
    assert check_meta([b"app-secret"], headers, decoded) is Refusal.MISMATCH


def test_xs_signature_is_base64() -> None:
    headers = {b"x-twitter-webhooks-signature": X_SIGNATURE}
    assert check_x([b"consumer-secret"], headers, X_BODY) is None


def test_xs_challenge_is_answered_with_the_signed_token() -> None:
    expected = "sha256=aJ/TfRGygcFc7Yofl6IC07Ywjqb8THuaNEI/WohhbMw="
    assert x_challenge_response(b"consumer-secret", b"crc-token-1") == expected


@pytest.mark.parametrize("provider", SCHEMES)
@given(body=st.binary(max_size=300), secret=st.text(min_size=1, max_size=40))
def test_what_is_signed_verifies(provider: str, body: bytes, secret: str) -> None:
    check, sign = SCHEMES[provider]
    assert check([secret.encode()], as_received(sign(secret, body)), body) is None


@pytest.mark.parametrize("provider", SCHEMES)
@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_any_changed_byte_of_the_body_is_refused(
    provider: str, body: bytes, data: st.DataObject
) -> None:
    check, sign = SCHEMES[provider]
    changed = with_one_byte_changed(body, data)
    assert check([b"s"], as_received(sign("s", body)), changed) is Refusal.MISMATCH


@pytest.mark.parametrize("provider", SCHEMES)
@given(data=st.data())
def test_any_changed_byte_of_the_signature_is_refused(provider: str, data: st.DataObject) -> None:
    check, sign = SCHEMES[provider]
    signed = as_received(sign("s", b"{}"))
    signed.pop(b"x-authorization-timestamp", None)  # not covered by the signature
    [(name, signature)] = signed.items()
    assert check([b"s"], {name: with_one_byte_changed(signature, data)}, b"{}") is not None


@given(data=st.data())
def test_a_base64_signature_has_one_spelling_only(data: st.DataObject) -> None:
    """The last digit before the padding has spare bits: decoded, four spellings would be equal."""
    changed = with_one_byte_changed(AYRSHARE_BASE64, data)
    assert check_ayrshare([b"hook-secret"], {SHA: changed}, AYRSHARE_BODY) is Refusal.MISMATCH


def test_while_a_secret_rotates_both_are_good() -> None:
    for provider, (check, sign) in SCHEMES.items():
        for live in ("old", "new"):
            headers = as_received(sign(live, b"{}"))
            assert check([b"new", b"old"], headers, b"{}") is None, provider
        assert check([b"new", b"old"], as_received(sign("gone", b"{}")), b"{}") is Refusal.MISMATCH


def test_ayrshares_second_signature_is_enough_when_we_hold_only_the_next_secret() -> None:
    headers = as_received(sign_ayrshare("old", b"{}", AT, next_secret="new"))
    assert check_ayrshare([b"new"], headers, b"{}") is None
    assert check_ayrshare([b"old"], headers, b"{}") is None


@pytest.mark.parametrize("provider", SCHEMES)
def test_without_a_secret_nothing_is_trusted_not_even_an_empty_key(provider: str) -> None:
    check, sign = SCHEMES[provider]
    assert check([], as_received(sign("", b"{}")), b"{}") is Refusal.NO_SECRET


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"sha256=",
        META_SIGNATURE[7:],
        b"sha1=" + META_SIGNATURE[7:],
        META_SIGNATURE.upper(),
        META_SIGNATURE + b",sha256=00",
        b"sha256=" + base64.b64encode(bytes.fromhex(META_SIGNATURE[7:].decode())),
        b"sha256=\xff\xfe",
    ],
)
def test_a_malformed_signature_header_is_refused(value: bytes) -> None:
    assert check_meta([b"app-secret"], {b"x-hub-signature-256": value}, META_BODY) is not None


def test_an_absent_signature_is_refused() -> None:
    for check, _ in SCHEMES.values():
        assert check([b"s"], {}, b"{}") is Refusal.ABSENT


def test_a_repeated_header_counts_as_empty_even_if_both_agree() -> None:
    once, twice = (b"x-other", b"1"), (b"x-hub-signature-256", META_SIGNATURE)
    headers = single_headers([once, twice, twice])
    assert headers == {b"x-other": b"1", b"x-hub-signature-256": b""}
    assert check_meta([b"app-secret"], headers, META_BODY) is Refusal.MALFORMED


def test_a_repeated_header_spoils_a_good_one_beside_it() -> None:
    headers = single_headers([(SHA, b"00"), (SHA, AYRSHARE_HEX), (SHA_V2, AYRSHARE_HEX)])
    assert check_ayrshare([b"hook-secret"], headers, AYRSHARE_BODY) is Refusal.MALFORMED


@pytest.mark.parametrize(
    ("stamp", "refusal"),
    [
        (b"1000000000", None),
        (b"1000000300", None),
        (b"999999700", None),
        (b"1000000000123", None),
        (b"1000000301", Refusal.UNTIMELY),
        (b"999999699", Refusal.UNTIMELY),
        (b"1000000301000", Refusal.UNTIMELY),
        (b"0", Refusal.UNTIMELY),
        (b"", Refusal.MALFORMED),
        (b"-5", Refusal.MALFORMED),
        (b"1e9", Refusal.MALFORMED),
        (b"2001-09-09T01:46:40Z", Refusal.MALFORMED),
        (b"9" * 5000, Refusal.MALFORMED),
    ],
)
def test_ayrshares_time_may_differ_by_the_tolerance(stamp: bytes, refusal: Refusal | None) -> None:
    headers = {b"x-authorization-timestamp": stamp}
    assert check_ayrshare_time(headers, 1_000_000_000.0, 300) is refusal


def test_ayrshares_time_may_be_absent_and_its_check_be_off() -> None:
    assert check_ayrshare_time({}, 1_000_000_000.0, 300) is None
    assert check_ayrshare_time({b"x-authorization-timestamp": b"5"}, 1_000_000_000.0, 0) is None


def with_one_byte_changed(value: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda candidate: candidate != value[at]))
    return value[:at] + bytes([byte]) + value[at + 1 :]
