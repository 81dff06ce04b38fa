"""What Meta and X ask by GET before they send anything: prove that this address is yours."""

import hmac
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

import structlog
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.gateway.answers import SECURITY_HEADERS
from streams.gateway.errors import error_response
from streams.gateway.signatures import x_challenge_response

_MOST_PARAMETERS = 20

_log = structlog.get_logger()


def meta_handshake(verify_token: bytes) -> ASGIApp:
    """`GET /webhooks/meta?hub.mode=subscribe&hub.verify_token=...&hub.challenge=...`.

    200 with the challenge as plain text if the token is the one that was entered at Meta, else
    403 (Meta's "Getting started" for webhooks).
    """

    def answer(asked: dict[bytes, bytes]) -> Response:
        matches = hmac.compare_digest(asked.get(b"hub.verify_token", b""), verify_token)
        if not verify_token:
            _log.error("handshake refused: set DM_META_VERIFY_TOKEN", provider="meta")
        elif matches and asked.get(b"hub.mode") == b"subscribe" and b"hub.challenge" in asked:
            _log.info("handshake answered", provider="meta")
            return PlainTextResponse(asked[b"hub.challenge"], headers=SECURITY_HEADERS)
        else:
            _log.warning("handshake refused", provider="meta")
        return error_response(403, "verification_failed", "the verify token or mode is not right")

    return _handshake(answer)


def x_handshake(secrets: Sequence[bytes]) -> ASGIApp:
    """`GET /webhooks/x?crc_token=...`: X's challenge (CRC), asked at registration and ever after.

    Signed with the first secret alone: an answer has room for one signature. So while a consumer
    secret rotates, the new one comes first in DM_X_CONSUMER_SECRETS.
    """

    def answer(asked: dict[bytes, bytes]) -> Response:
        token = asked.get(b"crc_token", b"")
        # X signs challenges and bodies alike, so this route would sign a forged webhook for
        # whoever asks. A body is accepted only if it is a JSON object, and that has a brace.
        if not token or b"{" in token:
            _log.warning("handshake refused", provider="x")
            return error_response(400, "invalid_crc_token", "crc_token is missing or not a token")
        if not secrets:
            _log.error("handshake refused: set DM_X_CONSUMER_SECRETS", provider="x")
            return error_response(401, "no_secret_configured", "the challenge can't be answered")
        _log.info("handshake answered", provider="x")
        response_token = x_challenge_response(secrets[0], token)
        return JSONResponse({"response_token": response_token}, headers=SECURITY_HEADERS)

    return _handshake(answer)


def _handshake(answer: Callable[[dict[bytes, bytes]], Response]) -> ASGIApp:
    async def handshake(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(_single_parameters(scope["query_string"]))(scope, receive, send)

    return handshake


def _single_parameters(query: bytes) -> dict[bytes, bytes]:
    """The query, decoded. A parameter given more than once is left out: neither value counts."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:  # more of them than any handshake has
        return {}
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
