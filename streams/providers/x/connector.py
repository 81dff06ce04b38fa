"""X: `POST /2/dm_conversations/with/:participant_id/messages` with an OAuth 2 user token."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from schemas.base import Provider
from streams.providers import answers, waits
from streams.providers.answers import Json
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
from streams.providers.x import errors, history
from streams.providers.x.media import MediaFetcher
from streams.providers.x.upload import Uploader

_USER_ID = re.compile(r"\d{1,19}")  # by X's OpenAPI


class X(HttpConnector):
    """A text, one medium, or both in one message."""

    name: Provider = "x"
    platform = "X"

    def __init__(
        self,
        client: Client,
        *,
        url: str,
        media: MediaFetcher,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(client, sleep=sleep, now=now)
        self._url = base_address(url, "DM_X_URL")
        self._media = media

    def classify_error(
        self, status: int | None, headers: Mapping[str, str], body: bytes
    ) -> SendError:
        return errors.classify_error(status, headers, body)

    async def send(self, send: OutboundSend, credential: Credential) -> Sent | SendError:
        fault = _fault(send)
        if fault is not None:
            return SendError(ErrorClass.BAD_REQUEST, fault)
        body: Json = {}
        if send.text:
            body["text"] = send.text
        if send.media_urls:
            media_id = await self._media_id(send.media_urls[0], credential)
            if isinstance(media_id, SendError):
                return media_id
            body["attachments"] = [{"media_id": media_id}]
        request = json_post(
            f"{self._url}/2/dm_conversations/with/{send.recipient_id}/messages",
            body,
            _authorisation(credential),
        )
        if late := send.too_late(self._now()):
            return late
        answer = await self._exchange(request)
        if isinstance(answer, SendError):
            return answer
        reply = answers.parse(answer.body)
        event_id = answers.text(answers.dig(reply, "data", "dm_event_id"))
        if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED) and event_id is not None:
            return Sent(
                message_ids=(event_id,),
                recipient_id=send.recipient_id,
                external_conversation_id=answers.text(
                    answers.dig(reply, "data", "dm_conversation_id")
                ),
                pause_until=_used_up(answer.headers).at,
                allowance=Allowance.said(
                    answers.integer(answer.headers.get("x-rate-limit-limit")),
                    answers.integer(answer.headers.get("x-rate-limit-remaining")),
                ),
            )
        return self._refused(answer)

    async def _media_id(self, url: str, credential: Credential) -> str | SendError:
        medium = await self._media.fetch(url)
        if isinstance(medium, SendError):
            return medium
        headers = _authorisation(credential)
        return await Uploader(self._client, self._url, headers, self._sleep).upload(medium)

    def history(
        self, account: LinkedAccount, credential: Credential, cursor: str | None = None
    ) -> AsyncIterator[HistoryPage]:
        reader = self._reader(_authorisation(credential), _used_up)
        return history.pages(reader, f"{self._url}/2/dm_events", account, cursor)

    async def verify(self, credential: Credential) -> AccountHealth:
        request = get(f"{self._url}/2/users/me", _authorisation(credential))
        return await self._who(request, _health)


def _health(me: Any) -> AccountHealth | None:
    user_id = answers.text(answers.dig(me, "data", "id"))
    if user_id is None:
        return None
    name = answers.text(answers.dig(me, "data", "username"))
    return AccountHealth(account_id=user_id, name=name)


def _authorisation(credential: Credential) -> dict[str, str]:
    return {"authorization": f"Bearer {credential.token.get_secret_value()}"}


def _used_up(headers: Mapping[str, str]) -> waits.Wait:
    if answers.integer(headers.get("x-rate-limit-remaining")) != 0:
        return waits.NOTHING_SAID
    return waits.x_rate_limit_reset(headers)


def _fault(send: OutboundSend) -> str | None:
    if not _USER_ID.fullmatch(send.recipient_id):
        return "X: a recipient is a user id of 1 to 19 digits"
    if not send.text and not send.media_urls:
        return "X: a message needs a text or a medium"
    if len(send.media_urls) > 1:
        return "X: a message takes one medium"
    return None
