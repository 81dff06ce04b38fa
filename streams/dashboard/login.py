"""Who is let in to the dashboard: whoever has an API key that may read all profiles.

The key is asked for once. What the browser keeps is a random session id, which means nothing to
anybody else: no script can read it (HttpOnly), no other site's link or form sends it
(SameSite=Strict), and it ends with the key, after twelve hours, or with this process. The key
itself is kept nowhere. Programs may send it as they do to the REST API.
"""

import asyncio
import hashlib
import html
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import resources
from urllib.parse import parse_qs, urlsplit

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from schemas.keys import KeyRecord
from streams.keys import KeyDirectory

log = structlog.get_logger()

COOKIE = "dmstream_session"
LOGIN, LOGOUT = "/dashboard/login", "/dashboard/logout"
HOME = "/dashboard"
_OPEN = frozenset({"/dashboard/static/style.css", "/dashboard/health"})
"""What the form needs, and what tells no number."""
_SECONDS = 12 * 3600.0
_MOST_SESSIONS = 1_000
_LARGEST_FORM = 4 * 1024
_SLOW_SECONDS = 5.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Session:
    key_id: str
    until: float


@dataclass(slots=True)
class KeyLogin:
    """An `Admit` of the app."""

    keys: KeyDirectory
    https: bool
    monotonic: Callable[[], float] = time.monotonic
    _sessions: dict[str, _Session] = field(default_factory=dict)
    """By the hash of the id: what is in memory lets nobody in."""

    async def __call__(self, request: Request) -> Response | None:
        path = request.url.path
        if path == LOGIN:
            return await self._login(request)
        if path == LOGOUT and request.method == "POST":
            return self._logout(request)
        if path in _OPEN or self._is_known(request):
            return None
        wants_page = "text/html" in request.headers.get("accept", "")
        if request.method in {"GET", "HEAD"} and wants_page:
            return RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER, _HEADERS)
        return JSONResponse(
            {"error": f"log in at {LOGIN}, or send a key: Authorization: Bearer <key>"},
            HTTPStatus.UNAUTHORIZED,
            {**_HEADERS, "WWW-Authenticate": "Bearer"},
        )

    def _is_known(self, request: Request) -> bool:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._who(key.strip()) is not None
        session = self._sessions.get(_hash(request.cookies.get(COOKIE, "")))
        if session is None or session.until <= self.monotonic():
            return False
        return _may_see_all(self.keys.records.get(session.key_id))

    def _who(self, key: str) -> KeyRecord | None:
        record = self.keys.find(key)
        return record if _may_see_all(record) else None

    async def _login(self, request: Request) -> Response:
        if request.method in {"GET", "HEAD"}:
            return _form(is_known=self._is_known(request))
        if request.method != "POST" or not _is_from_here(request):
            return _form("The form was not sent from this page.", HTTPStatus.FORBIDDEN)
        if not self.keys.is_known:
            trouble = "The keys can't be read yet: is the broker there (DM_KAFKA)? Try again."
            return _form(trouble, HTTPStatus.SERVICE_UNAVAILABLE)
        given = await _given(request)
        record = self._who(given) if given is not None else None
        if record is None:
            log.warning("dashboard_login_refused")
            return _form(
                "No key that may read all profiles: dmstream key create --scope read",
                HTTPStatus.UNAUTHORIZED,
            )
        answer = RedirectResponse(HOME, HTTPStatus.SEE_OTHER, _HEADERS)
        self._let_in(answer, self._begin(record))
        log.info("dashboard_login", key_id=record.key_id)
        return answer

    def _begin(self, record: KeyRecord) -> str:
        now = self.monotonic()
        for name in [name for name, one in self._sessions.items() if one.until <= now]:
            del self._sessions[name]
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session_id = secrets.token_urlsafe(32)
        self._sessions[_hash(session_id)] = _Session(record.key_id, now + _SECONDS)
        return session_id

    def _let_in(self, answer: Response, session_id: str) -> None:
        answer.set_cookie(
            COOKIE, session_id, max_age=int(_SECONDS), path=HOME, secure=self.https,
            httponly=True, samesite="strict",
        )  # fmt: skip

    def _logout(self, request: Request) -> Response:
        if not _is_from_here(request):
            return _form("The form was not sent from this page.", HTTPStatus.FORBIDDEN)
        self._sessions.pop(_hash(request.cookies.get(COOKIE, "")), None)
        answer = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER, _HEADERS)
        answer.delete_cookie(COOKIE, path=HOME, secure=self.https, httponly=True, samesite="strict")
        return answer


@dataclass(frozen=True, slots=True)
class OnThisMachine:
    """An `Admit` without a login: whoever is on this machine. A stranger's page in a browser here
    must not read it under a name that leads to us (DNS rebinding): so the name is looked at."""

    hosts: frozenset[str]

    async def __call__(self, request: Request) -> Response | None:
        if _host(request.headers.get("host", "")) in self.hosts:
            return None
        return JSONResponse({"error": "not under this name"}, 421, _HEADERS)


def _may_see_all(record: KeyRecord | None) -> bool:
    """The pages show every profile: a key for some profiles may not read them."""
    return (
        record is not None
        and record.revoked_at is None
        and "read" in record.scopes
        and not record.profiles
    )


def _is_from_here(request: Request) -> bool:
    """Browsers say where a form comes from; another site's could log somebody in, or out."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _given(request: Request) -> str | None:
    """The form's key; None where it is none, or too large, or too slow."""
    body = b""
    try:
        async with asyncio.timeout(_SLOW_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > _LARGEST_FORM:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    found = parse_qs(body.decode("ascii", "replace"), max_num_fields=4).get("key", [""])
    return found[0].strip()


def _form(
    trouble: str = "", status: HTTPStatus = HTTPStatus.OK, *, is_known: bool = False
) -> Response:
    """The way out is for who is in: `is_known`."""
    page = (resources.files("streams.dashboard") / "static" / "login.html").read_text()
    if not is_known:
        before, _, rest = page.partition("<!-- known -->")
        page = before + rest.partition("<!-- /known -->")[2]
    return Response(
        page.replace("<!-- trouble -->", html.escape(trouble)),
        status,
        _HEADERS,
        media_type="text/html",
    )


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _host(name: str) -> str:
    try:
        return (urlsplit(f"//{name}").hostname or "").lower()
    except ValueError:
        return ""
