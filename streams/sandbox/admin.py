"""`/_sandbox/...`: what tests and operators ask of the stand-in itself."""

import dataclasses
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.base import Platform, Provider
from streams.sandbox.config import Account
from streams.sandbox.desk import Desk
from streams.sandbox.faults import FaultKind, Rule
from streams.sandbox.reading import json_object
from streams.sandbox.store import sent_again


class WrongRequestError(ValueError):
    """The sentence says what was wrong with the request."""


class Admin:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            Route("/messages", self.messages, methods=["GET"]),
            Route("/attempts", self.attempts, methods=["GET"]),
            Route("/reads", self.reads, methods=["GET"]),
            Route("/stats", self.stats, methods=["GET"]),
            Route("/faults", self.list_faults, methods=["GET"]),
            Route("/faults", self.add_fault, methods=["POST"]),
            Route("/faults", self.clear_faults, methods=["DELETE"]),
            Route("/accounts", self.register, methods=["POST"]),
            Route("/write", self.write, methods=["POST"]),
            Route("/redirected", self.redirected, methods=["GET", "POST"]),
        ]

    async def messages(self, _: Request) -> Response:
        """All that is kept, both ways, in the order it came."""
        return JSONResponse([dataclasses.asdict(m) for m in self._desk.store.messages])

    async def attempts(self, _: Request) -> Response:
        return JSONResponse([dataclasses.asdict(a) for a in self._desk.store.attempts])

    async def reads(self, _: Request) -> Response:
        """The calls that read history."""
        return JSONResponse([dataclasses.asdict(read) for read in self._desk.store.reads])

    async def stats(self, _: Request) -> Response:
        """Totals; `sent_again` names the messages that broke "never twice"."""
        attempts = self._desk.store.attempts
        kept: dict[str, int] = {}
        for attempt in attempts:
            if attempt.kept:
                kept[attempt.key] = kept.get(attempt.key, 0) + 1
        counts = self._desk.correspondents.counts
        return JSONResponse(
            {
                "attempts": len(attempts),
                "kept": sum(kept.values()),
                "kept_more_than_once": {key: n for key, n in kept.items() if n > 1},
                "sent_again": sent_again(attempts),
                "redirects_followed": self._desk.redirected,
                "webhooks": dataclasses.asdict(counts),
                "busy": self._desk.correspondents.busy,
            }
        )

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse([dataclasses.asdict(rule) for rule in self._desk.faults.rules])

    async def add_fault(self, request: Request) -> Response:
        """A rule, by the names of `faults.Rule`: `{"kind": "rate_limited", "next": 3}`."""
        body = await json_object(request)
        try:
            rule = Rule(**{**body, "kind": FaultKind(body.get("kind", ""))})
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        self._desk.faults.rules.append(rule)
        return JSONResponse({"rules": len(self._desk.faults.rules)}, 201)

    async def clear_faults(self, _: Request) -> Response:
        self._desk.faults.rules.clear()
        return JSONResponse({"rules": 0})

    async def register(self, request: Request) -> Response:
        """An account: provider, platform, account_id, and what names it (token, profile_key...)."""
        body = await json_object(request)
        try:
            account = Account(**{**body, **_names(body)})
        except (TypeError, WrongRequestError) as error:
            return JSONResponse({"error": str(error)}, 400)
        accounts = self._desk.store.accounts
        same = (account.provider, account.platform, account.account_id)
        accounts[:] = [a for a in accounts if (a.provider, a.platform, a.account_id) != same]
        accounts.append(account)
        return JSONResponse(dataclasses.asdict(account), 201)

    async def write(self, request: Request) -> Response:
        """Somebody writes to an account. `quiet`: no webhook, it is only found in the history.

        `{provider, platform, account_id, correspondent_id, text, by?, quiet?, seconds_ago?}`.
        """
        body = await json_object(request)
        try:
            names = _names(body)
        except WrongRequestError as error:
            return JSONResponse({"error": str(error)}, 400)
        account = self._desk.store.account(
            names["provider"], names["platform"], names["account_id"]
        )
        message = self._desk.store.add(
            account,
            str(body.get("correspondent_id", "")),
            "account" if body.get("by") == "account" else "correspondent",
            text=body.get("text"),
            seconds_ago=float(body.get("seconds_ago", 0.0)),
        )
        if not body.get("quiet"):
            self._desk.correspondents.tell(message)
        return JSONResponse(dataclasses.asdict(message), 201)

    async def redirected(self, _: Request) -> Response:
        self._desk.redirected += 1
        return JSONResponse({})


def _names(body: dict[str, Any]) -> dict[str, Any]:
    provider, platform = body.get("provider"), body.get("platform")
    if provider not in get_args(Provider) or platform not in get_args(Platform):
        raise WrongRequestError("name a provider (ayrshare, meta, x) and a platform")
    return {
        "provider": provider,
        "platform": platform,
        "account_id": str(body.get("account_id", "")),
    }
