"""X's media upload: images in one call, GIF and video in pieces (X's media upload pages).

An upload is not a message. Whatever fails here, the message has certainly not been delivered.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.client import Client
from streams.providers.http import (
    NoAnswer,
    Request,
    exchange,
    get,
    json_post,
    no_answer_error,
)
from streams.providers.protocol import ErrorClass, SendError
from streams.providers.x import errors
from streams.providers.x.media import Medium

PIECE_BYTES = 2 * 1024 * 1024
"""X takes pieces of up to 5 MB, and base64 makes them a third larger."""
LONGEST_PROCESSING_SECONDS = 90.0
_LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Uploader:
    client: Client
    base: str
    headers: Mapping[str, str]
    sleep: Callable[[float], Awaitable[None]]

    async def upload(self, medium: Medium) -> str | SendError:
        """The media id, ready to be sent by the same user within 24 hours."""
        if medium.media_type.startswith("video/") or medium.media_type == "image/gif":
            return await self._in_pieces(medium)
        body = {
            "media": base64.b64encode(medium.content).decode(),
            "media_category": "dm_image",
            "media_type": medium.media_type,
        }
        return _media_id(await self._post("/2/media/upload", body))

    async def _in_pieces(self, medium: Medium) -> str | SendError:
        category = "dm_gif" if medium.media_type == "image/gif" else "dm_video"
        body = {
            "media_type": medium.media_type,
            "total_bytes": len(medium.content),
            "media_category": category,
        }
        media_id = _media_id(await self._post("/2/media/upload/initialize", body))
        if isinstance(media_id, SendError):
            return media_id
        for index, start in enumerate(range(0, len(medium.content), PIECE_BYTES)):
            piece = medium.content[start : start + PIECE_BYTES]
            part = {"media": base64.b64encode(piece).decode(), "segment_index": index}
            added = await self._post(f"/2/media/upload/{media_id}/append", part)
            if isinstance(added, SendError):
                return added
        return await self._processed(
            media_id, await self._post(f"/2/media/upload/{media_id}/finalize", {})
        )

    async def _processed(self, media_id: str, answer: Json | SendError) -> str | SendError:
        """Waits until X has made the medium ready."""
        waited = 0.0
        while not isinstance(answer, SendError):
            state = answers.dig(answer, "data", "processing_info", "state") or "succeeded"
            if state == "succeeded":
                return media_id
            if state == "failed":
                return SendError(ErrorClass.BAD_REQUEST, "X: the medium could not be processed")
            said = answers.dig(answer, "data", "processing_info", "check_after_secs")
            wait = min(max(float(answers.integer(said) or 1), 1.0), _LONGEST_WAIT_SECONDS)
            waited += wait
            if waited > LONGEST_PROCESSING_SECONDS:
                return SendError(
                    ErrorClass.TRANSIENT, "X: the medium is still being processed; nothing was sent"
                )
            await self.sleep(wait)
            asked = {"command": "STATUS", "media_id": media_id}
            answer = await self._call(get(f"{self.base}/2/media/upload", self.headers, asked))
        return answer

    async def _post(self, path: str, body: Json) -> Json | SendError:
        return await self._call(json_post(self.base + path, body, self.headers))

    async def _call(self, request: Request) -> Json | SendError:
        answer = await exchange(self.client, request)
        if isinstance(answer, NoAnswer):
            return _not_sent(no_answer_error(answer, "X (media upload)"))
        if 200 <= answer.status < 300:  # noqa: PLR2004
            return answers.parse_object(answer.body)
        return _not_sent(errors.classify_error(answer.status, answer.headers, answer.body))


def _media_id(answer: Json | SendError) -> str | SendError:
    if isinstance(answer, SendError):
        return answer
    media_id = answers.text(answers.dig(answer, "data", "id"))
    if media_id is None or not media_id.isalnum():
        return SendError(ErrorClass.BAD_REQUEST, "X: the upload was answered without a media id")
    return media_id


def _not_sent(error: SendError) -> SendError:
    if error.error_class is not ErrorClass.MAYBE_DELIVERED:
        return error
    return replace(
        error,
        error_class=ErrorClass.TRANSIENT,
        message="X: the media could not be uploaded; no message was sent",
    )
