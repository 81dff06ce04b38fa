"""One delivery: bounds, signature, key, onto the topic, answer. In that order.

A delivery comes on one of two ways. Nearly all arrive in one piece and are handed over whole by the
protocol (`streams.gateway.direct`), to be answered by a callback: no task, no coroutine. All others
come by ASGI, piece by piece.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from schemas.base import Provider, rfc3339
from schemas.topics import WebhookHeader
from streams.gateway import answers
from streams.gateway.bodies import (
    BodyTooLargeError,
    ClientGoneError,
    Hold,
    InFlight,
    TooMuchInFlightError,
    read_body,
)
from streams.gateway.complaints import Complaints
from streams.gateway.errors import INTERNAL, log_unexpected
from streams.gateway.keep import Headers, NotKeptError, Publisher, stopping
from streams.gateway.signatures import Refusal, single_headers
from streams.monitoring import metrics, traces

Check = Callable[[Mapping[bytes, bytes], bytes], Refusal | None]
"""(headers, raw body) to why it is not trusted."""
Clock = Callable[[], datetime]
Give = Callable[[answers.Answer], None]
Reference = Callable[[Provider, bytes], str]
"""(provider, raw body) to the account that keys the record; ValueError if not a JSON object."""

# Without a body: no platform reads one, and it would cost a system call of its own.
_ACCEPTED = answers.empty(200)
_UNTRUSTED = answers.error(401, "invalid_signature", "the signature does not verify")
_UNREADABLE = answers.error(400, "unreadable_body", "the body is not a JSON object in UTF-8")
_BAD_LENGTH = answers.error(400, "invalid_content_length", "Content-Length is not a number")
_ENCODED = answers.error(
    415, "content_encoding_not_supported", "send the body as it was signed, without encoding"
)
_OVERLOADED = answers.error(
    503, "overloaded", "too many webhooks are under way; send again", {"retry-after": "1"}
)

_PLAIN = (b"identity", None)
_DELIVERY_ID = b"x-ayrshare-delivery-id"
_DELIVERY_ATTEMPT = b"x-ayrshare-delivery-attempt"
_LONGEST_DELIVERY_ID = 200


def utc_now() -> datetime:
    return datetime.now(UTC)


def random_id() -> str:
    """As unique as a random UUID, at a fifth of its cost."""
    return os.urandom(16).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """`POST /webhooks/<provider>`."""

    provider: Provider
    check: Check
    reference: Reference
    publisher: Publisher
    in_flight: InFlight
    max_body_bytes: int
    log: FilteringBoundLogger
    """Bound to the provider, as are the complaints."""
    complaints: Complaints
    now: Clock = utc_now
    new_id: Callable[[], str] = random_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = single_headers(scope["headers"])
        refused = self._refuse_unread(headers)
        if refused is not None:
            await answers.give_early(receive, send, refused)
            return
        with Hold(self.in_flight) as hold:
            try:
                body = await read_body(receive, self.max_body_bytes, hold)
            except BodyTooLargeError:
                await answers.give_early(receive, send, self._too_large())
            except TooMuchInFlightError:
                self._refused("overloaded")
                await answers.give_early(receive, send, _OVERLOADED)
            except ClientGoneError:
                self.log.info("webhook aborted by its sender")
            else:
                await answers.give(send, await self._kept(headers, body))

    def deliver(self, raw: Sequence[tuple[bytes, bytes]], body: bytes, give: Give) -> bool:
        """A delivery that is there whole. `give` is called once, now or later. False: nothing was
        done, it is to come by ASGI, which has the answers for what is out of bounds."""
        headers, size = single_headers(raw), len(body)
        if size > self.max_body_bytes or headers.get(b"content-encoding") not in _PLAIN:
            return False
        try:
            self.in_flight.take(size)
        except TooMuchInFlightError:
            return False

        def give_and_let_go(answer: answers.Answer) -> None:
            self.in_flight.give_back(size)
            give(answer)

        try:
            self._keep(headers, body, give_and_let_go)
        except Exception as error:  # noqa: BLE001 - the last line of defence
            log_unexpected(f"/webhooks/{self.provider}", error)
            give_and_let_go(INTERNAL)
        return True

    def _refuse_unread(self, headers: Mapping[bytes, bytes]) -> answers.Answer | None:
        """What the headers alone forbid; nothing of it depends on the body."""
        if headers.get(b"content-encoding") not in _PLAIN:
            # A signature covers the bytes as sent, and none of the platforms documents encoding.
            self._refused("content_encoding")
            return _ENCODED
        declared = headers.get(b"content-length")
        if declared is None:
            return None
        if not declared.isdigit():
            return _BAD_LENGTH
        if len(declared) > len(str(self.max_body_bytes)) or int(declared) > self.max_body_bytes:
            return self._too_large()
        return None

    async def _kept(self, headers: Mapping[bytes, bytes], body: bytes) -> answers.Answer:
        given: asyncio.Future[answers.Answer] = asyncio.get_running_loop().create_future()

        def give(answer: answers.Answer) -> None:
            if not given.cancelled():
                given.set_result(answer)

        self._keep(headers, body, give)
        return await given

    def _keep(self, headers: Mapping[bytes, bytes], body: bytes, give: Give) -> None:
        """`give` is called once: at once, or when it is known what became of the record."""
        refusal = self.check(headers, body)
        if refusal is not None:
            self._refused(refusal)
            give(_UNTRUSTED)
            return
        # Only from here on may an answer depend on what the body says.
        try:
            account = self.reference(self.provider, body)
            key = account.encode()
        except (ValueError, RecursionError):
            self._refused("unreadable_body")
            give(_UNREADABLE)
            return
        delivery_id, record_headers = self._record_headers(headers, body)
        began = perf_counter()
        trace = traces.begun("webhook", provider=self.provider, delivery_id=delivery_id)

        def settle(kept: asyncio.Future[None]) -> None:
            trace.end()
            # Cancelled, as at the loop's end, it is not known to be durable and has no exception to
            # ask for: whoever waits is answered all the same, and their bytes are let go.
            error = stopping() if kept.cancelled() else kept.exception()
            if error is None:
                metrics.WEBHOOK_KEEP_SECONDS.observe(perf_counter() - began)
                metrics.child(metrics.WEBHOOKS_ACCEPTED, self.provider).inc()
                self.log.debug(
                    "webhook kept", account=account, delivery_id=delivery_id, outcome="kept"
                )
                give(_ACCEPTED)
            else:
                give(self._not_kept(error, account, delivery_id))

        record = self.publisher.publish(key, body, record_headers + trace.headers)
        asyncio.ensure_future(record).add_done_callback(settle)

    def _not_kept(self, error: BaseException, account: str, delivery_id: str) -> answers.Answer:
        if not isinstance(error, NotKeptError):
            log_unexpected(f"/webhooks/{self.provider}", error)
            return INTERNAL
        metrics.WEBHOOKS_REFUSED.labels(self.provider, error.reason).inc()
        self.complaints.say(
            "webhook not kept", error.reason, account=account, delivery_id=delivery_id
        )
        return not_kept_answer(error)

    def _record_headers(self, headers: Mapping[bytes, bytes], body: bytes) -> tuple[str, Headers]:
        delivery_id = self._given_delivery_id(headers) or self.new_id()
        record: Headers = [
            (WebhookHeader.PROVIDER, self.provider.encode()),
            (WebhookHeader.RECEIVED_AT, rfc3339(self.now()).encode()),
            (WebhookHeader.DELIVERY_ID, delivery_id.encode()),
            (WebhookHeader.SHA256, hashlib.sha256(body).hexdigest().encode()),
        ]
        attempt = headers.get(_DELIVERY_ATTEMPT, b"")
        if self.provider == "ayrshare" and attempt.isdigit() and len(attempt) < len("1000000"):
            record.append((WebhookHeader.DELIVERY_ATTEMPT, attempt))
        return delivery_id, record

    def _given_delivery_id(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Ayrshare's id of the delivery. It is not signed, so it is bounded and plain ASCII."""
        if self.provider != "ayrshare":
            return None
        given = headers.get(_DELIVERY_ID, b"")
        if not 0 < len(given) <= _LONGEST_DELIVERY_ID or not given.isascii():
            return None
        text = given.decode()
        return text if text.isprintable() else None

    def _too_large(self) -> answers.Answer:
        self._refused("body_too_large")
        return answers.error(
            413, "body_too_large", f"the body is longer than {self.max_body_bytes} bytes"
        )

    def _refused(self, outcome: str) -> None:
        metrics.WEBHOOKS_REFUSED.labels(self.provider, outcome).inc()
        self.complaints.say("webhook refused", outcome)


def not_kept_answer(error: NotKeptError) -> answers.Answer:
    return answers.error(503, error.reason, error.message, {"retry-after": str(error.retry_after)})
