"""A conversations worker whose normaliser hangs at a body that says so: alive, and no progress."""

import asyncio
import sys
from typing import Any

from streams.agents.outbox import Outbox
from streams.cli import app

HANGS = b"hang here"


class HangingOutbox(Outbox):
    """Its event loop turns, its heartbeats go on: only commits stop."""

    async def flush(self) -> None:
        values = [value or b"" for found in self._pending.values() for _, value, _ in found]
        if any(HANGS in value for value in values):
            await asyncio.Event().wait()
        await super().flush()


def main() -> Any:
    from streams.workers import conversations  # noqa: PLC0415 - patched before it is used

    conversations.Outbox = HangingOutbox  # type: ignore[misc]
    sys.argv = ["dmstream", "worker", "conversations"]
    return app()


if __name__ == "__main__":
    main()
