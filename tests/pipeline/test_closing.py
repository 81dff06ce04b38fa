"""What the end of `up` says is lost, with a real broker."""

import asyncio
from io import StringIO

import pytest
from rich.console import Console

from schemas.topics import COMMANDS, EVENTS, OUTBOUND_X, WEBHOOKS
from streams import kafka
from streams.local import closing
from streams.local.pipeline import Pipeline
from streams.local.screen import Screen
from streams.settings import Settings

pytestmark = pytest.mark.pipeline


@pytest.mark.parametrize(
    ("topics", "told"),
    [
        ((), ""),
        ((OUTBOUND_X, OUTBOUND_X), ""),  # `data/run/sends.json` has them, or they become unknown
        ((OUTBOUND_X, WEBHOOKS, COMMANDS), "2 records had not reached"),
        ((EVENTS,), "1 records had not reached"),
    ],
)
def test_only_what_nobody_keeps_is_told_as_lost(
    settings: Settings, topics: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reader has committed anything: each record is still before somebody."""
    monkeypatch.setattr(closing, "_LOOK_SECONDS", 30.0)  # of a machine that is busy with tests
    screen = StringIO()
    settings = settings.model_copy(update={"embedded": True})
    pipeline = Pipeline(settings, Screen(Console(file=screen, width=200)))

    async def scenario() -> None:
        await kafka.ensure_topics(settings)
        producer = kafka.producer(settings)
        await producer.start()
        try:
            for topic in topics:
                await producer.send_and_wait(settings.topic(topic), b"{}", key=b"k")
        finally:
            await producer.stop()
        await closing.tell_what_is_lost(pipeline)

    asyncio.run(scenario())
    assert told in screen.getvalue()
    assert bool(told) == bool(screen.getvalue())
