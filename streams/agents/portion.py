"""How much a worker takes on at once, where all of it must be done within its session.

Another worker may own the partitions after that, so one that took longer ends itself and begins
anew (conversations.LeaseOverError). With a fixed amount it then takes on the same backlog, for ever
where the machine is slow enough: 4,000 records are a third of a second on two cores, and took more
than the embedded broker's 4 s on two cores that thirty processes wanted (measured: a worker that
began anew three times in three minutes, and read nothing).
"""

from dataclasses import dataclass

SMALLEST, LARGEST = 250, 4_000
"""Records. Below the one a request to the broker costs more than they do; the other is enough to
make it cost nothing."""

_TOO_LONG, _SHORT = 1 / 4, 1 / 16
"""Of the session. A machine may become four times as busy from one batch to the next."""


@dataclass(slots=True)
class Portion:
    """Begins small, doubles while there is time, halves where there is not."""

    session_seconds: float
    records: int = SMALLEST

    def took(self, records: int, seconds: float) -> None:
        if seconds > self.session_seconds * _TOO_LONG:
            self.records = max(SMALLEST, self.records // 2)
        elif records >= self.records and seconds < self.session_seconds * _SHORT:
            self.records = min(LARGEST, self.records * 2)
