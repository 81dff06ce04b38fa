"""Servers that are away and tried again: counted, and told to whoever judges the progress."""

from collections.abc import Callable

from streams.monitoring import metrics

_listeners: list[Callable[[], None]] = []


def on_trouble(listener: Callable[[], None]) -> None:
    """`listener` hears of each failed try of this process."""
    _listeners.append(listener)


def trouble(server: str) -> None:
    """A try at `server` (Kafka, ClickHouse) failed and is made again."""
    metrics.TROUBLES.labels(server).inc()
    for listener in _listeners:
        listener()
