"""What every outbound connector is: send, history, verify, classify_error. Plain frozen data.

The delivery worker knows only this module and `retry`. A send never raises for what the network
or the platform does: it returns `Sent` or a `SendError` that says what is known for certain.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.base import Party, Platform, Provider
from schemas.data import Attachment, Person
from streams.providers.credentials import Credential


class ErrorClass(StrEnum):
    """What a failed send means for us. The values are the reasons of `send.failed`."""

    WINDOW_CLOSED = "window_closed"
    THREAD_CONTROL = "thread_control"
    RECIPIENT_UNAVAILABLE = "recipient_unavailable"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a class of errors
    ACCOUNT_RESTRICTED = "account_restricted"
    """The platform has stopped the account for a while (policy, credit): not the token's fault."""
    RATE_LIMITED = "rate_limited"
    TRANSIENT = "transient"
    """Certainly not delivered, and may pass: trying again can't send anything twice."""
    MAYBE_DELIVERED = "maybe_delivered"
    """The platform may have kept the message: never send it again on our own initiative."""
    BAD_REQUEST = "bad_request"


@dataclass(frozen=True, slots=True)
class OutboundSend:
    """One accepted command, as a connector needs it. Its repr shows neither text nor addresses."""

    command_id: str
    platform: Platform
    account_id: str
    recipient_id: str
    external_conversation_id: str | None = None
    text: str | None = field(default=None, repr=False)
    media_urls: tuple[str, ...] = field(default=(), repr=False)
    human_agent: bool = False
    """A person wrote it: Meta's HUMAN_AGENT tag is used."""
    delivered: tuple[str, ...] = ()
    """Message ids that earlier attempts of this command got (`SendError.delivered`).

    Meta carries text and media as several messages: an attempt goes on after the last one kept.
    """
    not_after: datetime | None = None
    """The earlier of the command's and the reply window's end. A connector looks at the clock
    again before each message that it writes: uploads and earlier messages take their time.
    """

    def too_late(self, at: datetime) -> "SendError | None":
        """Nothing was written, so it is transient; `retry.next_step` then says what ended."""
        if self.not_after is None or at < self.not_after:
            return None
        return SendError(ErrorClass.TRANSIENT, "its time ended before it was written")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer's headers say of the account's calls in the period under way."""

    most: int
    left: int

    @classmethod
    def said(cls, most: int | None, left: int | None) -> "Allowance | None":
        """None where the headers name none."""
        return cls(most, max(0, left)) if most and left is not None else None


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform has taken the whole command."""

    message_ids: tuple[str, ...]
    """One per platform message, in the order sent, those of earlier attempts included. Empty
    where the platform confirmed without naming one."""
    recipient_id: str
    external_conversation_id: str | None = None
    pause_seconds: float | None = None
    pause_until: datetime | None = None
    """The platform's headers say that the account has used up its rate: the next send would be
    refused before this is over."""
    allowance: Allowance | None = None

    @property
    def message_id(self) -> str | None:
        """The last message: on Messenger the one whose echo carries the command id."""
        return self.message_ids[-1] if self.message_ids else None


@dataclass(frozen=True, slots=True)
class SendError:
    """Why a send did not succeed, and what the platform said about waiting."""

    error_class: ErrorClass
    message: str
    """Our own sentence: never the platform's text, which may repeat the user's."""
    code: int | None = None
    subcode: int | None = None
    http_status: int | None = None
    retry_after_seconds: float | None = None
    """The platform asked to wait this long; None where it said nothing."""
    retry_at: datetime | None = None
    """The same as an instant, where the platform named one (X's reset, a Retry-After date)."""
    delivered: tuple[str, ...] = ()
    """Message ids of this command that the platform did keep before the error."""

    @property
    def is_platform_trouble(self) -> bool:
        """It speaks about the platform, not about this send: a circuit breaker counts these."""
        return self.error_class in (ErrorClass.TRANSIENT, ErrorClass.MAYBE_DELIVERED)


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """Whose history is asked for."""

    platform: Platform
    account_id: str


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """A message as history tells it, the same whichever provider it came from."""

    account_id: str
    correspondent_id: str
    message_id: str
    """Equal to the id of the message's webhook: both ways give one event id."""
    by: Party
    at: datetime
    text: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    external_conversation_id: str | None = None
    correspondent: Person | None = field(default=None, repr=False)
    reply_to_message_id: str | None = None
    is_unreadable: bool = False


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """What one step through the history brought."""

    messages: tuple[HistoryMessage, ...]
    conversations: frozenset[str] = frozenset()
    """The provider's ids of the conversations that the page speaks of."""
    skipped: int = 0
    """Items that are no messages between two (group talks, joins) or name no id."""
    foreign: int = 0
    """Items of another account than the one asked for: the credential shows more, or shows the
    wrong one."""
    cursor: str | None = None
    """Where to go on if the reading is cut after this page; None: at the start."""


class HistoryStopped(Exception):  # noqa: N818 - history can go on later; it has not broken
    """The provider refused to go on. What was yielded before stays good: ids make it repeatable."""

    def __init__(self, error: SendError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """What the provider says about a credential."""

    account_id: str | None = None
    name: str | None = None
    messaging_enabled: bool | None = None
    """None where the provider does not tell."""
    error: SendError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and self.messaging_enabled is not False


class Connector(Protocol):
    """One provider's HTTP contract."""

    @property
    def name(self) -> Provider: ...

    async def send(self, send: OutboundSend, credential: Credential) -> Sent | SendError:
        """Writes the command to the platform, once. Never raises for what the network does.

        Cancelled in the middle, its outcome is unknown like that of a crash.
        """
        ...

    def classify_error(
        self, status: int | None, headers: Mapping[str, str], body: bytes
    ) -> SendError:
        """What an answer that is no success means. Pure; never raises on any input.

        `status` None: no status line was read. Header names in any case.
        """
        ...

    def history(
        self, account: LinkedAccount, credential: Credential, cursor: str | None = None
    ) -> AsyncIterator[HistoryPage]:
        """All that the provider still has, in pages; short waits are waited out inside.

        `cursor`: of the last page that was taken before. Raises HistoryStopped.
        """
        ...

    async def verify(self, credential: Credential) -> AccountHealth:
        """Whether the credential works, and whose it is. Sends nothing."""
        ...
