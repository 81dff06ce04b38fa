"""X's contract: sending, events, media upload. Mounted at `/x`."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.sandbox.config import Account, named_by
from streams.sandbox.desk import Desk, answer
from streams.sandbox.errors import x_problem
from streams.sandbox.reading import bearer, json_object
from streams.sandbox.store import Incoming, Message
from streams.sandbox.x_media import XMedia

_KEYS = {"text", "attachments"}


class XApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._media: dict[str, str] = {}
        """Media ready to be sent, and the account that uploaded each: no other may send it."""

    def routes(self) -> list[Route]:
        return [
            Route(
                "/2/dm_conversations/with/{participant}/messages",
                self.send,
                methods=["POST"],
            ),
            Route("/2/dm_events", self.events, methods=["GET"]),
            *XMedia(self._media, self._account).routes(),
            Route("/2/users/me", self.me, methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        account = self._account(request)
        body = await json_object(request)
        if account is None:
            return answer(x_problem(401, "Unauthorized", "Unauthorized"))
        media = [str(a.get("media_id")) for a in body.get("attachments") or []]
        text = body.get("text")
        incoming = Incoming(
            provider="x",
            platform="x",
            account=account,
            recipient_id=request.path_params["participant"],
            text=text if isinstance(text, str) and text else None,
            attachments=tuple({"type": "image", "url": f"x-media:{i}"} for i in media),
        )
        wrong = (
            not incoming.recipient_id.isdigit()
            or not (incoming.text or media)
            or len(media) > 1
            or bool(body.keys() - _KEYS)
            or any(self._media.get(i) != account.account_id for i in media)
        )
        if wrong:
            refused = x_problem(400, "Invalid Request", "One or more parameters was invalid.")
            return self._desk.note_refused(incoming, refused)
        return await self._desk.take(request, incoming, _sent, status=201)

    async def events(self, request: Request) -> Response:
        account = self._account(request)
        if account is None:
            return answer(x_problem(401, "Unauthorized", "Unauthorized"))
        fault = await self._desk.reading_fault(request, Incoming("x", "x", account, ""))
        if fault is not None:
            return fault
        newest_first = self._desk.store.messages_of(account)
        start = int(request.query_params.get("pagination_token", "0"))
        limit = min(int(request.query_params.get("max_results", "100")), 100)
        page = newest_first[start : start + limit]
        people = sorted({i for m in page for i in (account.account_id, m.correspondent_id)})
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + limit < len(newest_first):
            meta["next_token"] = str(start + limit)
        return JSONResponse(
            {
                "data": [_event(m) for m in page],
                "includes": {
                    "users": [{"id": i, "name": f"User {i}", "username": f"u{i}"} for i in people]
                },
                "meta": meta,
            }
        )

    async def me(self, request: Request) -> Response:
        account = self._account(request)
        if account is None:
            return answer(x_problem(401, "Unauthorized", "Unauthorized"))
        user = {"id": account.account_id, "name": "Sandbox", "username": "sandbox"}
        return JSONResponse({"data": user})

    def _account(self, request: Request) -> Account | None:
        """By token; the path names nobody. A token that is nobody's and names nobody acts for user
        10000."""
        token = bearer(request)
        if token is None:
            return None
        for account in self._desk.store.accounts:
            if account.provider == "x" and account.token == token:
                return account
        named = named_by(token)
        return self._desk.store.account("x", "x", named[0] if named else "10000")


def _sent(message: Message) -> dict[str, Any]:
    return {
        "data": {
            "dm_conversation_id": message.conversation_id,
            "dm_event_id": message.message_id,
        }
    }


def _event(message: Message) -> dict[str, Any]:
    at = datetime.fromtimestamp(message.at_ms // 1000, UTC)
    return {
        "id": message.message_id,
        "event_type": "MessageCreate",
        "text": message.text or "",
        "sender_id": message.account.account_id
        if message.by == "account"
        else message.correspondent_id,
        "dm_conversation_id": message.conversation_id,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
