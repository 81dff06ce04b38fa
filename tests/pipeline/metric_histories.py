"""Random histories for the metrics: long enough that rules meet, and many at once.

Made from one seed each by Python's own generator: a hundred events cost a millisecond, so that a
search goes over hundreds of histories in one batch of the archive.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import data, events
from schemas.business_hours import BusinessHours
from schemas.envelope import Envelope
from schemas.ids import event_id

NOW = datetime.now(UTC).replace(microsecond=0)
# Windows last whole days. None may close while the tests run, which have this long.
MINUTES_OF_THE_TESTS = 120
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns")
HOURS = (
    None,
    BusinessHours.parse("67 22:30-24:00"),
    BusinessHours.parse("1346 00:00-12:15"),
)
CONVERSATIONS = (("instagram", "c1"), ("instagram", "c2"), ("facebook", "c3"), ("x", "c4"))


class History:
    """Events of one profile."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.profile = f"p{seed}"
        # Few instants, so that events meet at one; over three months, so that windows close.
        self.instants = [
            NOW - timedelta(minutes=self.minutes_ago(), milliseconds=number)
            for number in range(self.chance.choice((3, 12, 60)))
        ]
        self.events: list[Envelope] = []
        makers: list[tuple[int, Callable[[], Envelope]]] = [
            (12, self.message), (2, self.change), (2, self.receipt), (3, self.reaction),
            (2, self.place), (1, self.archiving), (1, self.control), (4, self.send),
            (1, self.limit),
        ]  # fmt: skip
        weights = [weight for weight, _ in makers]
        for _ in range(self.chance.choice((1, 5, 30, 120))):
            make = self.chance.choices([make for _, make in makers], weights)[0]
            self.events.append(make())
        self.events += self.endings()
        if self.events:
            # Some come twice, as they were; and all in any order.
            self.events += self.chance.choices(self.events, k=len(self.events) // 4)
        self.chance.shuffle(self.events)

    def minutes_ago(self) -> int:
        day, minute = self.chance.randrange(90), self.chance.randrange(1440 - MINUTES_OF_THE_TESTS)
        return day * 1440 + minute

    def _common(self, at: datetime | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        platform, correspondent = self.chance.choice(CONVERSATIONS)
        moment = at or self.chance.choice(self.instants)
        delay = self.chance.choice((0, 700, 5_000, 86_400_000))
        envelope = {
            "source": "/dmstream/meta/page",
            "time": moment,
            "receivedat": moment + timedelta(milliseconds=delay),
            "subject": f"{platform}:page:{correspondent}",
            "profileid": self.profile,
            "platform": platform,
        }
        body = {"provider": "meta", "account_id": "page", "correspondent_id": correspondent}
        return envelope, body

    def _id(self, envelope: dict[str, Any], *parts: object) -> str:
        return event_id("meta", self.profile, envelope["subject"] or "", *map(str, parts))

    def message(self) -> Envelope:
        envelope, body = self._common()
        number = self.chance.randrange(24)
        # The side follows from the id: copies may differ in all else.
        kind = events.MessageReceived if number % 2 else events.MessageSent
        types = ("image", "video", "share")
        content: dict[str, Any] = {
            "message_id": f"m{number}",
            "text": self.chance.choice((None, "hi")),
            "attachments": tuple(
                data.Attachment(type=self.chance.choice(types), platform_type="p")  # type: ignore[arg-type]
                for _ in range(self.chance.choice((0, 0, 0, 1, 2)))
            ),
            "backfilled": self.chance.random() < 0.05,
            "standby": self.chance.random() < 0.05,
        }
        if kind is events.MessageSent:
            content["origin"] = self.chance.choice(("elsewhere", "elsewhere", "auto"))
        return kind(
            id=self._id(envelope, "message", number),
            data=data.Message(**body, **content),
            **envelope,
        )

    def change(self) -> Envelope:
        envelope, body = self._common()
        message_id = f"m{self.chance.randrange(24)}"
        name = self._id(envelope, "changed", message_id, self.chance.randrange(2))
        if self.chance.random() < 0.5:
            deletion = data.MessageDeletion(**body, message_id=message_id)
            return events.MessageDeleted(id=name + "d", data=deletion, **envelope)
        edit = data.MessageEdit(**body, message_id=message_id, text="edited", edit_number=1)
        return events.MessageEdited(id=name, data=edit, **envelope)

    def receipt(self) -> Envelope:
        envelope, body = self._common()
        kind = self.chance.choice((events.MessageRead, events.MessageDelivered))
        by = self.chance.choice(("correspondent", "account"))
        if self.chance.random() < 0.5:
            named = {"message_id": f"m{self.chance.randrange(24)}"}
        else:
            named = {"watermark_at": self.chance.choice(self.instants)}
        name = self._id(envelope, kind.__name__, by, *named.values())
        return kind(id=name, data=data.Receipt(**body, by=by, **named), **envelope)

    def reaction(self) -> Envelope:
        envelope, body = self._common()
        kind = self.chance.choice(
            (events.ReactionAdded, events.ReactionAdded, events.ReactionRemoved)
        )
        reaction = data.Reaction(
            **body,
            message_id=f"m{self.chance.randrange(4)}",
            person_id=self.chance.choice(("ada", "page")),
            by=self.chance.choice(("correspondent", "account")),
            emoji=self.chance.choice(("❤", "😢", None)),
            name="love",
        )
        name = self._id(envelope, kind.__name__, reaction.message_id, envelope["time"])
        return kind(id=name, data=reaction, **envelope)

    def place(self) -> Envelope:
        envelope, body = self._common()
        month = self.chance.choice(self.instants).strftime("%Y-%m")
        # Mostly each its own place; sometimes one that another conversation has too.
        rank = 1 + [name for _, name in CONVERSATIONS].index(body["correspondent_id"])
        if self.chance.random() < 0.2:
            rank = self.chance.randrange(1, 5)
        activated = data.ConversationActivated(**body, month=month, rank=rank, cause_id="m")
        return events.ConversationActivated(
            id=self._id(envelope, "activated", month, rank), data=activated, **envelope
        )

    def archiving(self) -> Envelope:
        envelope, body = self._common()
        kind = self.chance.choice((events.ConversationArchived, events.ConversationUnarchived))
        return kind(
            id=self._id(envelope, kind.__name__, envelope["time"]),
            data=data.ConversationArchived(**body),
            **envelope,
        )

    def control(self) -> Envelope:
        envelope, body = self._common()
        kind = self.chance.choice((events.ThreadControlLost, events.ThreadControlGained))
        return kind(
            id=self._id(envelope, kind.__name__, envelope["time"]),
            data=data.ThreadControl(**body),
            **envelope,
        )

    def send(self) -> Envelope:
        envelope, body = self._common()
        number = self.chance.randrange(6)
        command = f"{envelope['subject']} {number}"
        base = body | {"command_id": command, "origin": "auto" if number == 0 else "api"}
        why = {"reason": self.chance.choice(("expired", "recipient_unavailable", "thread_control"))}
        step = self.chance.randrange(6)
        name = self._id(envelope, "send", command, step, self.chance.randrange(2))
        match step:
            case 0:
                month = envelope["time"].strftime("%Y-%m")
                accepted = data.SendAccepted(
                    **base, month=month, rank=self.chance.randrange(1, 4), expires_at=NOW
                )
                return events.SendAccepted(id=name, data=accepted, **envelope)
            case 1:
                attempted = data.SendAttempted(**base, attempt=1)
                return events.SendAttempted(id=name, data=attempted, **envelope)
            case 2:
                failed = data.SendFailed(**base, **why, message="no")
                return events.SendFailed(id=name, data=failed, **envelope)
            case 3:
                unknown = data.SendUnknown(**base, **why, message="perhaps")
                return events.SendUnknown(id=name, data=unknown, **envelope)
            case 4:
                rejected = data.SendRejected(**base, reason="not_initiated", message="no")
                return events.SendRejected(id=name, data=rejected, **envelope)
            case _:
                message_id = f"sent {number}"
                sent = data.Message(**base, message_id=message_id, text="sent")
                return events.MessageSent(
                    id=self._id(envelope, "message", message_id), data=sent, **envelope
                )

    def endings(self) -> list[Envelope]:
        """Of a third: deleted, registered, or merely switched off, in any order."""
        if self.chance.random() < 0.67:
            return []
        makers = (self.deletion, self.deletion, self.registration, self.switching_off)
        return [self.chance.choice(makers)() for _ in range(self.chance.choice((1, 2, 4)))]

    def of_profile(self, at: datetime | None, *parts: object) -> dict[str, Any]:
        """An envelope of the profile itself."""
        envelope, _ = self._common(at)
        envelope["subject"] = None
        return envelope | {"id": self._id(envelope, *parts, envelope["time"])}

    def deletion(self) -> Envelope:
        envelope = self.of_profile(None, "deletion") | {"platform": None}
        switched = data.MessagingSwitched(reason="profile_deleted")
        return events.MessagingDeactivated(data=switched, **envelope)

    def switching_off(self) -> Envelope:
        envelope = self.of_profile(None, "off") | {"platform": None}
        return events.MessagingDeactivated(data=data.MessagingSwitched(), **envelope)

    def registration(self) -> Envelope:
        envelope = self.of_profile(None, "registration") | {"platform": None}
        return events.ProfileRegistered(data=data.ProfileRegistered(), **envelope)

    def limit(self) -> Envelope:
        envelope, _ = self._common()
        envelope |= {"subject": None, "platform": None}
        changed = data.LimitChanged(
            monthly_limit=self.chance.choice((None, 0, 1, 2, 3)),
            limit_scope=self.chance.choice((None, "conversations", "all")),
            month_zone=self.chance.choice((None, *ZONES)),
            business_hours=self.chance.choice(HOURS),
            reply_window_seconds=self.chance.choice(
                (
                    None,
                    {"facebook": 86_400},
                    {"instagram": None},
                    {"instagram": 0, "facebook": None},
                )
            ),
        )
        return events.LimitChanged(
            id=self._id(envelope, "limit", envelope["time"]), data=changed, **envelope
        )
