"""The API as an ASGI app: routes, errors in one shape, the document."""

import contextlib
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinks.reading.asking import ArchiveAway
from streams.api import (
    autoresponse,
    conversations,
    history,
    live,
    openapi,
    profiles,
    replays,
    sending,
    social,
    webhooks,
)
from streams.api.access import AnyKey, bearer, key_of, resources_of
from streams.api.bounds import Bounded
from streams.api.documents import errors
from streams.api.errors import Problem
from streams.api.rates import Rate
from streams.api.resources import Resources
from streams.gateway.answers import SECURITY_HEADERS
from streams.gateway.errors import log_unexpected

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PARTS = (autoresponse, sending, history, conversations, social, profiles, webhooks, replays, live)
"""/messages/autoresponse stands before /messages/{platform}: the first that matches is taken."""


def create_api(resources: Resources) -> ASGIApp:
    """Start and stop the resources around it: `resources.running()`."""
    app = document_app()
    app.state.resources = resources
    return Bounded(app)


def document_app() -> FastAPI:
    """Without resources: its routes and its document."""
    app = FastAPI(
        title="dmstream",
        # Served below, to those who have a key; the pages would load scripts from elsewhere.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for part in _PARTS:
        app.include_router(part.router)
    app.add_api_route(
        "/openapi.json",
        _document,
        summary="This document",
        tags=["document"],
        responses=errors(),
        response_model=dict[str, Any],
    )
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    handlers: dict[Any, Callable[..., Any]] = {
        Problem: _problem,
        ArchiveAway: _archive_away,
        RequestValidationError: _invalid,
        HTTPException: _http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(_KeyFirst)
    app.add_middleware(_LastDefence)
    app.add_middleware(_Heads)
    return app


class _Heads:
    """Every answer, whoever makes it, tells its key's rate, and is for no cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_with_heads(message: Message) -> None:
            if message["type"] == "http.response.start":
                rate: Rate | None = state.get("rate")
                told = rate.headers() if rate is not None else {}
                MutableHeaders(scope=message).update({**SECURITY_HEADERS, **told})
            await send(message)

        await self._app(scope, receive, send_with_heads)


class _KeyFirst:
    """A change without a key is refused before its body is read as JSON: that costs, and what is
    wrong with it concerns nobody."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _CHANGES:
            request = Request(scope)
            try:
                given = await bearer(request)
                key_of(resources_of(request), given.credentials if given else None)
            except Problem as problem:
                await _answer(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _LastDefence:
    """A bug in one request is answered in the shape of all errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            log_unexpected(scope["path"], error)
            answer = _answer(Problem("internal_error"))
            with contextlib.suppress(Exception):  # part of an answer has left: the server ends it
                await answer(scope, receive, send)


async def _document(request: Request, _: AnyKey) -> Response:
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


def _answer(problem: Problem) -> Response:
    return JSONResponse(
        problem.answer().model_dump(mode="json", exclude_none=True),
        status_code=problem.status,
        headers=problem.headers,
    )


async def _problem(_: Request, error: Problem) -> Response:
    return _answer(error)


async def _archive_away(_: Request, __: ArchiveAway) -> Response:
    return _answer(Problem("archive_unavailable", retry_after=5))


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    """Names the places and what is wrong there, never the values: one may be a text."""
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'][1:] or fault['loc'])}: {_why(fault)}"
        for fault in error.errors()[:5]
    ]
    return _answer(Problem("invalid_request", "; ".join(faults)))


def _why(fault: dict[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return "the body is not JSON"
    if fault["type"] == "model_attributes_type":
        return "the body must be a JSON object, sent with Content-Type: application/json"
    text = str(fault["msg"]).removeprefix("Value error, ")
    # pydantic's sentences hold limits and patterns, not values; a pattern helps no person.
    return re.sub(r"String should match pattern .*", "has not the form it should have", text)


async def _http_error(request: Request, error: HTTPException) -> Response:
    reasons = {404: "not_found", 405: "method_not_allowed"}
    reason = reasons.get(error.status_code, "invalid_request")
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = _allowed(request.url.path) or headers["Allow"]
    message = None if error.status_code in reasons else HTTPStatus(error.status_code).phrase
    return _answer(Problem(reason, message, headers=headers))


def _allowed(path: str) -> str:
    """All methods of the path: the router names those of the first route that it stands on."""
    routes = [route for part in _PARTS for route in part.router.routes]
    found = {
        method
        for route in routes
        if isinstance(route, Route) and route.path_regex.match(path)
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))
