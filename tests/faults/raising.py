"""Workers whose agent raises once, at its work. `python -m tests.faults.raising NAME`."""

import sys
from typing import Any

from streams.agents.delivery import Delivery
from streams.agents.normaliser import Normaliser
from streams.agents.sink import Sink
from streams.cli.worker import WorkerName, worker_command

WHERE: dict[str, tuple[type[Any], str]] = {
    "conversations": (Normaliser, "handle"),
    "history": (Sink, "put"),
    "delivery": (Delivery, "take_outbound"),
}


class BugError(Exception):
    """As any bug would."""


def raises(*_: Any, **__: Any) -> Any:
    raise BugError


if __name__ == "__main__":
    owner, name = WHERE[sys.argv[1]]
    setattr(owner, name, raises)
    worker_command(WorkerName(sys.argv[1]))
