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
from streams.providers.credentials import Credential, CredentialMissingError, Credentials
from streams.providers.protocol import Connector, HistoryPage, HistoryStopped, LinkedAccount
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Archives:
    """The providers' histories, behind the credential of each account."""

    connectors: Mapping[Provider, Connector]
    credentials: Credentials
    directory: AccountDirectory

    async def pages(
        self, request: BackfillRequest, cursor: str | None
    ) -> AsyncGenerator[HistoryPage, None]:
        """Raises HistoryStopped, BackfillRefused, CredentialMissingError."""
        credential = self._credential(request)
        if not request.account_id:
            await self._check_owner(request, credential)
        account = LinkedAccount(request.platform, request.account_id)
        async for page in registry.history(
            self.connectors, credential, request.provider, account, cursor
        ):
            yield page

    def _credential(self, request: BackfillRequest) -> Credential:
        known = self.directory.get(account_key(request.provider, request.account_id))
        name = (known.credential if known else None) or request.credential
        try:
            return self.credentials.find(name, request.provider)
        except CredentialMissingError as missing:
            if name is None:
                raise
            raise BackfillRefused("credential_missing", str(missing)) from missing

    async def _check_owner(self, request: BackfillRequest, credential: Credential) -> None:
        """Ayrshare may name no account; then the credential must be the profile's own, or one
        profile's messages would be written down as another's."""
        connector = self.connectors.get(request.provider)
        if connector is None:
            return
        health = await connector.verify(credential)
        if health.error is not None:
            raise HistoryStopped(health.error)
        owner = self.directory.get(account_key(request.provider, health.account_id or ""))
        if owner is None or owner.profileid != request.profileid:
            raise BackfillRefused("wrong_account", _NOT_ITS_OWN)


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
    table = StateTable(app, "backfills", partitions=settings.partitions)

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
    "the credential belongs to another profile: set DM_CREDENTIAL_<NAME> with this profile's "
    "profile_key, and link the account with it (dmstream account link --credential NAME)"
)
