"""Which canonical events a happening is, with the ids they must get.

The ids are computed here from what happened, by the table in schemas.ids, and in the pipeline
from the bodies. That the two agree is what the comparison checks.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.ids import event_id
from streams.simulator.happenings import (
    ControlMoved,
    Edited,
    Happening,
    Pressed,
    Reacted,
    Receipt,
    Referred,
    Typed,
    Unknown,
    Unsent,
    Written,
)


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    type: str
    """`message.received`: the event's type without `dm.` and version."""
    key: str
    """The event id; where the table leaves the parts open, a key of ours after a `~`."""

    @property
    def has_id(self) -> bool:
        return not self.key.startswith("~")


def expected_events(happening: Happening) -> tuple[ExpectedEvent, ...]:
    """The happening's events, in the order of its body."""
    return _BY_CLASS[type(happening)](happening)


def _named(happening: Happening, type_: str, kind: str, *parts: str) -> tuple[ExpectedEvent, ...]:
    account = happening.conversation.account
    return (ExpectedEvent(type_, event_id(account.provider, account.account_id, kind, *parts)),)


def _unnamed(happening: Happening, type_: str, *parts: str) -> tuple[ExpectedEvent, ...]:
    """schemas.ids says what the parts are, not how they are written: no id is promised."""
    key = "~".join(("", type_, happening.conversation.id, str(happening.at), *parts))
    return (ExpectedEvent(type_, key),)


def _written(happening: Written) -> tuple[ExpectedEvent, ...]:
    type_ = "message.received" if happening.by == "correspondent" else "message.sent"
    return _named(happening, type_, "message", happening.message_id)


def _edited(happening: Edited) -> tuple[ExpectedEvent, ...]:
    if happening.told_as == "nothing":
        return _unnamed(happening, "message.edited", happening.message_id)
    number = str(happening.number)
    return _named(happening, "message.edited", "edited", happening.message_id, number)


def _unsent(happening: Unsent) -> tuple[ExpectedEvent, ...]:
    return _named(happening, "message.deleted", "deleted", happening.message_id)


def _receipt(happening: Receipt) -> tuple[ExpectedEvent, ...]:
    person = happening.conversation.correspondent.id
    named = happening.message_ids or (str(happening.watermark),)
    return tuple(
        event
        for what in named
        for event in _named(
            happening, f"message.{happening.what}", happening.what, person, "correspondent", what
        )
    )


def _reacted(happening: Reacted) -> tuple[ExpectedEvent, ...]:
    what = "added" if happening.added else "removed"
    person = happening.conversation.correspondent.id
    parts = (happening.message_id, person, what, happening.emoji, str(happening.at))
    return _named(happening, f"reaction.{what}", "reaction", *parts)


def _pressed(happening: Pressed) -> tuple[ExpectedEvent, ...]:
    return _named(happening, "postback.received", "postback", happening.message_id)


def _referred(happening: Referred) -> tuple[ExpectedEvent, ...]:
    return _unnamed(happening, "referral.received", happening.ref)


def _typed(happening: Typed) -> tuple[ExpectedEvent, ...]:
    person = happening.conversation.correspondent.id
    return _named(happening, "typing.started", "typing", person, happening.by, str(happening.at))


def _control(happening: ControlMoved) -> tuple[ExpectedEvent, ...]:
    return _unnamed(happening, f"thread.control_{happening.what}", happening.owner)


def _unknown(happening: Unknown) -> tuple[ExpectedEvent, ...]:
    return _unnamed(happening, "unrecognised.received", happening.key)


_BY_CLASS: dict[type[Happening], Callable[..., tuple[ExpectedEvent, ...]]] = {
    Written: _written,
    Edited: _edited,
    Unsent: _unsent,
    Receipt: _receipt,
    Reacted: _reacted,
    Pressed: _pressed,
    Referred: _referred,
    Typed: _typed,
    ControlMoved: _control,
    Unknown: _unknown,
}
