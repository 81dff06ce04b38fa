"""Which path goes where. Everything is made from what is passed in."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import lru_cache
from importlib import resources
from typing import Any

import orjson
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.dashboard import questions
from streams.dashboard.asking import Asker, NotAnswered, Table

_LONGEST_PERIOD_DAYS = 400
_MOST_NAMES = 200
_PAGES = {"": "overview.html", "/conversation": "conversation.html"}
_STATIC = {
    "overview.js": "text/javascript",
    "conversation.js": "text/javascript",
    "common.js": "text/javascript",
    "charts.js": "text/javascript",
    "style.css": "text/css",
}
_HEADERS = {
    # Nothing is loaded from elsewhere. Plotly writes style elements; it makes no code.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

log = structlog.get_logger()

Admit = Callable[[Request], Awaitable[Response | None]]
"""The one place where a visitor is checked, before any page or number: None lets them in, an answer
(401, a page to log in) keeps them out."""


Beside = Callable[[], AbstractAsyncContextManager[None]]
"""What runs as long as the app does."""


async def admit_everyone(_: Request) -> Response | None:
    """For tests of what is behind the door (streams.dashboard.login)."""
    return None


def create_app(
    asker: Asker, *, admit: Admit = admit_everyone, beside: Beside = nullcontext
) -> ASGIApp:
    """The pages and their numbers."""

    async def data(request: Request) -> Response:
        question = questions.BY_NAME.get(request.path_params["name"])
        if question is None:
            return _json({"error": "there is no such question"}, 404)
        try:
            values = _parameters(request)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        if question.needs_conversation and not values["conversation"]:
            return _json({"error": "which conversation? give profile and conversation"}, 400)
        answer = await asker.ask(question.name, question.sql, values)
        if question.is_drill_down and not question.needs_conversation:
            answer = await _with_names(asker, answer)
        return _json({"metric": question.metric, "sql": question.sql.strip(), **answer})

    async def metrics(_: Request) -> Response:
        return _json(await asker.ask("metric_definitions", questions.DEFINITIONS))

    async def health(_: Request) -> Response:
        await asker.ask("one", "SELECT 1")
        return _json({"status": "ok"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with beside():
            yield
        await asker.close()

    routed = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse("/dashboard")),
            *(Route(f"/dashboard{path}", _page(name)) for path, name in _PAGES.items()),
            *(Route(f"/dashboard/static/{n}", _static(n, kind)) for n, kind in _STATIC.items()),
            Route("/dashboard/static/plotly.js", _plotly),
            Route("/dashboard/data/{name}", data),
            Route("/dashboard/metrics", metrics),
            Route("/dashboard/health", health),
        ],
        lifespan=lifespan,
        exception_handlers={NotAnswered: _not_answered},
    )
    return _Door(routed, admit)


class _Door:
    """Every request passes here."""

    def __init__(self, app: ASGIApp, admit: Admit) -> None:
        self._app = app
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            answer = await self._admit(Request(scope, receive))
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _parameters(request: Request) -> dict[str, str | int]:
    """Raises ValueError with a sentence."""
    asked = request.query_params
    days = asked.get("days", "30")
    if not (days.isascii() and days.isdecimal() and 1 <= int(days) <= _LONGEST_PERIOD_DAYS):
        raise ValueError(f"days is a number from 1 to {_LONGEST_PERIOD_DAYS}")
    return dict(
        questions.parameters(
            profile=asked.get("profile", ""),
            platform=asked.get("platform", ""),
            days=int(days),
            conversation=asked.get("conversation", ""),
            more=asked.get("more", ""),
        )
    )


async def _with_names(asker: Asker, answer: Table) -> Table:
    """The list of conversations with what their correspondents call themselves."""
    profile, conversation = (answer["columns"].index(n) for n in ("profile_id", "conversation_id"))
    places = {(row[profile], row[conversation]) for row in answer["rows"][:_MOST_NAMES]}
    if not places:
        return answer
    profiles = sorted({place[0] for place in places})
    told = await asker.ask(
        "names",
        "SELECT profile_id, conversation_id,"
        " if(correspondent_name != '', correspondent_name, correspondent_username)"
        " FROM conversations WHERE profile_id IN {profiles:Array(String)}"
        " AND conversation_id IN {conversations:Array(String)}",
        {"profiles": _array(profiles), "conversations": _array(sorted({p[1] for p in places}))},
    )
    names = {(row[0], row[1]): row[2] for row in told["rows"]}
    return {
        "columns": [*answer["columns"], "correspondent"],
        "rows": [[*r, names.get((r[profile], r[conversation]), "")] for r in answer["rows"]],
    }


def _array(values: list[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace("'", "\\'") for value in values)
    return "[" + ",".join(f"'{value}'" for value in quoted) + "]"


def _not_answered(_: Request, error: Exception) -> Response:
    log.warning("question_not_answered", sentence=str(error))
    return _json({"error": str(error)}, 503)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(
        orjson.dumps(body), status, _HEADERS | {"Cache-Control": "no-store"}, "application/json"
    )


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(_file(name), headers=_HEADERS, media_type="text/html")

    return answer


def _static(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        headers = _HEADERS | {"Cache-Control": "no-cache"}
        return Response(_file(name), headers=headers, media_type=kind)

    return answer


async def _plotly(request: Request) -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = _HEADERS | {"Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
    if packed:
        headers |= {"Content-Encoding": "gzip"}
    return Response(plotly_script(packed=packed), headers=headers, media_type="text/javascript")


@lru_cache(maxsize=2)
def plotly_script(*, packed: bool) -> bytes:
    """Plotly as its Python package ships it: 4.8 MB, 1.5 MB packed."""
    script = (resources.files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return gzip.compress(script, 6) if packed else script


def _file(name: str) -> bytes:
    return (resources.files("streams.dashboard") / "static" / name).read_bytes()
