"""The delivery worker's part that fetches history: which credential, whose pages."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import faust

from schemas.accounts import account_key
from schemas.backfills import BackfillRequest
from schemas.base import Provider
from streams.accounts import AccountDirectory
from streams.agents.backfill_journal import BackfillJournal
from streams.agents.backfill_waits import BackfillRefused
from streams.agents.backfiller import Backfiller
from streams.agents.backfills import Backfills, add_backfill_agent
from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable
from streams.providers import registry
from streams.providers.credentials import Credential, CredentialMissingError, CredentialSource
from streams.providers.protocol import Connector, HistoryPage, HistoryStopped, LinkedAccount
from streams.settings import Settings

_TOKENS_OF_ONE = frozenset({"ayrshare", "x"})
"""Whose tokens read one profile's or user's messages, whatever account is asked for. One that
nobody named for this account is looked at first: another's messages must not become its own."""


@dataclass(frozen=True, slots=True)
class Archives:
    """The providers' histories, behind the credential of each account."""

    connectors: Mapping[Provider, Connector]
    credentials: CredentialSource
    directory: AccountDirectory

    async def pages(
        self, request: BackfillRequest, cursor: str | None
    ) -> AsyncGenerator[HistoryPage, None]:
        """Raises HistoryStopped, BackfillRefused, CredentialMissingError."""
        credential = await self._credential(request)
        account = LinkedAccount(request.platform, request.account_id)
        async for page in registry.history(
            self.connectors, credential, request.provider, account, cursor
        ):
            yield page

    async def _credential(self, request: BackfillRequest) -> Credential:
        known = self.directory.get(account_key(request.provider, request.account_id))
        name = (known.credential if known else None) or request.credential
        try:
            credential = self.credentials.find(
                name,
                request.provider,
                account_id=request.account_id,
                references=self.directory.references(request.provider, request.profileid),
            )
        except CredentialMissingError as missing:
            if name is None:
                raise
            raise BackfillRefused("credential_missing", str(missing)) from missing
        if name is None and request.provider in _TOKENS_OF_ONE:
            if not await self._is_of(request, credential):
                raise CredentialMissingError(_NOT_KNOWN_AS_ITS_OWN.format(request.provider.upper()))
        elif not request.account_id and not await self._is_of(request, credential):
            raise BackfillRefused("wrong_account", _NOT_ITS_OWN)
        return credential

    async def _is_of(self, request: BackfillRequest, credential: Credential) -> bool:
        """Whether the credential names the account, or (Ayrshare's) the profile."""
        connector = self.connectors.get(request.provider)
        if connector is None:
            return False
        health = await connector.verify(credential)
        if health.error is not None:
            raise HistoryStopped(health.error)
        if health.account_id == request.account_id:
            return True
        owner = self.directory.get(account_key(request.provider, health.account_id or ""))
        return request.provider == "ayrshare" and (
            owner is not None and owner.profileid == request.profileid
        )


def add_backfill(
    app: faust.App,
    settings: Settings,
    archives: Archives,
    *,
    make_outbox: Callable[[], Outbox],
    log: str,
    clock: Callable[[], datetime],
) -> Backfills:
    """Stop what comes back before its clients."""
    table = StateTable(app, "backfills", settings)

    def make_backfiller() -> Backfiller:
        return Backfiller(
            settings=settings,
            history=archives.pages,
            journal=BackfillJournal(table, make_outbox),
            make_outbox=make_outbox,
            log_id=log,
            clock=clock,
        )

    backfills = Backfills(
        settings=settings,
        make_backfiller=make_backfiller,
        make_outbox=make_outbox,
        crash=app.crash,
        log=log,
        clock=clock,
    )
    add_backfill_agent(app, settings, backfills)
    return backfills


_NOT_ITS_OWN = (
    "the credential is not known as this profile's: set its profile_key in the credential that the "
    "account is linked with, and register the profile with its refId (dmstream profile register)"
)
_NOT_KNOWN_AS_ITS_OWN = (
    "no credential: DM_CREDENTIAL_{} is not known as this account's; link the account with one of "
    "its own (dmstream account link --credential NAME)"
)
