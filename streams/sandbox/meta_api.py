"""Meta's contract: the Send API and the Conversations API, on both hosts.

Mounted at `/meta/graph/v25.0` and `/meta/instagram/v25.0`.
"""

import re
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.base import Platform
from streams.sandbox.config import Account
from streams.sandbox.desk import Desk, answer
from streams.sandbox.errors import Refusal, meta_error
from streams.sandbox.reading import bearer, json_object
from streams.sandbox.store import Incoming, Message

_INSTAGRAM_BYTES = 1000
_MESSENGER_CHARACTERS = 2000
_METADATA_CHARACTERS = 1000
_NEWEST = 20
_TAGS = ("HUMAN_AGENT",)
_LIMIT = re.compile(r"messages\.limit\((\d+)\)")


class MetaApi:
    def __init__(self, desk: Desk, *, instagram_host: bool) -> None:
        self._desk = desk
        self._instagram_host = instagram_host

    def routes(self) -> list[Route]:
        return [
            Route("/{sender}/messages", self.send, methods=["POST"]),
            Route("/{sender}/conversations", self.conversations, methods=["GET"]),
            Route("/{node}", self.node, methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        body = await json_object(request)
        token = bearer(request)
        if token is None:
            return answer(meta_error(401, 190, text="An access token is required"))
        recipient_id = str((body.get("recipient") or {}).get("id", ""))
        message = body.get("message") if isinstance(body.get("message"), dict) else {}
        account = self._account(request, token, recipient_id)
        incoming = _incoming(account, recipient_id, message or {})
        refused = _fault(incoming, body, message or {})
        if refused is not None:
            return self._desk.note_refused(incoming, refused)
        return await self._desk.take(request, incoming, _sent)

    async def conversations(self, request: Request) -> Response:
        token = bearer(request)
        if token is None:
            return answer(meta_error(401, 190, text="An access token is required"))
        platform: Platform = (
            "instagram" if request.query_params.get("platform") == "instagram" else "facebook"
        )
        account = self._named(request.path_params["sender"], platform, token)
        fault = await self._desk.reading_fault(request, Incoming("meta", platform, account, ""))
        if fault is not None:
            return fault
        found = list(self._desk.store.conversations(account).items())
        start = int(request.query_params.get("after", "0"))
        limit = int(request.query_params.get("limit", "25"))
        page = found[start : start + limit]
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + limit)}}
        if start + limit < len(found):
            # As the real one: an address with the token in it.
            paging["next"] = f"{request.url.remove_query_params('after')}&access_token={token}"
        return JSONResponse(
            {
                "data": [
                    {
                        "id": its_id,
                        "updated_time": _time(messages[0].at_ms),
                        "participants": {"data": _participants(messages[0])},
                    }
                    for its_id, messages in page
                ],
                "paging": paging,
            }
        )

    async def node(self, request: Request) -> Response:
        """`/me`, a conversation or a message: Graph names all of them by id alone."""
        token = bearer(request)
        if token is None:
            return answer(meta_error(401, 190, text="An access token is required"))
        node, fields = request.path_params["node"], request.query_params.get("fields", "")
        if node == "me":
            return JSONResponse(self._me(token))
        conversation = self._desk.store.conversation(node)
        message = self._desk.store.message(node)
        found = conversation[0] if conversation else message
        if found is None:
            return _unknown()
        about = Incoming("meta", found.account.platform, found.account, found.correspondent_id)
        fault = await self._desk.reading_fault(request, about)
        if fault is not None:
            return fault
        return self._details_of(message) if message else _newest(node, conversation, fields)

    def _details_of(self, message: Message) -> Response:
        newest = self._desk.store.conversation(message.conversation_id)[:_NEWEST]
        return JSONResponse(_details(message)) if message in newest else _unknown()

    def _me(self, token: str) -> dict[str, Any]:
        account = next((a for a in self._desk.store.accounts if a.token == token), None)
        account_id = account.account_id if account else "10000"
        if self._instagram_host:
            return {"user_id": account_id, "id": f"9{account_id}", "username": "sandbox"}
        return {"id": (account.page_id if account else None) or account_id, "name": "Sandbox page"}

    def _account(self, request: Request, token: str, recipient_id: str) -> Account:
        """Whose message it is. A page's path serves both platforms: the recipient tells."""
        sender = request.path_params["sender"]
        if self._instagram_host:
            return self._named(sender, "instagram", token)
        store = self._desk.store
        for account in store.accounts:
            through_page = account.platform == "instagram" and account.provider == "meta"
            mine = account.token == token or (account.page_id and account.page_id == sender)
            if through_page and mine and store.has_written(account, recipient_id):
                return account
        platform: Platform = "instagram" if sender == "me" else "facebook"
        return self._named(sender, platform, token)

    def _named(self, sender: str, platform: Platform, token: str) -> Account:
        for account in self._desk.store.accounts:
            if (account.provider, account.platform) != ("meta", platform):
                continue
            if sender in (account.account_id, account.page_id):
                return account
            if sender == "me" and account.token == token:
                return account
        return self._desk.store.account("meta", platform, "10000" if sender == "me" else sender)


def _incoming(account: Account, recipient_id: str, message: dict[str, Any]) -> Incoming:
    attachments = message.get("attachments") or (
        [message["attachment"]] if "attachment" in message else []
    )
    metadata = message.get("metadata")
    return Incoming(
        provider="meta",
        platform=account.platform,
        account=account,
        recipient_id=recipient_id,
        text=message.get("text"),
        attachments=tuple(
            {"type": str(a.get("type")), "url": str((a.get("payload") or {}).get("url", ""))}
            for a in attachments
            if isinstance(a, dict)
        ),
        metadata=metadata if isinstance(metadata, str) else None,
    )


def _fault(incoming: Incoming, body: dict[str, Any], message: dict[str, Any]) -> Refusal | None:
    """What the Send API's page rules out."""
    kind, text = body.get("messaging_type"), incoming.text
    too_long = text is not None and (
        len(text.encode()) > _INSTAGRAM_BYTES
        if incoming.platform == "instagram"
        else len(text) > _MESSENGER_CHARACTERS
    )
    wrong = (
        not incoming.recipient_id
        or kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG")
        or (kind == "MESSAGE_TAG" and body.get("tag") not in _TAGS)
        or bool(text) == bool(incoming.attachments)  # one of the two, never both
        or ("attachments" in message and incoming.platform != "instagram")
        or too_long
        or len(incoming.metadata or "") > _METADATA_CHARACTERS
    )
    return meta_error(400, 100, text="Invalid parameter") if wrong else None


def _unknown() -> Response:
    """Older messages answer as if deleted, too."""
    return answer(meta_error(400, 100, 33, "Unsupported get request"))


def _newest(node: str, conversation: list[Message], fields: str) -> Response:
    """Ids and times; all details where the fields ask for them (`messages{...}`)."""
    limit = _LIMIT.search(fields)
    page = conversation[: int(limit[1]) if limit else 25]
    items = [
        _details(m) if "{" in fields else {"id": m.message_id, "created_time": _time(m.at_ms)}
        for m in page
    ]
    return JSONResponse({"id": node, "messages": {"data": items}})


def _sent(message: Message) -> dict[str, Any]:
    return {"recipient_id": message.correspondent_id, "message_id": message.message_id}


def _participants(message: Message) -> list[dict[str, str]]:
    person = message.correspondent_id
    return [
        {"id": message.account.account_id, "username": "sandbox_business", "name": "Sandbox"},
        {"id": person, "username": f"person_{person}", "name": f"Person {person}"},
    ]


def _details(message: Message) -> dict[str, Any]:
    ours, theirs = _participants(message)
    sender, recipient = (ours, theirs) if message.by == "account" else (theirs, ours)
    found: dict[str, Any] = {
        "id": message.message_id,
        "created_time": _time(message.at_ms),
        "from": sender,
        "to": {"data": [recipient]},
        "message": message.text or "",
    }
    if message.attachments:
        found["attachments"] = {
            "data": [
                {"id": str(n), "mime_type": "image/png", "image_data": {"url": item["url"]}}
                for n, item in enumerate(message.attachments)
            ]
        }
    return found


def _time(at_ms: int) -> str:
    """`2026-04-05T05:27:08+0000`: whole seconds, as Graph writes them."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
