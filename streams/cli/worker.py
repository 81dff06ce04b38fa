"""`dmstream worker NAME`."""

from enum import StrEnum
from typing import Annotated

import typer

from streams.settings import Settings


class WorkerName(StrEnum):
    CONVERSATIONS = "conversations"
    HISTORY = "history"
    DELIVERY = "delivery"
    WEBHOOKS = "webhooks"


def worker_command(
    name: Annotated[WorkerName, typer.Argument(help="Which worker.")],
) -> None:
    """Run one worker until it is stopped; start as many of each as there are partitions.

    conversations: webhooks to events, events and commands to conversation state.
    history: events and failures into ClickHouse.
    delivery: accepted sends to the platforms.
    webhooks: events to those who subscribed to them.

    Example: dmstream worker conversations
    """
    from streams.monitoring import logs, traces
    from streams.workers.run import run

    settings = Settings()
    logs.configure(name.value, form=settings.log_format, level=settings.log_level)
    if settings.traces:
        traces.configure(name.value)
    if name is WorkerName.CONVERSATIONS:
        from streams.workers.conversations import conversations_app

        run(lambda stack: conversations_app(settings, stack))
    elif name is WorkerName.DELIVERY:
        from streams.workers.delivery import delivery_app

        run(lambda stack: delivery_app(settings, stack))
    elif name is WorkerName.WEBHOOKS:
        from streams.workers.webhooks import webhooks_app

        run(lambda stack: webhooks_app(settings, stack))
    else:
        from streams.workers.history import history_app

        run(lambda stack: history_app(settings, stack))
