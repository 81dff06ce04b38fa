"""Which path goes where. Everything is made from settings and a publisher that are passed in."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.base import Provider
from schemas.webhooks import account_reference
from streams.gateway import answers
from streams.gateway.bodies import InFlight
from streams.gateway.complaints import Complaints
from streams.gateway.draining import REFUSED, Draining
from streams.gateway.errors import answer_unexpected, handlers
from streams.gateway.handshakes import meta_handshake, x_handshake
from streams.gateway.health import health_routes
from streams.gateway.keep import Publisher
from streams.gateway.signatures import (
    Refusal,
    check_ayrshare,
    check_ayrshare_time,
    check_meta,
    check_x,
)
from streams.gateway.webhooks import Check, Clock, Reference, WebhookEndpoint, utc_now
from streams.settings import Settings

Running = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Beside:
    """An app that has all paths but the gateway's own, and what runs as long as it is served."""

    app: ASGIApp
    running: Running


def create_app(
    settings: Settings,
    publisher: Publisher,
    *,
    reference: Reference = account_reference,
    now: Clock = utc_now,
    more_routes: Sequence[BaseRoute] = (),
    beside: Beside | None = None,
    draining: Draining | None = None,
    watching: Running = nullcontext,
) -> "Gateway":
    """The gateway. `more_routes` stand beside the webhooks, under the same answers for errors;
    `watching` runs as long as it is served."""
    deliveries = _deliveries(settings, publisher, reference, now)
    draining = draining or Draining()
    handshakes = {
        "/webhooks/meta": meta_handshake(settings.meta_verify_token.get_secret_value().encode()),
        "/webhooks/x": x_handshake(_secrets(settings.x_consumer_secrets)),
    }
    webhook_routes = [
        _webhook_route(path, delivery, handshakes.get(path))
        for path, delivery in deliveries.items()
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await publisher.start()
        try:
            async with (
                watching(),
                beside.running() if beside else nullcontext(),
            ):
                yield
        finally:
            await publisher.stop()

    own_routes = [*webhook_routes, *health_routes(publisher, draining), *more_routes]
    routed = Starlette(
        routes=own_routes,
        lifespan=lifespan,
        exception_handlers=handlers(),
    )
    routed.router.redirect_slashes = False
    own = frozenset(getattr(route, "path", "") for route in own_routes)
    return Gateway(deliveries, routed, own, beside.app if beside else routed, draining)


class Gateway:
    """Takes deliveries past Starlette's middleware and router, which cost 15 us a request
    (measured); all else is routed as usual.
    """

    def __init__(
        self,
        deliveries: Mapping[str, WebhookEndpoint],
        routed: ASGIApp,
        own: frozenset[str],
        others: ASGIApp,
        draining: Draining,
    ) -> None:
        self._deliveries = deliveries
        self._routed = routed
        self._own = own
        self._others = others
        self._draining = draining

    def deliveries_at(self, path: str) -> WebhookEndpoint | None:
        """Who takes what is posted there whole, without ASGI (`streams.gateway.direct`)."""
        return None if self._draining.is_on else self._deliveries.get(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._routed(scope, receive, send)
            return
        path = scope["path"]
        if self._draining.refuses(scope["method"]):
            await answers.give_early(receive, send, REFUSED)
            return
        app = self._routed if path in self._own else self._others
        if scope["method"] == "POST":
            app = self._deliveries.get(path, app)
        try:
            await app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last line of defence
            await answer_unexpected(scope, send, error)


class _ByMethod:
    """POST is a delivery, GET the provider's handshake."""

    def __init__(self, delivery: ASGIApp, handshake: ASGIApp) -> None:
        self._delivery = delivery
        self._handshake = handshake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._delivery if scope["method"] == "POST" else self._handshake
        await app(scope, receive, send)


def _deliveries(
    settings: Settings, publisher: Publisher, reference: Reference, now: Clock
) -> dict[str, WebhookEndpoint]:
    """By path. They share one bound of bytes under way."""
    in_flight = InFlight(settings.max_in_flight_bytes)
    deliveries: dict[str, WebhookEndpoint] = {}
    for provider, check in _checks(settings, now).items():
        log = structlog.get_logger().bind(provider=provider)
        deliveries[f"/webhooks/{provider}"] = WebhookEndpoint(
            provider=provider,
            check=check,
            reference=reference,
            publisher=publisher,
            in_flight=in_flight,
            max_body_bytes=settings.max_body_bytes,
            log=log,
            complaints=Complaints(log),
            now=now,
        )
    return deliveries


def _webhook_route(path: str, delivery: ASGIApp, handshake: ASGIApp | None) -> Route:
    if handshake is None:
        return Route(path, delivery, methods=["POST"])
    return Route(path, _ByMethod(delivery, handshake), methods=["GET", "POST"])


def _checks(settings: Settings, now: Clock) -> dict[Provider, Check]:
    ayrshare_secrets = _secrets(settings.ayrshare_secrets)

    def ayrshare(headers: Mapping[bytes, bytes], body: bytes) -> Refusal | None:
        return check_ayrshare(ayrshare_secrets, headers, body) or check_ayrshare_time(
            headers, now().timestamp(), settings.webhook_tolerance_seconds
        )

    return {
        "ayrshare": ayrshare,
        "meta": partial(check_meta, _secrets(settings.meta_app_secrets)),
        "x": partial(check_x, _secrets(settings.x_consumer_secrets)),
    }


def _secrets(secrets: Sequence[SecretStr]) -> tuple[bytes, ...]:
    return tuple(secret.get_secret_value().encode() for secret in secrets)
