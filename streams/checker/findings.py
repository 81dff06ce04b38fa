"""What the checker tells: which promise is broken, by what, where. Never a text."""

from dataclasses import dataclass
from typing import Literal

from streams.checker.history import Place

Invariant = Literal[
    "lost", "duplicate", "order", "counts", "limit", "window", "outcome", "offset"
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    invariant: Invariant
    what: str
    """A sentence. Ids and numbers only: no text of a message, no name."""
    profile: str = ""
    place: Place | None = None

    def __str__(self) -> str:
        told = f"{self.invariant}: {self.what}"
        if self.profile:
            told += f" (profile {self.profile})"
        if self.place is not None:
            told += f" at {self.place.topic}/{self.place.partition}/{self.place.offset}"
        return told
