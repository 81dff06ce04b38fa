"""Webhooks to events: `dm.webhooks.v1` in, `dm.events.v1` and `dm.failures.v1` out.

Every record ends as one or more events or as one failure, never as nothing (invariant 2).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from schemas.accounts import AccountRecord, account_key
from schemas.base import Provider
from schemas.events import Event
from schemas.failures import Failure
from schemas.topics import ACCOUNTS, EVENTS, FAILURES, WebhookHeader
from schemas.webhooks import normalise
from streams.accounts import AccountDirectory
from streams.agents.failing import failure_headers
from streams.agents.outbox import Outbox
from streams.conversation import registration
from streams.monitoring import traces
from streams.settings import Settings

UNASSIGNED = "unassigned"
"""The profile of events whose body names no account. They are kept; nobody owns them."""
_NOBODY = frozenset({"", "0"})
"""No account, or the "0" that the Test button of Meta's dashboard sends."""


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Thin: reads headers, calls the pure normaliser, names the profile, writes."""

    settings: Settings
    directory: AccountDirectory
    outbox: Outbox
    log: str
    """The log's incarnation."""
    clock: Callable[[], datetime]

    def handle(self, records: Iterable[Any]) -> None:
        """Puts everything that the records lead to into the outbox."""
        own_app_ids = frozenset(self.settings.meta_app_ids)
        for record in records:
            headers = {name: value.decode(errors="replace") for name, value in record.headers}
            try:
                received_at = datetime.fromisoformat(headers[WebhookHeader.RECEIVED_AT])
                provider = cast("Provider", headers[WebhookHeader.PROVIDER])
            except (KeyError, ValueError) as error:
                self._fail(record, _FOREIGN.format(type(error).__name__), "not_from_the_gateway")
                continue
            result = normalise(provider, record.value or b"", received_at, own_app_ids=own_app_ids)
            for failure in result.failures:
                self._write_failure(record, failure)
            origin = f"{record.topic}/{record.partition}/{record.offset}"
            delivery = headers.get(WebhookHeader.DELIVERY_ID)
            with traces.following(record, "normalise", provider=provider) as trace:
                for event in result.events:
                    self._write_event(record, provider, event, origin, delivery, trace=trace)

    def _write_event(
        self,
        record: Any,
        provider: Provider,
        event: Event,
        origin: str,
        delivery: str | None,
        *,
        trace: traces.Headers,
    ) -> None:
        reference = "" if event.profileid in _NOBODY else event.profileid
        known = self.directory.get(account_key(provider, reference)) if reference else None
        if reference and known is None and not self.settings.auto_register:
            self._fail(record, _UNKNOWN.format(provider, reference), "unknown_account")
            return
        profile = known.profileid if known else reference or UNASSIGNED
        traced = event.model_copy(
            update={
                "profileid": profile,
                "correlationid": event.correlationid or delivery,
                "causationid": origin,
            }
        )
        if reference and known is None:
            self._register(provider, reference, traced)
        self._write(traced, trace)

    def _register(self, provider: Provider, reference: str, cause: Event) -> None:
        """The profile first, then what told of it: links follow from messages, in the core."""
        if cause.type == "dm.account.unlinked.v1":
            return
        record = AccountRecord(
            provider=provider, reference=reference, profileid=cause.profileid,
            origin="auto", linked_at=cause.receivedat,
        )  # fmt: skip
        for event in registration.profile_events(provider, reference, cause):
            self._write(event)
        key = account_key(provider, reference)
        self.directory.put(key, record)
        self.outbox.add(
            self.settings.topic(ACCOUNTS), key.encode(), record.model_dump_json().encode()
        )

    def _write(self, event: Event, trace: traces.Headers | None = None) -> None:
        self.outbox.add(
            self.settings.topic(EVENTS), event.profileid.encode(), event.to_json(), trace
        )

    def _fail(self, record: Any, message: str, reason: str) -> None:
        self._write_failure(record, Failure("register", reason, message))

    def _write_failure(self, record: Any, failure: Failure) -> None:
        headers = failure_headers(failure, record, self.log, self.clock())
        self.outbox.add(self.settings.topic(FAILURES), record.key, record.value, headers)


_FOREIGN = (
    "The record lacks the gateway's headers ({}): write webhooks through the gateway, "
    "or set the headers of schemas.topics.WebhookHeader."
)
_UNKNOWN = (
    "{} account {} is not registered and DM_AUTO_REGISTER is off: "
    "link it, then replay this failure."
)
