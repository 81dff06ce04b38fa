"""Nothing is sent once the reply window is over."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.base import Platform
from schemas.events import LimitChanged, MessageReceived, SendAccepted, SendAttempted
from streams.checker.findings import Finding
from streams.checker.reading import Reading


def window(reading: Reading) -> Iterator[Finding]:
    """No send is accepted at or after the end of its window, and none is attempted at or after the
    end of its window or its own time. The first millisecond after it is outside.

    The window is worked out here by itself: the latest message of the correspondent that the log
    has before the acceptance, and the length that held for the profile by then.
    """
    written: dict[tuple[str, str], datetime] = {}
    own: dict[str, dict[Platform, int | None]] = {}
    for record, event in reading.events:
        key = (event.profileid, event.subject or "")
        if isinstance(event, MessageReceived):
            written[key] = max(written.get(key, event.time), event.time)
        elif isinstance(event, LimitChanged):
            lengths = event.data.reply_window_seconds or {}
            changed = {name: _milliseconds(seconds) for name, seconds in lengths.items()}
            own.setdefault(event.profileid, {}).update(changed)
        elif isinstance(event, SendAccepted) and event.platform is not None:
            default = reading.history.windows.get(event.platform)
            length = own.get(event.profileid, {}).get(event.platform, default)
            last = written.get(key)
            if last is None:
                what = f"send {event.data.command_id} was accepted before anybody had written"
                yield Finding("window", what, event.profileid, record.place)
            elif length is not None and event.time >= last + timedelta(milliseconds=length):
                what = f"send {event.data.command_id} was accepted after the window's end"
                yield Finding("window", what, event.profileid, record.place)
    yield from _attempts(reading)


def _attempts(reading: Reading) -> Iterator[Finding]:
    for record, event in reading.events:
        if not isinstance(event, SendAttempted):
            continue
        accepted = reading.accepted.get((event.profileid, event.data.command_id))
        if accepted is None:
            what = f"send {event.data.command_id} was attempted and never accepted"
            yield Finding("window", what, event.profileid, record.place)
            continue
        for end in (accepted.data.window_expires_at, accepted.data.expires_at):
            if end is not None and event.time >= end:
                what = f"send {event.data.command_id} was attempted at or after its end"
                yield Finding("window", what, event.profileid, record.place)
                break


def _milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000
