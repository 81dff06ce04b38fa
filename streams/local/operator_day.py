"""What an operator does on the demonstration day, and the people who write to them meanwhile.

They answer those who wait, and run into each rule once: every reason that a send can be refused or
can fail for shows in the tables. All of it goes the real way: commands on the topic, requests to
the sandbox, webhooks back.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schemas.base import Platform, Provider
from schemas.data import AutoResponseConfigured
from streams.local.archive import Archive
from streams.local.caller import Caller
from streams.local.stand_in import Place, StandIn

_ANSWERED = 24
_PEOPLE = 12
_ANSWERS = (
    "Thank you for writing. Yes, we have it in blue.",
    "It left this morning and is with you tomorrow.",
    "Merci ! C'est noté, nous vous écrivons demain.",
    "Of course, we have changed your order.",
    "Gern geschehen. Sonst noch etwas?",
)
_TOO_LONG = "word " * 2_100
"""For every platform."""
_QUESTIONS = ("Hello, are you open on Sunday?", "Is my parcel on its way?", "Avez-vous du bleu ?")

# X through Ayrshare is left out: one form of its webhooks swaps the sides (docs/decisions/0008).
_CONVERSATIONS = """
    SELECT profile_id, conversation_id, platform, provider, account_id, correspondent_id,
        is_waiting, is_window_open, is_active_this_month, is_over_limit
    FROM {views}.conversations
    WHERE received_count > 0 AND NOT is_archived AND thread_control != 'other'
        AND provider IN ('ayrshare', 'meta', 'x') AND NOT (provider = 'ayrshare' AND platform = 'x')
    ORDER BY last_received_at DESC, conversation_id
"""


@dataclass(frozen=True, slots=True)
class Conversation:
    """As the archive tells it."""

    profile: str
    id: str
    platform: Platform
    provider: Provider
    account_id: str
    correspondent_id: str
    is_waiting: bool
    is_window_open: bool
    is_active: bool
    is_over_limit: bool

    @property
    def place(self) -> Place:
        return Place(self.provider, self.platform, self.account_id)

    @property
    def is_open(self) -> bool:
        """A message may be sent and takes no new place in the month."""
        return self.is_window_open and self.is_active and not self.is_over_limit


@dataclass(slots=True)
class OperatorDay:
    caller: Caller
    stand_in: StandIn
    conversations: Sequence[Conversation]
    rng: random.Random
    sends: int = 0
    people: int = 0
    _taken: set[str] = field(default_factory=set)

    async def work(self) -> None:
        """Returns once the outcome of each send is known, and everybody behind the sandbox has done
        what they do. Raises NotAnsweredError, the broker's errors, and httpx's."""
        own = list(self._take(next(self._on("facebook"), None)))
        auto = self._quietest(besides={one.profile for one in own})
        waiting = [one for one in self._open() if one.is_waiting][:_ANSWERED]
        self._taken |= {one.id for one in waiting}
        await asyncio.gather(
            self._people_write(auto),
            *(self._send(one) for one in waiting),
            *(self._send(one, text=_TOO_LONG) for one in waiting[:2]),
            *(self._send(one) for one in self._first(2, is_window_open=False)),
            *(self._send(one) for one in self._first(3, is_over_limit=True)),
            self._a_stranger(),
            self._refused_twice("thread_control"),
            self._refused_twice("blocked"),
            self._through("rate_limited", wait=1.0),
            self._through("reset_after"),
            self._through("reset_before"),
        )
        for one in own:
            await self._switches(one)
        await self.stand_in.is_quiet()

    async def _send(self, to: Conversation, text: str | None = None) -> None:
        await self._give(to, text or self.rng.choice(_ANSWERS), to.id)

    async def _give(self, to: Conversation, text: str, conversation: str) -> None:
        self.sends += 1
        await self.caller.give("SendMessage", to.profile, conversation_id=conversation, text=text)

    async def _people_write(self, to: Conversation | None) -> None:
        """Live, to a profile that answers by itself; some write twice before it could."""
        if to is None:
            return
        change = AutoResponseConfigured(active=True)
        await self.caller.give("ConfigureAutoResponse", to.profile, change=change)
        people = [str(self.rng.randrange(10**14, 10**15)) for _ in range(_PEOPLE)]
        writers = people + people[::3]
        self.people += len(people)
        await asyncio.gather(
            *(
                self.stand_in.somebody_writes(to.place, person, self.rng.choice(_QUESTIONS))
                for person in writers
            )
        )

    async def _a_stranger(self) -> None:
        """Somebody who never wrote."""
        for one in self._first(1, is_window_open=True):
            person = str(self.rng.randrange(10**14, 10**15))
            await self._give(one, _ANSWERS[0], f"{one.platform}:{one.account_id}:{person}")

    async def _refused_twice(self, fault: str) -> None:
        """The platform refuses the first; the second is refused here, by what the first taught."""
        for one in self._take(next(self._on("facebook"), None)):
            await self.stand_in.fault(fault, one.correspondent_id)
            await self._send(one)
            await self._send(one)

    async def _through(self, fault: str, **more: float) -> None:
        """Something goes wrong on the way."""
        for one in self._take(next(self._on("facebook"), None)):
            await self.stand_in.fault(fault, one.correspondent_id, **more)
            await self._send(one)

    async def _switches(self, one: Conversation) -> None:
        """Messaging off and on, the account unlinked and linked; in the end all is as before."""
        account = {
            "provider": one.provider,
            "platform": one.platform,
            "account_id": one.account_id,
        }
        give = self.caller.give
        await give("DeactivateMessaging", one.profile)
        await self._send(one)
        await give("ActivateMessaging", one.profile)
        await self._send(one)
        await give("LinkAccount", one.profile, **account)
        await self._send(one)
        await give("UnlinkAccount", one.profile, **account)
        await self._send(one)
        await give("LinkAccount", one.profile, **account)

    def _open(self) -> Iterator[Conversation]:
        return (one for one in self.conversations if one.is_open and one.id not in self._taken)

    def _on(self, platform: Platform) -> Iterator[Conversation]:
        """Straight to the platform: its answer is not Ayrshare's."""
        return (one for one in self._open() if (one.platform, one.provider) == (platform, "meta"))

    def _take(self, one: Conversation | None) -> Iterator[Conversation]:
        """Nobody else gets it."""
        if one is not None:
            self._taken.add(one.id)
            yield one

    def _first(self, count: int, **wanted: bool) -> list[Conversation]:
        found = [
            one
            for one in self.conversations
            if all(getattr(one, name) == value for name, value in wanted.items())
            and (one.is_window_open or not wanted.get("is_over_limit"))
        ]
        return found[:count]

    def _quietest(self, besides: set[str]) -> Conversation | None:
        """Of Meta's other profiles the one with most places left in its month."""
        of_meta = [
            one
            for one in self.conversations
            if one.provider == "meta" and one.is_open and one.profile not in besides
        ]
        return min(
            of_meta,
            key=lambda one: sum(other.profile == one.profile for other in of_meta),
            default=None,
        )


def conversations(archive: Archive) -> list[Conversation]:
    """Those that an operator may meet, the latest first. Raises the client's errors."""
    return [Conversation(*row) for row in archive.rows(_CONVERSATIONS)]
