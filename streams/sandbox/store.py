"""What the stand-in keeps: accounts, messages, and every attempt to send with its fate."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from schemas.base import Party, Platform, Provider
from streams.sandbox.config import Account

_X_EPOCH_MS = 1_288_834_974_657


@dataclass(frozen=True, slots=True)
class Incoming:
    """A send as its contract wrote it."""

    provider: Provider
    platform: Platform
    account: Account
    recipient_id: str
    text: str | None = None
    attachments: tuple[dict[str, str], ...] = ()
    """`{"type", "url"}` each."""
    metadata: str | None = None

    @property
    def key(self) -> str:
        """Equal for the same message sent twice: by its metadata, else by what it says to whom."""
        if self.metadata:
            return self.metadata
        media = ",".join(item["url"] for item in self.attachments)
        return f"{self.platform}:{self.account.account_id}:{self.recipient_id}:{self.text}:{media}"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that the platform has."""

    message_id: str
    account: Account
    correspondent_id: str
    by: Party
    at_ms: int
    conversation_id: str
    """The platform's own."""
    text: str | None = None
    attachments: tuple[dict[str, str], ...] = ()
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to send, and what the sender can know about it."""

    key: str
    provider: Provider
    platform: Platform
    account_id: str
    recipient_id: str
    metadata: str | None
    text: str | None
    fault: str | None
    kept: bool
    settled: bool
    """The answer told for certain that the message was refused: it may be sent again."""
    message_id: str | None
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """One call that reads history."""

    provider: Provider
    account_id: str
    at_ms: int
    fault: str | None


def conversation_id(account: Account, correspondent_id: str) -> str:
    """In the platform's style: `t_...`, base64-like, or `{smaller}-{larger}`."""
    if account.platform == "x":
        first, second = sorted((account.account_id, correspondent_id), key=lambda i: (len(i), i))
        return f"{first}-{second}"
    digest = hashlib.sha256(f"{account.account_id}:{correspondent_id}".encode()).hexdigest()
    if account.platform == "facebook":
        return f"t_{int(digest[:14], 16)}"
    return f"aWdfZAG06{digest[:40]}"


@dataclass(slots=True)
class Store:
    seed: int = 0
    clock: Callable[[], float] = time.time
    accounts: list[Account] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    _last_ms: int = 0
    _by_id: dict[str, Message] = field(default_factory=dict)
    _by_conversation: dict[str, list[Message]] = field(default_factory=dict)
    _by_account: dict[tuple[Provider, Platform, str], list[Message]] = field(default_factory=dict)

    def account(self, provider: Provider, platform: Platform, account_id: str) -> Account:
        """The registered account, else one made up on the spot."""
        for known in self.accounts:
            if _name(known) == (provider, platform, account_id):
                return known
        made = Account(provider, platform, account_id)
        self.accounts.append(made)
        return made

    def keep(self, incoming: Incoming) -> Message:
        """The platform has the message now."""
        return self.add(
            incoming.account,
            incoming.recipient_id,
            "account",
            text=incoming.text,
            attachments=incoming.attachments,
            metadata=incoming.metadata,
        )

    def add(
        self,
        account: Account,
        correspondent_id: str,
        by: Party,
        *,
        text: str | None = None,
        attachments: tuple[dict[str, str], ...] = (),
        metadata: str | None = None,
        seconds_ago: float = 0.0,
    ) -> Message:
        at_ms = self._next_ms() if not seconds_ago else int((self.clock() - seconds_ago) * 1000)
        message = Message(
            message_id=self._message_id(account.platform, at_ms),
            account=account,
            correspondent_id=correspondent_id,
            by=by,
            at_ms=at_ms,
            conversation_id=conversation_id(account, correspondent_id),
            text=text,
            attachments=attachments,
            metadata=metadata,
        )
        self.messages.append(message)
        self._by_id[message.message_id] = message
        self._by_conversation.setdefault(message.conversation_id, []).append(message)
        self._by_account.setdefault(_name(account), []).append(message)
        return message

    def message(self, its_id: str) -> Message | None:
        return self._by_id.get(its_id)

    def conversation(self, its_id: str) -> list[Message]:
        """Newest first."""
        found = self._by_conversation.get(its_id, ())
        return sorted(found, key=lambda m: m.at_ms, reverse=True)

    def count_in(self, its_id: str) -> int:
        return len(self._by_conversation.get(its_id, ()))

    def messages_of(self, account: Account) -> list[Message]:
        """Newest first."""
        found = self._by_account.get(_name(account), ())
        return sorted(found, key=lambda m: m.at_ms, reverse=True)

    def conversations(self, account: Account) -> dict[str, list[Message]]:
        """By id; the one with the newest message first, and in each the newest first."""
        found: dict[str, list[Message]] = defaultdict(list)
        for message in self.messages_of(account):
            found[message.conversation_id].append(message)
        return dict(found)

    def has_written(self, account: Account, correspondent_id: str) -> bool:
        return self.count_in(conversation_id(account, correspondent_id)) > 0

    def _next_ms(self) -> int:
        """Now, and never the same millisecond twice: X's ids and watermarks tell messages apart."""
        self._last_ms = max(int(self.clock() * 1000), self._last_ms + 1)
        return self._last_ms

    def _message_id(self, platform: Platform, at_ms: int) -> str:
        # With the time: a sandbox that starts again begins to count anew, and ids are for ever.
        number = len(self.messages)
        if platform == "x":
            return str(((at_ms - _X_EPOCH_MS) << 22) | (number & 0x3FFFFF))
        digest = hashlib.sha512(f"{self.seed}:{number}:{at_ms}".encode()).hexdigest()
        if platform == "facebook":
            return f"m_{digest[:86]}"
        return f"aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE{digest[:128]}"


def _name(account: Account) -> tuple[Provider, Platform, str]:
    return (account.provider, account.platform, account.account_id)


def sent_again(attempts: Iterable[Attempt]) -> list[str]:
    """Keys of messages that came again after an attempt that was kept, or that the sender could
    not know to be refused. A pipeline that keeps invariant 8 has none.
    """
    unsettled: set[str] = set()
    again: dict[str, None] = {}
    for attempt in attempts:
        if attempt.key in unsettled:
            again[attempt.key] = None
        if not attempt.settled:
            unsettled.add(attempt.key)
    return list(again)
