"""Accepted sends whose outcome the log does not tell, found while it is read back.

The embedded broker forgets what was on its way to the delivery worker. The archive keeps that a
send was accepted, and what became of it; what lies between the two must go on, or get its outcome.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from schemas.events import (
    Event,
    MessageSent,
    SendAccepted,
    SendAttempted,
    SendFailed,
    SendRejected,
    SendUnknown,
    parse_event,
)

_Told = SendAccepted | SendAttempted | MessageSent | SendFailed | SendRejected | SendUnknown


@dataclass(slots=True)
class OpenSend:
    accepted: SendAccepted
    attempted: SendAttempted | None = None
    """The last attempt that the log tells of."""
    logged: bool = True
    """False where a part of it was lost in a kill: no notes speak of that, so it may have left."""


class OpenSends:
    """Takes events in the order of the log."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], OpenSend] = {}

    def __iter__(self) -> Iterator[OpenSend]:
        """In the order in which they were accepted."""
        return iter(self._open.values())

    def note(self, value: bytes, *, logged: bool = True) -> None:
        """One event as it stands on the log. Most others cost a search for a few words."""
        if b'"dm.send.' not in value and not (
            b'"dm.message.sent.' in value and b'"command_id"' in value
        ):
            return
        event = _read(value)
        if not isinstance(event, _Told) or event.data.command_id is None:
            return
        name = (event.profileid, event.data.command_id)
        if isinstance(event, SendAccepted):
            self._open[name] = OpenSend(event, logged=logged)
        elif isinstance(event, SendAttempted):
            if name in self._open:
                self._open[name].attempted = event
                self._open[name].logged &= logged
        else:
            # Unknown is an outcome, too: an echo resolves it, nobody sends it again.
            self._open.pop(name, None)


def _read(value: bytes) -> Event | None:
    try:
        return parse_event(value)
    except ValidationError:
        return None  # the conversations worker, which reads it next, tells of it as a failure
