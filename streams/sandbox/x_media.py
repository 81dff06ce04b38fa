"""X's media upload: in one call, and in pieces with processing afterwards."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.sandbox.config import Account
from streams.sandbox.desk import answer
from streams.sandbox.errors import x_problem
from streams.sandbox.reading import json_object

_FIRST_ID = 1146654567674912769
_IN_PIECES = ("dm_gif", "dm_video")


@dataclass(slots=True)
class Upload:
    account_id: str
    total_bytes: int
    pieces: dict[int, bytes] = field(default_factory=dict)
    asked: int = 0
    """How often its state was asked for since it was complete."""


class XMedia:
    def __init__(self, ready: dict[str, str], account: Callable[[Request], Account | None]) -> None:
        self._ready = ready
        self._account = account
        self._uploads: dict[str, Upload] = {}
        self._made = 0

    def routes(self) -> list[Route]:
        return [
            Route("/2/media/upload", self.upload, methods=["POST"]),
            Route("/2/media/upload", self.status, methods=["GET"]),
            Route("/2/media/upload/initialize", self.initialize, methods=["POST"]),
            Route("/2/media/upload/{media_id}/append", self.append, methods=["POST"]),
            Route("/2/media/upload/{media_id}/finalize", self.finalize, methods=["POST"]),
        ]

    async def upload(self, request: Request) -> Response:
        account = self._account(request)
        if account is None:
            return answer(x_problem(401, "Unauthorized", "Unauthorized"))
        body = await json_object(request)
        content = _decoded(body)
        if not content or body.get("media_category") != "dm_image":
            return _wrong()
        media_id = self._new_id()
        self._ready[media_id] = account.account_id
        return _told(media_id, size=len(content))

    async def initialize(self, request: Request) -> Response:
        account = self._account(request)
        if account is None:
            return answer(x_problem(401, "Unauthorized", "Unauthorized"))
        body = await json_object(request)
        total = body.get("total_bytes")
        if not isinstance(total, int) or body.get("media_category") not in _IN_PIECES:
            return _wrong()
        media_id = self._new_id()
        self._uploads[media_id] = Upload(account.account_id, total)
        return _told(media_id)

    async def append(self, request: Request) -> Response:
        found = self._uploads.get(request.path_params["media_id"])
        body = await json_object(request)
        index, piece = body.get("segment_index"), _decoded(body)
        if found is None or not isinstance(index, int) or not piece:
            return _wrong()
        found.pieces[index] = piece
        return JSONResponse({"data": {"expires_at": 1}})

    async def finalize(self, request: Request) -> Response:
        media_id = request.path_params["media_id"]
        found = self._uploads.get(media_id)
        if found is None or sum(map(len, found.pieces.values())) != found.total_bytes:
            return _wrong()
        return _told(media_id, processing_info={"state": "pending", "check_after_secs": 1})

    async def status(self, request: Request) -> Response:
        """In progress once, then ready."""
        media_id = request.query_params.get("media_id", "")
        found = self._uploads.get(media_id)
        if found is None or request.query_params.get("command") != "STATUS":
            return _wrong()
        found.asked += 1
        if found.asked == 1:
            return _told(media_id, processing_info={"state": "in_progress", "check_after_secs": 1})
        self._ready[media_id] = found.account_id
        return _told(media_id, processing_info={"state": "succeeded", "progress_percent": 100})

    def _new_id(self) -> str:
        self._made += 1
        return str(_FIRST_ID + self._made)


def _decoded(body: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(body.get("media", "")), validate=True)
    except binascii.Error:
        return b""


def _told(media_id: str, **more: Any) -> Response:
    data = {"id": media_id, "media_key": f"3_{media_id}", "expires_after_secs": 86400, **more}
    return JSONResponse({"data": data})


def _wrong() -> Response:
    return answer(x_problem(400, "Invalid Request", "One or more parameters was invalid."))
