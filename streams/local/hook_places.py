"""Where each webhook subscription goes on after the embedded broker forgot: the log is put back
with other offsets, so a cursor of the log before is found again by the events themselves.

The events of a profile come back in their order. The first of them that the cursor had not passed
is where its subscription goes on: what was delivered is not told again (at most some tenths of a
second of it), what was not is told, though it comes from the archive. For a subscription without a
cursor its own beginning stands for one; where that is of a log that is not in the archive, nothing
that was put back is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.hooks import HookProgress, HookRecord
from sinks.incarnations import UNLOGGED

Cursor = list[int | None]


@dataclass(slots=True)
class Place:
    """Where one subscription goes on."""

    hook: HookRecord
    cursors: dict[str, Cursor]
    """By log."""
    progress: HookProgress = field(default_factory=HookProgress)
    """Its retries, where it goes on with the event that they are of."""
    offset: int | None = None
    """On the new log; None: with what comes next."""


@dataclass(slots=True)
class HookPlaces:
    """Made of the subscriptions and cursors that were kept; told of each event that is put back."""

    logs: set[str] = field(default_factory=set)
    """Those that the archive had something of."""
    _places: list[Place] = field(default_factory=list)
    _waiting: dict[bytes, list[Place]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, hooks: Iterable[HookRecord], kept: Mapping[str, Mapping[str, Cursor]]
    ) -> "HookPlaces":
        """`kept`: cursors by log and subscription (streams.hooks.copied_cursors)."""
        made = cls()
        for hook in hooks:
            place = Place(hook, {hook.log: _beginning(hook)})
            for log, cursors in kept.items():
                cursor = cursors.get(hook.hook_id)
                # One before its beginning is of an earlier life of the same subscription.
                if cursor is not None and (log != hook.log or _first(cursor) >= hook.from_offset):
                    place.cursors[log] = cursor
            made._places.append(place)
            if hook.deleted_at is None:
                made._waiting.setdefault(hook.profileid.encode(), []).append(place)
        return made

    def goes_on_at(self, key: bytes, origin: str) -> list[Place]:
        """The subscriptions that go on with this event: set their offset. Asked once for each event
        that is put back, in its order."""
        log, offset = "", 0
        if origin != UNLOGGED:
            log, _, text = origin.rsplit("/", 2)
            offset = int(text)
            self.logs.add(log)
        found = []
        for place in list(self._waiting.get(key, ())):
            cursor = place.cursors.get(log)
            if origin == UNLOGGED and self.logs & place.cursors.keys():
                found.append(place)  # nobody knows whether it was told; at least once is promised
            elif cursor is not None and _first(cursor) <= offset:
                place.progress = _progress(cursor)
                found.append(place)
        for place in found:
            self._waiting[key].remove(place)
        return found

    def profiles(self) -> set[str]:
        return {place.hook.profileid for place in self._places}

    def carried(self, log: str, ends: Mapping[str, int]) -> list[HookRecord]:
        """All subscriptions, as they stand on the new topic. `ends`: by profile, the end of its
        partition now."""
        return [
            self._carried(place, log, ends.get(place.hook.profileid, 0)) for place in self._places
        ]

    def _carried(self, place: Place, log: str, end: int) -> HookRecord:
        hook = place.hook
        if hook.deleted_at is not None or not self.logs & place.cursors.keys():
            return hook
        changed: dict[str, object] = {
            "log": log,
            "from_offset": end if place.offset is None else place.offset,
            "resumed": place.progress,
        }
        if hook.replay is not None:  # its range of time says what is told
            changed["replay"] = hook.replay.model_copy(update={"until_offset": end})
        return hook.model_copy(update=changed)


def _beginning(hook: HookRecord) -> Cursor:
    was = hook.resumed or HookProgress()
    return [hook.from_offset, was.attempts, was.tried_since, was.failing_since, was.not_before]


def _first(cursor: Cursor) -> int:
    return cursor[0] or 0


def _progress(cursor: Cursor) -> HookProgress:
    _, attempts, tried, failing, wait = cursor
    return HookProgress(
        attempts=attempts or 0, tried_since=tried, failing_since=failing, not_before=wait or 0
    )
