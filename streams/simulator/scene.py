"""One conversation written forward in time: each act takes the clock on and is noted down.

Here is what each platform can tell at all. An act that it can't tell is left out, as on the
platform: X has no edits, Instagram no deliveries, only Meta has thread control.
"""

import random
from typing import Literal

from streams.simulator import instants, media, platform_ids
from streams.simulator.happenings import (
    INBOX_APP_ID,
    ControlMoved,
    Edited,
    Happening,
    Media,
    Pressed,
    Reacted,
    Receipt,
    Referred,
    Typed,
    Unknown,
    Unsent,
    Written,
)
from streams.simulator.world import Conversation

_SECOND_MS = 1_000

# Shares of what is rare. Each is seen a few times in a day of some thousand webhooks.
_UNSUPPORTED = 0.01
_STORY = 0.05
_STORY_WITHOUT_TEXT = 0.2
_NUMBER_AS_STRING = 0.3
_BARE_DELIVERY = 0.15
_DELIVERY_NAMES = 0.8
_BY_ADVERT = 0.5


class Scene:
    """`happenings` is in the order of time; no two of them share an instant.

    `reads()` has to close a scene. With it a receipt that names one message and a receipt that
    means "all up to this one" say the same, so that the intention holds for both readings.
    """

    def __init__(
        self, conversation: Conversation, start: int, rng: random.Random, app_id: str
    ) -> None:
        self.conversation = conversation
        self.account = conversation.account
        self.person = conversation.correspondent
        self.now = start
        self.happenings: list[Happening] = []
        self._rng = rng
        self._app_id = app_id
        self._unread: list[Written] = []
        self._standby = False
        self._last = 0

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * _SECOND_MS)

    def writes(
        self,
        text: str,
        *,
        reply_to: str = "",
        quick_reply: str = "",
        with_media: bool = False,
        plain: bool = False,
    ) -> Written:
        """The correspondent writes. `plain`: text and nothing that only some platforms have."""
        rng = self._rng
        odd = rng.random() if self.account.route == "instagram" and not plain else 1.0
        unsupported = odd < _UNSUPPORTED
        story = media.story(rng) if _UNSUPPORTED <= odd < _STORY else None
        attached: tuple[Media, ...] = ()
        if with_media and self._takes_media and not unsupported:
            attached = (media.draw(rng, self.account),)
        said: str | None = text
        if unsupported or (story and rng.random() < _STORY_WITHOUT_TEXT):
            said = None
        elif attached:
            said = self._beside(attached[0].id, text)
        message = Written(
            conversation=self.conversation,
            at=self._tick(),
            by="correspondent",
            message_id=self._message_id(),
            text=said,
            media=attached,
            reply_to=reply_to if self.has_thread_control else "",
            story=story,
            quick_reply=quick_reply if self.has_thread_control else "",
            standby=self._standby,
            unsupported=unsupported,
        )
        self.happenings.append(message)
        return message

    def answers(self, text: str, *, by_app: bool = True) -> Written:
        """The account's side writes; the platforms tell it as an echo.

        While another app has the thread it is that app that writes.
        """
        app_id = ""
        if self._standby:
            app_id = INBOX_APP_ID[self.account.platform]
        elif by_app and self.account.route in {"page", "aaa"}:
            app_id = self._app_id
        message = Written(
            conversation=self.conversation,
            at=self._tick(),
            by="account",
            message_id=self._message_id(),
            text=text,
            app_id=app_id,
            standby=self._standby,
        )
        if not self._tells_echoes:
            return message
        self.happenings.append(message)
        self._unread.append(message)
        if self.account.route == "page" and self.person.sends_receipts:
            self._delivered(message)
        return message

    def reads(self) -> None:
        """They read all that is there; without receipts nobody hears of it."""
        unread, self._unread = self._unread, []
        if not unread or not self.person.sends_receipts or not self._tells_reads:
            return
        if self.account.route in {"page", "messages"}:
            at = self._tick()
            # Ayrshare tells no watermark: the time of the notice is the only one it can mean.
            mark = at if self.account.route == "messages" else at - int(self._rng.random() * 500)
            self._receipt("read", at, watermark=mark)
            return
        for message in unread:
            self._receipt("read", self._tick(), named=(message.message_id,))

    def edits(self, message: Written, text: str, number: int) -> None:
        if self.account.platform == "x" or message.text is None:
            return
        told_as: Literal["number", "string", "nothing"] = "number"
        if self.account.provider == "ayrshare":
            told_as = "nothing"
        elif self._rng.random() < _NUMBER_AS_STRING:
            told_as = "string"
        edit = Edited(self.conversation, self._tick(), message.message_id, text, number, told_as)
        self.happenings.append(edit)

    def unsends(self, message: Written) -> None:
        if self.account.platform == "instagram":
            self.happenings.append(
                Unsent(self.conversation, self._tick(), message.message_id),
            )

    def reacts(self, message: Written, *, then_removes: bool) -> None:
        if self.account.platform == "x":
            return
        name, emoji = media.reaction(self._rng, self.account.platform)
        target = message.message_id
        self.happenings.append(
            Reacted(self.conversation, self._tick(), target, added=True, emoji=emoji, name=name)
        )
        if then_removes:
            self.wait(5 + self._rng.random() * 60)
            self.happenings.append(Reacted(self.conversation, self._tick(), target, added=False))

    def types(self) -> None:
        if self.account.route == "aaa":
            self.happenings.append(Typed(self.conversation, self._tick(), "correspondent"))

    def presses_and_writes(self, text: str) -> None:
        """A button, and at once what they have to say, within one month.

        Whether a press counts as writing is read differently by the platforms and by the rules;
        with a message right behind it both readings give the same months and last times.
        """
        if not self.has_thread_control or self._standby:
            return
        if instants.month(self.now) != instants.month(self.now + 3 * _SECOND_MS):
            return
        pressed = Pressed(
            self.conversation, self._tick(), self._message_id(), "Talk to us", '{"go":"person"}'
        )
        self.happenings.append(pressed)
        self.writes(text, plain=True)

    def comes_by_link(self) -> None:
        if not self.has_thread_control or self._standby:
            return
        by_advert = self._rng.random() < _BY_ADVERT
        self.happenings.append(
            Referred(
                self.conversation,
                self._tick(),
                ref="autumn-" + platform_ids.digits(self._rng, 4),
                source="ADS" if by_advert else "SHORTLINK",
                ad_id=platform_ids.digits(self._rng, 17) if by_advert else "",
            )
        )

    def another_app_asks(self) -> None:
        self._control("requested", owner=INBOX_APP_ID[self.account.platform])

    def another_app_takes_over(self) -> None:
        self._control("lost", owner=INBOX_APP_ID[self.account.platform], previous=self._app_id)
        self._standby = True

    def control_comes_back(self) -> None:
        self._control("gained", owner=self._app_id, previous=INBOX_APP_ID[self.account.platform])
        self._standby = False

    def does_the_unknown(self) -> None:
        """A kind that is in no reader's list: it has to be kept whole."""
        keys = {"page": "thread_mood", "instagram": "thread_mood", "messages": "messagePinned"}
        if self.account.route in keys and not self._standby:
            value = {"note": platform_ids.digits(self._rng, 12)}
            key = keys[self.account.route]
            self.happenings.append(Unknown(self.conversation, self._tick(), key, value))

    @property
    def has_thread_control(self) -> bool:
        """Meta's platforms; they are also the ones with buttons, links and replies."""
        return self.account.provider == "meta"

    @property
    def _tells_echoes(self) -> bool:
        """Ayrshare's accountActivity says of no message which side is the account.

        What a correspondent writes is to the account, so a body alone tells it right; of what the
        account writes no reader of the body alone can. So it is not among what is meant.
        """
        return self.account.route != "activity"

    @property
    def _tells_reads(self) -> bool:
        """Of X's products only Account Activity has a printed body for it; Ayrshare's X none."""
        if self.account.platform == "x":
            return self.account.route == "aaa"
        return True

    @property
    def _takes_media(self) -> bool:
        return self.account.platform != "x" or self.account.route == "aaa"

    def _beside(self, media_id: str, text: str) -> str | None:
        """X ends the text with a link to the media; elsewhere half of it comes without a word."""
        if self.account.platform == "x":
            return f"{text} https://t.co/{media_id[:10]}"
        return text if self._rng.random() < 0.5 else None  # noqa: PLR2004

    def _delivered(self, message: Written) -> None:
        self.wait(1 + self._rng.random() * 3)
        at = self._tick()
        bare = self._rng.random() < _BARE_DELIVERY
        mark = at if bare else message.at + (at - message.at) // 2
        named = (message.message_id,) if self._rng.random() < _DELIVERY_NAMES else ()
        self._receipt("delivered", at, named=named, watermark=mark, bare=bare)

    def _receipt(
        self,
        what: Literal["delivered", "read"],
        at: int,
        *,
        named: tuple[str, ...] = (),
        watermark: int = 0,
        bare: bool = False,
    ) -> None:
        self.happenings.append(
            Receipt(self.conversation, at, what, named, watermark, bare, self._standby)
        )

    def _control(
        self, what: Literal["lost", "gained", "requested"], *, owner: str, previous: str = ""
    ) -> None:
        self.happenings.append(ControlMoved(self.conversation, self._tick(), what, owner, previous))

    def _tick(self) -> int:
        """Now, as exactly as the account's webhooks can tell it; a second after the last act.

        So no two acts share an instant, not even where the platform tells whole seconds.
        """
        self.now = max(self.now, self._last + _SECOND_MS)
        self._last = self.now
        if self.account.whole_seconds:
            self._last = self.now // _SECOND_MS * _SECOND_MS
        return self._last

    def _message_id(self) -> str:
        if self.account.platform == "facebook":
            return platform_ids.messenger_message(self._rng)
        if self.account.platform == "instagram":
            return platform_ids.instagram_message(self._rng, self.account.account_id)
        return platform_ids.snowflake(self._rng, self.now)
