"""Makes the events that the core adds to the log: the envelope once, for all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, cast

from schemas import data, events
from schemas.base import Platform, Provider, to_milliseconds
from schemas.commands import AnyCommand
from schemas.ids import event_id, profile_event_id
from streams.conversation import months
from streams.conversation.instants import from_ms, to_ms
from streams.conversation.keys import COMMANDS_SOURCE, Address
from streams.conversation.state import AccountKey, MonthTally, OpenSend, Stamp

_DERIVED_SOURCE = "/dmstream/conversations/"


@dataclass(frozen=True, slots=True)
class Cause:
    """The event or command that new events follow from."""

    profileid: str
    source: str
    time: datetime
    received_at: datetime
    correlationid: str
    causationid: str

    def envelope(self, kind: str, *parts: str, at: int | None = None) -> dict[str, Any]:
        """The attributes of an event of the profile; `at` (ms) where it happened at another time
        than its cause."""
        return {
            "id": profile_event_id(self.profileid, kind, *parts),
            "source": self.source,
            "time": self.time if at is None else from_ms(at),
            "profileid": self.profileid,
            "receivedat": self.received_at,
            "correlationid": self.correlationid,
            "causationid": self.causationid,
        }


class _Of(TypedDict):
    subject: str | None
    platform: Platform | None


class _In(TypedDict):
    provider: Provider
    account_id: str
    correspondent_id: str


def after_event(event: events.Event) -> Cause:
    return Cause(
        profileid=event.profileid,
        source=_DERIVED_SOURCE + event.profileid,
        time=event.time,
        received_at=event.receivedat,
        correlationid=event.correlationid or event.id,
        causationid=event.id,
    )


def after_command(command: AnyCommand, at: datetime) -> Cause:
    return Cause(
        profileid=command.profileid,
        source=COMMANDS_SOURCE + command.profileid,
        time=to_milliseconds(at),
        received_at=to_milliseconds(at),
        correlationid=command.correlationid or command.command_id,
        causationid=command.command_id,
    )


def of(address: Address) -> _Of:
    """The envelope's part of whom an event is about."""
    return {"subject": address.id, "platform": address.platform}


def within(address: Address) -> _In:
    """The body's part of it."""
    return {
        "provider": cast("Provider", address.provider),
        "account_id": address.account_id,
        "correspondent_id": address.correspondent_id,
    }


def started(cause: Cause, address: Address) -> events.ConversationStarted:
    return events.ConversationStarted(
        **cause.envelope("started", address.id or ""),
        **of(address),
        data=data.ConversationStarted(**within(address)),
    )


def activated(
    cause: Cause, address: Address, month: str, rank: int, cause_id: str
) -> events.ConversationActivated:
    return events.ConversationActivated(
        **cause.envelope("activated", address.id or "", month, str(rank)),
        **of(address),
        data=data.ConversationActivated(
            **within(address), month=month, rank=rank, cause_id=cause_id
        ),
    )


def limits_reached(
    cause: Cause, month: str, tally: MonthTally, limit: int
) -> Iterator[events.LimitReached]:
    """The shares of the month's limit that are used and were not told of yet."""
    for share in months.shares_to_tell(tally, limit):
        yield events.LimitReached(
            **cause.envelope("limit_reached", month, str(share), str(limit)),
            data=data.LimitReached(
                month=month, share=share, count=tally.highest, monthly_limit=limit
            ),
        )


def linked_by_webhook(cause: Cause, address: Address, at: int) -> events.AccountLinked:
    body = within(address)
    platform = cast("Platform", address.platform)
    return events.AccountLinked(
        **cause.envelope("account_linked", body["provider"], platform, body["account_id"], at=at),
        platform=platform,
        data=data.AccountLink(
            provider=body["provider"],
            platform=platform,
            account_id=body["account_id"],
            reason="its first webhook arrived",
        ),
    )


def unlinked_by_deletion(cause: Cause, key: AccountKey, linked_at: int) -> events.AccountUnlinked:
    """`linked_at` (ms): it is dated after that, whatever the clocks say."""
    provider, platform, account_id = key
    at = max(to_ms(cause.time), linked_at + 1)
    return events.AccountUnlinked(
        **cause.envelope("account_unlinked", *key, str(linked_at), at=at),
        platform=cast("Platform", platform),
        data=data.AccountLink(
            provider=cast("Provider", provider),
            platform=cast("Platform", platform),
            account_id=account_id,
            reason="the profile was deleted",
        ),
    )


def recognised(
    cause: Cause, address: Address, send: OpenSend, echo: Stamp, body: data.Message
) -> events.MessageSent:
    """An echo, now known to be the send's. It is one happening, so it has the echo's id."""
    echoed_at, message_id = echo
    provider, account_id = within(address)["provider"], address.account_id
    return events.MessageSent(
        **cause.envelope("message", at=echoed_at)
        | {"id": event_id(provider, account_id, "message", message_id)},
        **of(address),
        data=body.model_copy(update={"command_id": send.command_id, "origin": send.origin}),
    )


def message_of(address: Address, message_id: str, text: str | None) -> data.Message:
    """As much of an earlier echo as is known without the echo."""
    return data.Message(**within(address), message_id=message_id, text=text)
