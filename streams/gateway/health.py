"""Liveness and readiness: is the process there, and would a webhook be kept now."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.gateway.answers import SECURITY_HEADERS
from streams.gateway.draining import Draining
from streams.gateway.errors import error_response
from streams.gateway.keep import NotKeptError, Publisher
from streams.monitoring.paths import LIVE_PATH, READY_PATH


def health_routes(publisher: Publisher, draining: Draining) -> list[Route]:
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=SECURITY_HEADERS)

    async def readyz(_: Request) -> Response:
        try:
            draining.check()
            await publisher.check()
        except NotKeptError as error:
            return error_response(
                503, error.reason, error.message, {"retry-after": str(error.retry_after)}
            )
        return JSONResponse({"status": "ready"}, headers=SECURITY_HEADERS)

    return [
        Route(path, answer)
        for answer, paths in {
            healthz: ("/healthz", LIVE_PATH),
            readyz: ("/readyz", READY_PATH),
        }.items()
        for path in paths
    ]
