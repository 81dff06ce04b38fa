"""Tasks in lines: each begins with the one before it, and a line that is empty is forgotten."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Begin = Callable[["asyncio.Task[None] | None"], Coroutine[Any, Any, None]]
"""Given the task before it in line, if there is one."""


def line_up(
    tails: dict[str, "asyncio.Task[None]"], name: str, begin: Begin
) -> "asyncio.Task[None]":
    """Puts a task behind the last one of the line of that name. `tails` has each line's last."""
    task = asyncio.create_task(begin(tails.get(name)))
    tails[name] = task

    def forget(done: "asyncio.Task[None]") -> None:
        if tails.get(name) is done:
            del tails[name]

    task.add_done_callback(forget)
    return task
