"""Every error leaves in the one shape, and an unexpected one leaves no text in the log."""

import contextlib
import re
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope, Send

from streams.gateway import answers

_log = structlog.get_logger()

_INTERNAL = ("internal_error", "the gateway failed; its log says where")
INTERNAL = answers.error(500, *_INTERNAL)


def error_response(
    status: int, reason: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The same shape as `answers.error`, for routes that speak Starlette."""
    return JSONResponse(
        answers.error_content(status, reason, message),
        status_code=status,
        headers={**answers.SECURITY_HEADERS, **(headers or {})},
    )


def handlers() -> dict[Any, Any]:
    return {HTTPException: _http_error, Exception: _unexpected_error}


async def _http_error(_: Request, error: Exception) -> Response:
    """404 and 405 of the router, with its Allow header."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    reason = re.sub(r"[^a-z]+", "_", phrase.lower())
    return error_response(error.status_code, reason, phrase, error.headers)


async def _unexpected_error(_: Request, __: Exception) -> Response:
    return error_response(500, *_INTERNAL)


def log_unexpected(path: str, error: BaseException) -> None:
    """By class and place: its own text, and the values in its frames, may hold what a correspondent
    wrote."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    _log.error(
        "request failed",
        path=path,
        error=type(error).__name__,
        place=f"{place.filename}:{place.lineno}",
    )


async def answer_unexpected(scope: Scope, send: Send, error: Exception) -> None:
    """A bug in one request is answered 500 and logged."""
    log_unexpected(scope["path"], error)
    with contextlib.suppress(Exception):  # part of an answer has left: the server ends it
        await answers.give(send, INTERNAL)
