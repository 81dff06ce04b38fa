"""Which path goes where. Everything is made from what is passed in."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import lru_cache
from importlib import resources

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.dashboard import questions
from streams.dashboard.answering import HEADERS, Answers, as_json
from streams.dashboard.asking import Asker, NotAnswered

_PAGES = {"": "overview.html", "/conversation": "conversation.html"}
_STATIC = {
    "overview.js": "text/javascript",
    "conversation.js": "text/javascript",
    "common.js": "text/javascript",
    "charts.js": "text/javascript",
    "lists.js": "text/javascript",
    "style.css": "text/css",
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
    answers = Answers(asker)

    async def metrics(_: Request) -> Response:
        return as_json(await asker.ask("metric_definitions", questions.DEFINITIONS))

    async def health(_: Request) -> Response:
        await asker.ask("one", "SELECT 1")
        return as_json({"status": "ok"})

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
            Route("/dashboard/data/{name}", answers.rows),
            Route("/dashboard/totals/{name}", answers.total),
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


def _not_answered(_: Request, error: Exception) -> Response:
    log.warning("question_not_answered", sentence=str(error))
    return as_json({"error": str(error)}, 503)


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(_file(name), headers=HEADERS, media_type="text/html")

    return answer


def _static(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        headers = HEADERS | {"Cache-Control": "no-cache"}
        return Response(_file(name), headers=headers, media_type=kind)

    return answer


async def _plotly(request: Request) -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = HEADERS | {"Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
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
