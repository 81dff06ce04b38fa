"""Ayrshare's contract: `/messages/{network}` and `/user`. Mounted at `/ayrshare/api`."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.base import Platform
from streams.sandbox.config import Account, named_by
from streams.sandbox.desk import Desk, answer
from streams.sandbox.errors import ayrshare_error
from streams.sandbox.reading import bearer, json_object
from streams.sandbox.store import Incoming, Message

_PLATFORMS: dict[str, Platform] = {"facebook": "facebook", "instagram": "instagram", "twitter": "x"}
_NETWORKS = {platform: network for network, platform in _PLATFORMS.items()}
_PAGE = 100


class AyrshareApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            Route("/messages/{network}", self.send, methods=["POST"]),
            Route("/messages/{network}", self.read, methods=["GET"]),
            Route("/user", self.user, methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        account = self._account(request)
        body = await json_object(request)
        if account is None:
            return answer(ayrshare_error(401, 102, "API key not valid"))
        text = body.get("message")
        urls = body.get("mediaUrls") or []
        incoming = Incoming(
            provider="ayrshare",
            platform=account.platform,
            account=account,
            recipient_id=str(body.get("recipientId", "")),
            text=text if isinstance(text, str) and text else None,
            attachments=tuple({"type": "image", "url": str(url)} for url in urls),
        )
        on_x = account.platform == "x"
        wrong = (
            not incoming.recipient_id
            or (not incoming.text and (on_x or not urls))
            or (on_x and len(urls) > 1)
            or any("?" in str(url) for url in urls)
        )
        if wrong:
            refused = ayrshare_error(400, 101, "Missing/incorrect parameter")
            return self._desk.note_refused(incoming, refused)
        return await self._desk.take(request, incoming, _sent)

    async def read(self, request: Request) -> Response:
        account = self._account(request)
        if account is None:
            return answer(ayrshare_error(401, 102, "API key not valid"))
        fault = await self._desk.reading_fault(
            request, Incoming("ayrshare", account.platform, account, "")
        )
        if fault is not None:
            return fault
        query = request.query_params
        newest_first = [
            m
            for conversation in self._desk.store.conversations(account).values()
            for m in conversation[: None if account.platform == "x" else 20]
        ]
        if query.get("status", "active") != "active":
            newest_first = []
        start = int(query.get("next", "0"))
        limit = int(query.get("limit", _PAGE)) if account.platform == "x" else len(newest_first)
        page = newest_first[start : start + limit]
        body: dict[str, Any] = {
            "status": "success",
            "messages": [_message(m) for m in page],
            "messagesCount": len(page),
            "lastUpdated": datetime.now(UTC).isoformat(),
        }
        if start + limit < len(newest_first):
            body["meta"] = {"pagination": {"next": str(start + limit)}}
        return JSONResponse(body)

    async def user(self, request: Request) -> Response:
        if bearer(request) is None:
            return answer(ayrshare_error(401, 102, "API key not valid"))
        reference = _reference(request)
        return JSONResponse(
            {
                "title": "Sandbox profile",
                "refId": reference,
                "messagingEnabled": True,
                "activeSocialAccounts": ["facebook", "instagram", "twitter"],
            }
        )

    def _account(self, request: Request) -> Account | None:
        """By Profile-Key and network; one that nobody registered is made from the key."""
        platform = _PLATFORMS.get(request.path_params["network"])
        if platform is None or bearer(request) is None:
            return None
        key = request.headers.get("profile-key")
        for account in self._desk.store.accounts:
            if (account.provider, account.platform) == (
                "ayrshare",
                platform,
            ) and account.profile_key == key:
                return account
        named = named_by(key)
        if named is not None:
            return self._make(platform, named[0], key, named[1])
        digits = str(int(hashlib.sha256(f"{platform}:{key}".encode()).hexdigest()[:12], 16))
        return self._make(platform, digits, key, _reference(request))

    def _make(
        self, platform: Platform, account_id: str, key: str | None, reference: str
    ) -> Account:
        known = self._desk.store.account("ayrshare", platform, account_id)
        made = replace(known, profile_key=key, reference=reference)
        accounts = self._desk.store.accounts
        accounts[:] = [a for a in accounts if a is not known] + [made]
        return made


def _reference(request: Request) -> str:
    """The refId of a profile that nobody registered: 40 hex digits of its key."""
    key = request.headers.get("profile-key") or bearer(request) or ""
    return hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()


def _sent(message: Message) -> dict[str, Any]:
    return {
        "status": "success",
        "recipientId": message.correspondent_id,
        "messageId": message.message_id,
        "message": message.text or "",
    }


def _message(message: Message) -> dict[str, Any]:
    sent = message.by == "account"
    ours, theirs = message.account.account_id, message.correspondent_id
    person = {"name": f"Person {theirs}", "id": theirs}
    at = datetime.fromtimestamp(message.at_ms / 1000, UTC)
    item: dict[str, Any] = {
        "id": message.message_id,
        "conversationId": message.conversation_id,
        "platform": _NETWORKS[message.account.platform],
        "action": "sent" if sent else "received",
        "senderId": ours if sent else theirs,
        "recipientId": theirs if sent else ours,
        "recipientDetails" if sent else "senderDetails": person,
        "created": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if message.text is not None:
        item["message"] = message.text
    if message.attachments:
        item["attachments"] = list(message.attachments)
    return item
