"""A conversations worker that is killed between writing `send.accepted` and handing the send on."""

import os
import signal

from streams.agents.partition import ConversationPartition
from streams.cli.worker import WorkerName, worker_command

_hand_on = ConversationPartition.hand_on


def die_before_handing_on(partition: ConversationPartition) -> None:
    if partition._to_hand_on:
        os.kill(os.getpid(), signal.SIGKILL)
    _hand_on(partition)


if __name__ == "__main__":
    ConversationPartition.hand_on = die_before_handing_on  # type: ignore[method-assign]
    worker_command(WorkerName.CONVERSATIONS)
