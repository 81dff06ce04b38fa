"""Where sends are taken: keep or refuse, by the faults, and note the fate of each attempt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from streams.sandbox.config import Config
from streams.sandbox.correspondents import Correspondents
from streams.sandbox.errors import Refusal, refusal
from streams.sandbox.faults import EFFECTS, FaultKind, Faults, Rule
from streams.sandbox.sockets import Truncated, hang, reset
from streams.sandbox.store import Attempt, Incoming, Message, Read, Store

Success = Callable[[Message], dict[str, Any]]

OVERSIZED_BYTES = 8 * 1024 * 1024


def answer(refused: Refusal) -> Response:
    return JSONResponse(refused.body, refused.status, headers=refused.headers)


@dataclass(slots=True)
class Desk:
    config: Config
    store: Store
    faults: Faults
    correspondents: Correspondents
    redirected: int = field(default=0)
    """How often somebody followed the redirect that a fault answered with."""

    async def take(
        self, request: Request, incoming: Incoming, success: Success, *, status: int = 200
    ) -> Response:
        """One request to send: `success` renders the contract's reply, `status` is its code."""
        rule = self.faults.pick(incoming)
        effect = EFFECTS[rule.kind] if rule is not None else None
        kept = self.store.keep(incoming) if effect is None or effect.kept else None
        self._note(incoming, rule, kept, settled=effect is not None and effect.settled)
        if kept is not None:
            self.correspondents.react(kept)
        if rule is not None:
            return await self._misbehave(request, incoming, rule, kept, success)
        if kept is None:
            raise AssertionError("a send without a fault is kept")
        return JSONResponse(success(kept), status)

    def note_refused(self, incoming: Incoming, refused: Refusal) -> Response:
        """A send that breaks the contract itself."""
        self._note(incoming, None, None, settled=True)
        return answer(refused)

    def _note(
        self, incoming: Incoming, rule: Rule | None, kept: Message | None, *, settled: bool
    ) -> None:
        self.store.attempts.append(
            Attempt(
                key=incoming.key,
                provider=incoming.provider,
                platform=incoming.platform,
                account_id=incoming.account.account_id,
                recipient_id=incoming.recipient_id,
                metadata=incoming.metadata,
                text=incoming.text,
                fault=rule.kind if rule is not None else None,
                kept=kept is not None,
                settled=settled,
                message_id=kept.message_id if kept is not None else None,
                at_ms=int(self.store.clock() * 1000),
            )
        )

    async def reading_fault(self, request: Request, incoming: Incoming) -> Response | None:
        """The fault that a reading call meets, if any."""
        rule = self.faults.pick(incoming, on="history")
        self.store.reads.append(
            Read(
                provider=incoming.provider,
                account_id=incoming.account.account_id,
                at_ms=int(self.store.clock() * 1000),
                fault=rule.kind if rule is not None else None,
            )
        )
        if rule is None:
            return None
        return await self._misbehave(request, incoming, rule, None, lambda _: {})

    async def _misbehave(
        self,
        request: Request,
        incoming: Incoming,
        rule: Rule,
        kept: Message | None,
        success: Success,
    ) -> Response:
        body = success(kept) if kept is not None else {}
        response: Response
        match rule.kind:
            case FaultKind.HANG_BEFORE | FaultKind.HANG_AFTER:
                response = await hang(request, self.config.hang_seconds)
            case FaultKind.RESET_BEFORE | FaultKind.RESET_AFTER:
                response = reset(request)
            case FaultKind.TRUNCATED:
                response = Truncated(request, body)
            case FaultKind.REDIRECT:
                address = str(request.base_url.replace(path="/_sandbox/redirected"))
                response = Response(status_code=rule.status or 307, headers={"location": address})
            case FaultKind.OVERSIZED:
                response = StreamingResponse(_many_megabytes(), media_type="application/json")
            case FaultKind.NOT_JSON:
                response = HTMLResponse("<html><body>Welcome</body></html>", rule.status or 200)
            case FaultKind.SERVER_ERROR_BEFORE | FaultKind.SERVER_ERROR_AFTER:
                response = HTMLResponse("<html><body>Bad gateway</body></html>", rule.status or 502)
            case _:
                response = answer(refusal(incoming.provider, rule))
        return response


def _many_megabytes() -> Iterator[bytes]:
    chunk = b" " * 65536
    yield b"{"
    for _ in range(OVERSIZED_BYTES // len(chunk)):
        yield chunk
    yield b"}"
