"""A conversations worker that is killed between writing `send.accepted` and handing the send on."""

import os
import signal

from streams.agents.deciding import Deciding
from streams.cli.worker import WorkerName, worker_command

_hand_on = Deciding.hand_on


def die_before_handing_on(deciding: Deciding) -> None:
    if deciding._accepted:
        os.kill(os.getpid(), signal.SIGKILL)
    _hand_on(deciding)


if __name__ == "__main__":
    Deciding.hand_on = die_before_handing_on  # type: ignore[method-assign]
    worker_command(WorkerName.CONVERSATIONS)
