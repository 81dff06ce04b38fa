"""Ayrshare: one call for every network, `POST /messages/{facebook|instagram|twitter}`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from schemas.base import Platform, Provider
from streams.providers import answers, waits
from streams.providers.answers import Json
from streams.providers.ayrshare import errors, history
from streams.providers.client import Client
from streams.providers.connecting import HttpConnector
from streams.providers.credentials import Credential
from streams.providers.http import base_address, get, json_post
from streams.providers.protocol import (
    AccountHealth,
    Allowance,
    ErrorClass,
    HistoryPage,
    LinkedAccount,
    OutboundSend,
    SendError,
    Sent,
)
from streams.providers.reading import utc_now

NETWORKS: dict[Platform, str] = {"facebook": "facebook", "instagram": "instagram", "x": "twitter"}
"""Ayrshare's words for the platforms."""


class Ayrshare(HttpConnector):
    """Text and media of a command go in one call; Ayrshare makes the network's messages of it."""

    name: Provider = "ayrshare"
    platform = "Ayrshare"

    def __init__(
        self,
        client: Client,
        *,
        url: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(client, sleep=sleep, now=now)
        self._url = base_address(url, "DM_AYRSHARE_URL")

    def classify_error(
        self, status: int | None, headers: Mapping[str, str], body: bytes
    ) -> SendError:
        return errors.classify_error(status, headers, body)

    async def send(self, send: OutboundSend, credential: Credential) -> Sent | SendError:
        fault = _fault(send)
        if fault is not None:
            return SendError(ErrorClass.BAD_REQUEST, fault)
        body: Json = {"recipientId": send.recipient_id}
        if send.text:
            body["message"] = send.text
        if send.media_urls:
            body["mediaUrls"] = list(send.media_urls)
        request = json_post(
            f"{self._url}/messages/{NETWORKS[send.platform]}",
            body,
            _headers(send.platform, credential),
        )
        if late := send.too_late(self._now()):
            return late
        answer = await self._exchange(request)
        if isinstance(answer, SendError):
            return answer
        reply = answers.parse_object(answer.body)
        if answer.status == HTTPStatus.OK and reply.get("status") == "success":
            return Sent(
                message_ids=_message_ids(reply),
                recipient_id=answers.text(reply.get("recipientId")) or send.recipient_id,
                external_conversation_id=answers.text(reply.get("conversationId"))
                or send.external_conversation_id,
                pause_seconds=_used_up(answer.headers),
                allowance=_allowance(answer.headers),
            )
        error = self._refused(answer)
        return _in_part(error) if _parts(send) > 1 else error

    def history(
        self, account: LinkedAccount, credential: Credential, cursor: str | None = None
    ) -> AsyncIterator[HistoryPage]:
        reader = self._reader(
            _headers(account.platform, credential),
            lambda headers: waits.Wait(_used_up(headers, share=history.SHARE_OF_CALLS)),
        )
        address = f"{self._url}/messages/{NETWORKS[account.platform]}"
        return history.pages(reader, address, account, cursor)

    async def verify(self, credential: Credential) -> AccountHealth:
        request = get(f"{self._url}/user", _headers("facebook", credential))
        return await self._who(request, _health)


def _health(user: Any) -> AccountHealth | None:
    if not isinstance(user, dict) or not user or user.get("status") == "error":
        return None
    enabled = user.get("messagingEnabled")
    return AccountHealth(
        account_id=answers.text(user.get("refId")),
        name=answers.text(user.get("title")),
        messaging_enabled=enabled if isinstance(enabled, bool) else None,
    )


def _headers(platform: Platform, credential: Credential) -> dict[str, str]:
    headers = {"authorization": f"Bearer {credential.token.get_secret_value()}"}
    if credential.profile_key is not None:
        headers["profile-key"] = credential.profile_key.get_secret_value()
    if platform == "x" and credential.x_api_key is not None and credential.x_api_secret is not None:
        headers["x-twitter-oauth1-api-key"] = credential.x_api_key.get_secret_value()
        headers["x-twitter-oauth1-api-secret"] = credential.x_api_secret.get_secret_value()
    return headers


def _fault(send: OutboundSend) -> str | None:
    """What Ayrshare's send page rules out; told before a call is spent."""
    if not send.text and not send.media_urls:
        return "Ayrshare: a message needs a text or media"
    if send.platform == "x":
        if not send.text:
            return "Ayrshare: on X a message needs a text, with media too"
        if len(send.media_urls) > 1:
            return "Ayrshare: on X a message takes one medium"
    elif any("?" in url for url in send.media_urls):
        return "Ayrshare: a media address must end in its extension, without a query"
    return None


def _parts(send: OutboundSend) -> int:
    """How many messages the network makes of it: Meta's hold a text or one attachment."""
    return 1 if send.platform == "x" else len(send.media_urls) + bool(send.text)


def _in_part(error: SendError) -> SendError:
    """An error about one of several messages: the ones before it may have arrived, so nothing is
    tried again. Only Ayrshare's own 429 comes before any of them.
    """
    retriable = error.error_class in (ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED)
    if not retriable or error.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return error
    return replace(
        error,
        error_class=ErrorClass.MAYBE_DELIVERED,
        message=f"{error.message}; of the command's messages some may have arrived",
    )


def _message_ids(reply: Json) -> tuple[str, ...]:
    """Documented for a single text; a list is taken as it reads."""
    found = reply.get("messageId")
    ids = [answers.text(i) for i in (found if isinstance(found, list) else [found])]
    return tuple(i for i in ids if i is not None)


def _allowance(headers: Mapping[str, str]) -> Allowance | None:
    count = answers.integer(headers.get("x-ratelimit-count"))
    most = answers.integer(headers.get("x-ratelimit-max"))
    return None if count is None or most is None else Allowance.said(most, most - count)


def _used_up(headers: Mapping[str, str], *, share: float = 1.0) -> float | None:
    """Seconds until calls are free again, where that share of them is spent."""
    said = _allowance(headers)
    if said is not None and said.most - said.left >= said.most * share:
        return errors.RATE_WINDOW_SECONDS
    return None
