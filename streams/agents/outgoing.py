"""An accepted send on its way, and what must be durable about it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from schemas.events import Event, SendAccepted
from streams.providers.protocol import OutboundSend

Progress = Literal["attempting", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One accepted send, with what earlier attempts came to."""

    accepted: SendAccepted
    partition: int
    place: int
    """Its record's offset on its outbound topic: the order of a conversation's sends."""
    turn: int = 0
    """0 from an outbound topic; on the delayed topic, how often it was put there."""
    attempts: int = 0
    delivered: tuple[str, ...] = ()
    attempted_at: datetime | None = None

    @property
    def conversation(self) -> str:
        return self.accepted.subject or ""

    @property
    def account(self) -> str:
        data = self.accepted.data
        return f"{data.provider}:{self.accepted.platform}:{data.account_id}"

    @property
    def paused_with(self) -> str:
        """Whose pause holds it back: Ayrshare counts the calls of a profile on all its networks
        together (and suspends one that goes on after a refusal), the others those of an account.
        """
        if self.accepted.data.provider == "ayrshare":
            return f"ayrshare:{self.accepted.profileid}"
        return self.account

    def without_content(self) -> "Outgoing":
        """For what is told of it once its correspondent was erased."""
        data = self.accepted.data.model_copy(update={"text": None, "media_urls": ()})
        return replace(self, accepted=self.accepted.model_copy(update={"data": data}))

    def waiting_until(self, until: datetime) -> "WaitingSend":
        return WaitingSend(self.accepted.id, self.conversation, self.place, until)

    def outbound(self) -> OutboundSend:
        """As a connector needs it."""
        data = self.accepted.data
        if self.accepted.platform is None:
            raise ValueError(f"send {data.command_id} names no platform")
        ends = data.window_expires_at
        return OutboundSend(
            command_id=data.command_id,
            platform=self.accepted.platform,
            account_id=data.account_id,
            recipient_id=data.correspondent_id,
            external_conversation_id=data.external_conversation_id,
            text=data.text,
            media_urls=data.media_urls,
            human_agent=data.human_agent,
            delivered=self.delivered,
            not_after=data.expires_at if ends is None else min(ends, data.expires_at),
        )


@dataclass(frozen=True, slots=True)
class WaitingSend:
    """A send on the delayed topic: later ones of its conversation stay behind it."""

    id: str
    """Of its `send.accepted`, which profile and command make."""
    conversation: str
    place: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """What the journal says of a send."""

    progress: Progress
    """`attempting`: a request may have been written. `waiting`: nothing of it is under way, and
    the record of that turn carries it. `done`: it has its outcome."""
    at: datetime
    turn: int = 0
    attempts: int = 0
    delivered: tuple[str, ...] = ()


class Journal(Protocol):
    """What must be durable about sends. Each method returns once it is."""

    def noted(self, item: Outgoing) -> Noted | None:
        """None: nothing of it was ever begun."""
        ...

    def waiting(self) -> Iterable[WaitingSend]:
        """All sends on the delayed topic, in any order."""
        ...

    async def attempting(self, item: Outgoing, event: Event) -> None:
        """Before a request is written."""
        ...

    async def not_delivered(self, item: Outgoing) -> None:
        """The attempt certainly failed, and another follows: a crash in between may go on."""
        ...

    async def delay(self, item: Outgoing, until: datetime) -> None:
        """Onto the delayed topic, as turn number `item.turn`."""
        ...

    async def done(self, item: Outgoing, *events: Event) -> None:
        """It has its outcome."""
        ...

    async def prune(self, now: datetime) -> int:
        """Forgets what ended long ago. Returns how many."""
        ...
