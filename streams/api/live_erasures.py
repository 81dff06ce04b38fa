"""What a live stream must leave out: the log keeps content longer than an erasure allows.

An erasure stands behind what it erases, so a stream that is at the log's end meets none too late.
One that is behind (a client that came back, or that takes its time) asks the archive which there
are, before it begins and then every few seconds: the archive notes an erasure before the range of
the log that tells of it counts as archived.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from schemas.events import parse_event
from sinks.reading import erasures
from sinks.redaction import without_content
from streams.api.errors import Problem
from streams.api.resources import Resources
from streams.hooks.erasures import Erasures

ASK_AGAIN_SECONDS = 2.0


@dataclass(slots=True)
class ErasedMeanwhile:
    resources: Resources
    profile: str
    _known: Erasures = field(default_factory=Erasures)
    _asked_at: float = float("-inf")

    async def ask(self) -> None:
        """Raises Problem, and ArchiveAway: without an answer nothing old may be told."""
        if not await self.resources.caught_up(self.profile):
            raise Problem("archive_unavailable", retry_after=5)
        for conversation, at in await erasures.of_profile(self.resources.asking, self.profile):
            self._known.add(self.profile, conversation, at)
        self._asked_at = self.resources.monotonic()

    async def before(self, records: Sequence[Any], end: int) -> None:
        """Call it with each fetch, before its records are told; `end` is that of the log. Raises as
        `ask` does."""
        self._known.note(records)
        is_behind = bool(records) and records[-1].offset + 1 < end
        if is_behind and self.resources.monotonic() - self._asked_at > ASK_AGAIN_SECONDS:
            await self.ask()

    def told(self, value: bytes) -> bytes:
        """The event as it may be told."""
        if not self._known:
            return value
        try:
            event = parse_event(value)
        except ValidationError:
            return b"{}"  # whose it is can't be said
        return without_content(value) if self._known.covers(event) else value
