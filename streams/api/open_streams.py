"""How many live streams a gateway holds open."""

from dataclasses import dataclass, field

from streams.api.errors import Problem

MOST_OF_A_KEY = 20


@dataclass(slots=True)
class OpenStreams:
    """How many are open at this gateway, by key."""

    most: int
    _open: dict[str, int] = field(default_factory=dict)

    def take(self, key_id: str) -> None:
        """Raises Problem."""
        own = self._open.get(key_id, 0)
        if own >= MOST_OF_A_KEY or sum(self._open.values()) >= self.most:
            raise Problem("too_many_streams", retry_after=30)
        self._open[key_id] = own + 1

    def free(self, key_id: str) -> None:
        self._open[key_id] -= 1
        if not self._open[key_id]:
            del self._open[key_id]
