"""ClickHouse's HTTP interface: `/`, `/ping`, and answers with its headers and error forms.

After ClickHouse's HTTP documentation and, for headers and statuses, its HTTPHandler.cpp.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

import orjson
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sinks.embedded import compression
from sinks.embedded.engine import Engine, Statistics
from sinks.embedded.errors import EngineError, refusal
from sinks.embedded.formats import content_type
from sinks.embedded.request import Call, take_apart
from sinks.embedded.runner import Answer, BaseRunner, ResultStream
from sinks.embedded.workers import Workers

log = structlog.get_logger()

_LOOPBACK = ["127.0.0.1", "localhost", "::1", "[::1]"]
_LARGEST_BODY = 1024**3  # bytes; a batch of the sink is 16 MB
_WORTH_PACKING = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Port:
    """One listener. `workers` bounds how many of its statements run at once."""

    engine: Engine
    runner: BaseRunner
    workers: Workers

    def app(self, *, host: str) -> Starlette:
        """`host`: where it is bound. On loopback only loopback's names are taken as Host, so that
        no web page can reach it by a name of its own that resolves to this machine."""
        names = _LOOPBACK if host in _LOOPBACK else ["*"]
        return Starlette(
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=names)],
            routes=[
                Route("/ping", _healthy, methods=["GET", "HEAD"]),
                Route("/replicas_status", _healthy, methods=["GET", "HEAD"]),
                Route("/", self._answer, methods=["GET", "HEAD", "POST"]),
            ],
        )

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST" and not request.query_params.get("query"):
            return await _healthy(request)
        query_id = request.query_params.get("query_id", "")
        try:
            if "origin" in request.headers:
                # There are no passwords here: without this, any page open in a browser on this
                # machine could send statements. Clients of databases send no Origin.
                raise refusal(516, "AUTHENTICATION_FAILED", "Web pages are not answered.")
            body = await _body(request)
            # Off the loop: unpacking 16 MB would hold up the other connections.
            call = await asyncio.to_thread(
                take_apart,
                request.method,
                request.query_params.multi_items(),
                request.headers,
                body,
            )
            query_id = call.query_id
            return self._respond(call, await self._run(request, call))
        except EngineError as error:
            return self._error(error, query_id)
        except ClientDisconnect:
            # The body was not whole, so nothing ran: an insert cut on its way leaves no rows.
            return Response(status_code=499)

    async def _run(self, request: Request, call: Call) -> Answer:
        """Runs it; ends a read whose client has gone. An insert is always finished."""
        running = asyncio.ensure_future(self.workers.run(self.runner.run, call))
        gone = asyncio.ensure_future(request.receive())  # the body is read: only a hang-up can come
        try:
            await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await asyncio.to_thread(self.engine.cancel, call.tag)
            return await running
        finally:
            gone.cancel()

    def _respond(self, call: Call, answer: Answer) -> Response:
        headers = self._headers(call.query_id) | {
            "X-ClickHouse-Format": answer.output_format,
            "Content-Type": content_type(answer.output_format),
        }
        if answer.stream is not None:
            tag = secrets.token_hex(8)
            headers["X-ClickHouse-Exception-Tag"] = tag
            if call.content_encoding and not call.packed_blocks:
                headers["Content-Encoding"] = call.content_encoding
            return StreamingResponse(self._pieces(call, answer.stream, tag), headers=headers)
        headers["X-ClickHouse-Summary"] = _summary(answer.statistics)
        data = answer.data
        if call.packed_blocks:
            data = compression.pack_blocks(data)
        elif call.content_encoding and len(data) > _WORTH_PACKING:
            data = compression.pack(data, call.content_encoding)
            headers["Content-Encoding"] = call.content_encoding
        return Response(data, headers=headers)

    async def _pieces(self, call: Call, stream: ResultStream, tag: str) -> AsyncIterator[bytes]:
        """The result as it goes over the wire. Closes it, also when the client hangs up."""
        packer = _packer(call)

        def step() -> bytes | None:
            try:
                block = stream.read()
            except EngineError as error:
                block = _late_error(self._text(error), tag)
            return None if block is None else packer.pack(block)

        whole = False
        try:
            yield packer.begin()
            while (piece := await self.workers.run(step)) is not None:
                yield piece
            yield packer.finish()
            whole = True
        finally:
            if not whole:
                self.workers.submit(self.engine.cancel, call.tag)
            self.workers.submit(stream.close)

    def _error(self, error: EngineError, query_id: str) -> Response:
        headers = self._headers(query_id) | {
            "X-ClickHouse-Exception-Code": str(error.code),
            "X-ClickHouse-Format": "TabSeparated",
            "Content-Type": "text/plain; charset=UTF-8",
        }
        # The code alone: the text may repeat a value of the statement.
        log.info("statement refused", port=self.runner.name, code=error.code, query_id=query_id)
        return Response(self._text(error) + "\n", status_code=error.status, headers=headers)

    def _text(self, error: EngineError) -> str:
        return f"{error.text} (version {self.engine.version})"

    def _headers(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Server-Display-Name": "dmstream",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self.engine.time_zone,
        }


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("Ok.\n")


async def _body(request: Request) -> bytes:
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise refusal(223, "QUERY_IS_TOO_LARGE", "The body is larger than 1 GiB.")
        parts.append(part)
    return b"".join(parts)


class _Packer(Protocol):
    def begin(self) -> bytes: ...
    def pack(self, data: bytes, /) -> bytes: ...
    def finish(self) -> bytes: ...


class _Plain:
    def __init__(self, pack: Callable[[bytes], bytes] = bytes) -> None:
        self.pack = pack

    def begin(self) -> bytes:
        return b""

    finish = begin


def _packer(call: Call) -> _Packer:
    if call.packed_blocks:
        return _Plain(compression.pack_blocks)
    return compression.Packer(call.content_encoding) if call.content_encoding else _Plain()


def _late_error(text: str, tag: str) -> bytes:
    """An error after the answer began: the form that clients look for since 25.11."""
    message = f"{text}\n"
    return f"__exception__\r\n{tag}\r\n{message}{len(message)} {tag}\r\n__exception__\r\n".encode()


def _summary(statistics: Statistics) -> str:
    return orjson.dumps(
        {
            "read_rows": str(statistics.read_rows),
            "read_bytes": str(statistics.read_bytes),
            "written_rows": str(statistics.written_rows),
            "written_bytes": str(statistics.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(statistics.result_rows),
            "result_bytes": str(statistics.result_bytes),
            "elapsed_ns": str(int(statistics.elapsed * 1e9)),
        }
    ).decode()
