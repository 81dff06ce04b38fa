"""A process whose clock is wrong. `python -m tests.faults.skewed SECONDS COMMAND...`.

Ahead by so many seconds, or behind where there is a minus: what it decides by, and what its records
are stamped with.
"""

import sys
import time
from datetime import UTC, datetime

from streams.gateway.app import create_app
from streams.workers import conversations, delivery


def skew(seconds: float) -> None:
    right = time.time

    def wrong() -> float:
        return right() + seconds

    def now() -> datetime:
        return datetime.fromtimestamp(wrong(), UTC)

    time.time = wrong  # of records, by Kafka's clients
    conversations._now = delivery._now = now
    create_app.__kwdefaults__["now"] = now


if __name__ == "__main__":
    skew(float(sys.argv[1]))
    sys.argv = ["dmstream", *sys.argv[2:]]
    from streams.cli import main

    main()
