"""Messenger and Instagram, straight to Meta: the Send API on its two hosts."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from schemas.base import Provider
from streams.providers import answers, waits
from streams.providers.client import Client
from streams.providers.connecting import HttpConnector
from streams.providers.credentials import Credential
from streams.providers.http import base_address, get, json_post
from streams.providers.meta import errors, history, requests
from streams.providers.protocol import (
    AccountHealth,
    ErrorClass,
    HistoryPage,
    LinkedAccount,
    OutboundSend,
    SendError,
    Sent,
)
from streams.providers.reading import utc_now

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class Meta(HttpConnector):
    """`POST /{page or account}/messages`, with a page token or an Instagram user token."""

    name: Provider = "meta"
    platform = "Meta"

    def __init__(
        self,
        client: Client,
        *,
        graph_url: str,
        instagram_url: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(client, sleep=sleep, now=now)
        self._graph = base_address(graph_url, "DM_META_GRAPH_URL")
        self._instagram = base_address(instagram_url, "DM_META_INSTAGRAM_URL")

    def classify_error(
        self, status: int | None, headers: Mapping[str, str], body: bytes
    ) -> SendError:
        return errors.classify_error(status, headers, body)

    async def send(self, send: OutboundSend, credential: Credential) -> Sent | SendError:
        bodies = requests.messages(send)
        if send.platform == "x" or not bodies or not _ID.fullmatch(send.account_id):
            return SendError(
                ErrorClass.BAD_REQUEST,
                "Meta takes a text or media, for an account of Messenger or Instagram",
            )
        delivered = list(send.delivered)
        sent = Sent(message_ids=send.delivered, recipient_id=send.recipient_id)
        for body in bodies[len(delivered) :]:
            result = send.too_late(self._now()) or await self._post(send, credential, body)
            if isinstance(result, SendError):
                return _after(result, delivered, len(bodies))
            delivered += result.message_ids
            sent = replace(result, message_ids=tuple(delivered))
        return sent

    async def _post(
        self, send: OutboundSend, credential: Credential, body: requests.Body
    ) -> Sent | SendError:
        host = self._host(send.platform, credential)
        sender = _sender(send.platform, send.account_id, credential)
        request = json_post(f"{host}/{sender}/messages", body, _authorisation(credential))
        answer = await self._exchange(request)
        if isinstance(answer, SendError):
            return answer
        reply = answers.parse_object(answer.body)
        message_id = answers.text(reply.get("message_id"))
        if answer.status == HTTPStatus.OK and message_id is not None and "error" not in reply:
            usage = waits.meta_usage(answer.headers)
            return Sent(
                message_ids=(message_id,),
                recipient_id=answers.text(reply.get("recipient_id")) or send.recipient_id,
                external_conversation_id=send.external_conversation_id,
                pause_seconds=usage.seconds,
            )
        return self._refused(answer)

    def history(
        self, account: LinkedAccount, credential: Credential, cursor: str | None = None
    ) -> AsyncIterator[HistoryPage]:
        reader = self._reader(
            _authorisation(credential),
            lambda headers: waits.meta_usage(headers, full=history.PER_CENT_OF_CALLS),
            every_seconds=history.SECONDS_BETWEEN_CALLS,
        )
        root = self._host(account.platform, credential)
        sender = _sender(account.platform, account.account_id, credential)
        source = history.Source(reader, root, sender, account)
        return history.pages(source, cursor, self._now())

    async def verify(self, credential: Credential) -> AccountHealth:
        fields = "user_id,username" if credential.login == "instagram" else "id,name"
        host = self._instagram if credential.login == "instagram" else self._graph
        request = get(f"{host}/me", _authorisation(credential), {"fields": fields})
        return await self._who(request, _health)

    def _host(self, platform: str, credential: Credential) -> str:
        if platform == "instagram" and credential.login == "instagram":
            return self._instagram
        return self._graph


def _health(me: Any) -> AccountHealth | None:
    # Instagram's login names two ids: `user_id` is the one that webhooks name.
    account_id = answers.text(answers.dig(me, "user_id")) or answers.text(answers.dig(me, "id"))
    if account_id is None:
        return None
    name = answers.text(answers.dig(me, "name")) or answers.text(answers.dig(me, "username"))
    return AccountHealth(account_id=account_id, name=name)


def _sender(platform: str, account_id: str, credential: Credential) -> str:
    """Whose messages these are, in the path. Through a page, Instagram's are the page's; for
    Messenger the account is named, so that a wrong token is refused instead of sending as
    another page.
    """
    if platform == "instagram" and credential.login == "page":
        return quote(credential.page_id or "me", safe="")
    return account_id


def _authorisation(credential: Credential) -> dict[str, str]:
    # In a header and never in the address: addresses are logged.
    return {"authorization": f"Bearer {credential.token.get_secret_value()}"}


def _after(error: SendError, delivered: list[str], of: int) -> SendError:
    if not delivered:
        return error
    done = f"after {len(delivered)} of {of} messages of the command were delivered"
    return replace(error, delivered=tuple(delivered), message=f"{error.message}, {done}")
