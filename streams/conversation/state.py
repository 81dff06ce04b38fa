"""What the log comes to: plain immutable values, equal exactly if the state is equal.

Times are milliseconds since 1970. Nearly every field is a set, a maximum or a minimum of what the
log says, so that the order and the number of times it is said do not matter (invariant 5).
Mappings are never changed in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from schemas.base import Platform

Stamp = tuple[int, str]
"""When, and the event's id: of two, the later counts, and at the same time the greater id."""
Register = tuple[int, str, int | str]
"""A setting: its stamp, and the value it got then."""
AccountKey = tuple[str, str, str]
"""Provider, platform, account id (empty where a provider names the platform only)."""
ThreadMark = tuple[int, str, bool, str]
"""A sign of who controls a thread: its stamp, whether it is another app, and that app's id if it is
known. Of two signs in one event, the one for another app is the greater: refusing is safe."""

KEPT_MONTHS = 24
"""Of a conversation and of a profile: the newest ones."""


class MonthTally(NamedTuple):
    """One month of a profile."""

    highest: int = 0
    """The highest rank given: the count of active conversations."""
    told_80: int = 0
    """The greatest limit of which `limit.reached` said that 80 % are used; 0 for none."""
    told_100: int = 0


class AccountLinks(NamedTuple):
    """When an account was last linked and last unlinked."""

    linked: Stamp | None = None
    unlinked: Stamp | None = None
    history: int | None = None
    """The newest question for its history (ms) that was answered."""


class ProfileState(NamedTuple):
    """What holds for all conversations of one profile.

    A named tuple like `ConversationState`: with many profiles each event reads one from its bytes.
    """

    registered_at: int | None = None
    last_registered_at: int | None = None
    """The latest word of it, a change of the title too."""
    deletions: tuple[int, ...] = ()
    """The newest ones, the earliest first: `streams.conversation.deletion`."""
    messaging: tuple[int, str, bool] | None = None
    """Whether it is on, by the latest word of it."""
    deactivated_at: int | None = None
    activations: tuple[int, ...] = ()
    """Since the last deactivation, the earliest first."""
    settings: Mapping[str, Register] = {}
    """By the names in `streams.conversation.settings`."""
    accounts: Mapping[AccountKey, AccountLinks] = {}
    months: Mapping[str, MonthTally] = {}
    holders: Mapping[str, bytes] = {}
    """Of the two newest months: which conversation holds a rank. Four bytes for each rank from 1
    on: a fingerprint of its id, or zeros where nobody holds the rank (`months.holder_of`)."""

    @property
    def deleted_at(self) -> int | None:
        """The last time. Holds unless it was registered after that."""
        return self.deletions[-1] if self.deletions else None


@dataclass(frozen=True, slots=True)
class OpenSend:
    """An accepted send of text whose end is not known: its echo may be recognised by its text."""

    command_id: str
    origin: Literal["api", "auto"]
    accepted_at: int
    until: int
    """Of no interest to sends accepted after this."""
    text: str
    """A fingerprint of the text, never the text."""
    first_attempt_at: int | None = None
    last_attempt_at: int | None = None
    newer_than: int = 0
    """The account's last message when the first attempt was recorded: its echo must be newer."""
    unknown_at: int | None = None
    echoes: tuple[Stamp, ...] = ()
    """Messages with this text, seen since the attempt and told of no command: time and id."""
    taken: tuple[str, ...] = ()
    """Fingerprints of messages that turned out to belong to another command."""


class ConversationState(NamedTuple):
    """What holds for one conversation.

    A named tuple, because it is made anew for each message: that takes a tenth of the time that
    replacing a field of a frozen dataclass takes (measured: 0.7 against 6.4 microseconds). What a
    message changes stands first, down to `external`.
    """

    id: str
    """`<platform>:<account>:<correspondent>`. The key in any store, so not in its bytes."""
    provider: str = ""
    """Who told of the newest message."""
    first_correspondent_message_at: int | None = None
    last_correspondent_message_at: int | None = None
    first_account_message_at: int | None = None
    last_account_message_at: int | None = None
    thread: ThreadMark | None = None
    """The latest sign of who controls the thread; none is the state `unknown`."""
    external: Stamp | None = None
    """The provider's own id of the conversation, and when a message last told it."""
    last_button_press_at: int | None = None
    started: bool = False
    """`conversation.started` is in the log."""
    months: Mapping[str, tuple[int, ...]] = {}
    """The ranks recorded for each active month, ascending: one, but for an accident (months.py)."""
    archived: tuple[int, str, bool] | None = None
    last_accepted_at: int | None = None
    last_auto: Stamp | None = None
    """The last accepted automatic answer: when, and a fingerprint of its command."""
    failed_auto: Stamp | None = None
    """The last automatic answer that failed for good, likewise."""
    unavailable_at: int | None = None
    """When a platform last said that the correspondent can't be written to."""
    erased_at: int | None = None
    open: tuple[OpenSend, ...] = ()
    """By command id. Empty but while something is under way."""
    crowded_until: int | None = None
    """Until then an echo may belong to an accepted send of text that had no room in `open`."""

    @property
    def platform(self) -> Platform:
        return cast("Platform", self.id.partition(":")[0])

    @property
    def account_id(self) -> str:
        return self.id.split(":", 2)[1]

    @property
    def correspondent_id(self) -> str:
        return self.id.split(":", 2)[2]

    @property
    def last_message_at(self) -> int | None:
        """By either side."""
        by_correspondent = self.last_correspondent_message_at
        by_account = self.last_account_message_at
        if by_correspondent is None or by_account is None:
            return by_account if by_correspondent is None else by_correspondent
        return max(by_correspondent, by_account)

    @property
    def is_archived(self) -> bool:
        return self.archived is not None and self.archived[2]

    @property
    def thread_control(self) -> Literal["ours", "other", "unknown"]:
        if self.thread is None:
            return "unknown"
        return "other" if self.thread[2] else "ours"


class OutcomeEvent(NamedTuple):
    """One event that a command led to."""

    name: str
    """`send.accepted`, `message.sent`, `limit.changed`, ..."""
    id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What became of one command, kept for as long as its id is remembered."""

    at: int
    """Of the latest of the events."""
    events: tuple[OutcomeEvent, ...] = ()
    """Sorted; each once."""


class State(NamedTuple):
    """All that one event or command can touch: see `streams.conversation.keys` for the keys."""

    profile: ProfileState = ProfileState()
    conversation: ConversationState | None = None
    outcome: CommandOutcome | None = None
