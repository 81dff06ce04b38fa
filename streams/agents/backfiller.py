"""One request for an account's history, from its first page to `history.backfilled`.

Reading is harmless to repeat: every message has the id of its live twin. So a page is written
first and noted after it, a kill in between reads that page once more, and what the platform refuses
for a while is asked for again from the last page noted.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from schemas.backfills import BackfillRequest
from schemas.base import Provider
from schemas.events import Event
from schemas.failures import Failure
from schemas.topics import EVENTS, FAILURES
from streams.agents import backfill_events
from streams.agents.backfill_journal import BackfillJournal, Progress
from streams.agents.backfill_waits import BackfillRefused, Patience
from streams.agents.failing import failure_headers
from streams.agents.outbox import Outbox
from streams.providers.credentials import CredentialMissingError
from streams.providers.protocol import ErrorClass, HistoryPage, HistoryStopped
from streams.settings import Settings

History = Callable[[BackfillRequest, str | None], AsyncGenerator[HistoryPage, None]]
"""The pages of a request's account, after the cursor. Raises HistoryStopped, BackfillRefused, and
CredentialMissingError where nobody named a credential and the provider has none."""

AT_ONCE = 4
"""Backfills of one provider that are asking at the same time; those that wait do not count."""
_CHUNK = 100
"""Messages made into events between two turns of the loop: sends share it, and one answer of
Ayrshare's holds all conversations."""

log = structlog.get_logger()


@dataclass(slots=True)
class Backfiller:
    settings: Settings
    history: History
    journal: BackfillJournal
    make_outbox: Callable[[], Outbox]
    log_id: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _slots: dict[Provider, asyncio.Semaphore] = field(default_factory=dict)
    _accounts: dict[tuple[str, ...], asyncio.Lock] = field(default_factory=dict)

    async def carry_out(self, request: BackfillRequest, record: Any) -> None:
        """Ends once the request has its answer, `history.backfilled` or a failure, durably."""
        account = (request.profileid, request.provider, request.platform, request.account_id)
        async with self._accounts.setdefault(account, asyncio.Lock()):
            progress = self.journal.read(request.request_id)
            if not progress.is_done:
                await self._fetch(request, progress, record)
            elif request.origin == "command":
                # Who asks once more waits for an answer; the same one.
                await self._write(backfill_events.backfilled(request, progress, self.clock()))

    async def _fetch(self, request: BackfillRequest, progress: Progress, record: Any) -> None:
        try:
            progress = await self._read_to_the_end(request, progress, record.partition)
        except CredentialMissingError as missing:
            if request.origin == "link":  # webhooks alone are wanted: nothing is wrong with that
                log.info("history_not_asked", **_names(request), why=str(missing))
                return
            await self._fail(request, record, BackfillRefused("credential_missing", str(missing)))
        except BackfillRefused as refused:
            await self._fail(request, record, refused)
        else:
            await self._write(backfill_events.backfilled(request, progress, self.clock()))
            await self.journal.note(request.request_id, progress.done(), record.partition)
            log.info("history_backfilled", **_names(request), messages=progress.messages)

    async def _read_to_the_end(
        self, request: BackfillRequest, progress: Progress, partition: int
    ) -> Progress:
        """Raises BackfillRefused once waiting does not help."""
        patience = Patience(self.clock())
        while True:
            try:
                async with self._slot(request), aclosing(self._pages(request, progress)) as pages:
                    async for reached in pages:
                        await self.journal.note(request.request_id, reached, partition)
                        progress = reached
                        patience.a_page_came(self.clock())
            except HistoryStopped as stopped:
                if patience.begins_again(stopped.error, progress.cursor):
                    progress = Progress()
                    continue
                wait = patience.wait(stopped.error, self.clock())
                log.warning(
                    "backfill_waits", **_names(request), error=str(stopped.error.error_class),
                    seconds=round(wait, 1), messages=progress.messages,
                )  # fmt: skip
            else:
                break
            await self.sleep(wait)
        if progress.foreign and not progress.messages:
            raise BackfillRefused("wrong_account", _WRONG_ACCOUNT)
        return progress

    async def _pages(
        self, request: BackfillRequest, progress: Progress
    ) -> AsyncGenerator[Progress, None]:
        """Where the reading stands after each page, whose messages are durable by then."""
        conversations: set[str] = set()
        async with aclosing(self.history(request, progress.cursor)) as pages:
            async for page in pages:
                await self._keep(request, page)
                progress = progress.after(page, len(page.conversations - conversations))
                conversations |= page.conversations
                yield progress

    async def _keep(self, request: BackfillRequest, page: HistoryPage) -> None:
        found = sorted(page.messages, key=lambda message: message.at)
        for start in range(0, len(found), _CHUNK):
            chunk = found[start : start + _CHUNK]
            await self._write(*backfill_events.messages(request, chunk, self.clock()))

    async def _fail(self, request: BackfillRequest, record: Any, refused: BackfillRefused) -> None:
        """A failure that a replay takes up where it stopped. A dead token ends this account's
        link, as it does for sends, and no other's."""
        if refused.reason == ErrorClass.TOKEN_INVALID:
            await self._write(backfill_events.unlinked(request, refused.reason, self.clock()))
        outbox = self.make_outbox()
        failure = Failure("backfill", refused.reason, f"{_whose(request)}: {refused}")
        headers = failure_headers(failure, record, self.log_id, self.clock())
        outbox.add(self.settings.topic(FAILURES), record.key, record.value, headers)
        await outbox.flush()
        log.warning(
            "backfill_failed", **_names(request), reason=refused.reason, sentence=str(refused)
        )

    async def _write(self, *events: Event) -> None:
        outbox = self.make_outbox()
        for event in events:
            outbox.add(self.settings.topic(EVENTS), event.profileid.encode(), event.to_json())
        await outbox.flush()

    def _slot(self, request: BackfillRequest) -> asyncio.Semaphore:
        return self._slots.setdefault(request.provider, asyncio.Semaphore(AT_ONCE))


def _names(request: BackfillRequest) -> dict[str, str]:
    return {
        "profile": request.profileid,
        "provider": request.provider,
        "platform": request.platform,
        "account": request.account_id,
    }


def _whose(request: BackfillRequest) -> str:
    account = request.account_id or "(not named)"
    return f"history of {request.platform} account {account} of profile {request.profileid}"


_WRONG_ACCOUNT = (
    "the credential shows another account's messages: link the account with a credential of its "
    "own (dmstream account link --credential NAME), then replay"
)
