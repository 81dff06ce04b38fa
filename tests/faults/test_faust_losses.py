"""Faust's ways of losing messages, one by one, and that we are not in them.

Each was measured with plain Faust: twenty messages, a kill, a restart. Which tests elsewhere stand
for a row is said in its docstring; here is what they do not show.
"""

import ast
import asyncio
from pathlib import Path

import pytest

from schemas.topics import EVENTS, WEBHOOKS
from streams import kafka
from streams.checker.history import CONVERSATIONS, HISTORY
from streams.log_positions import committed
from tests.faults.field import Field

pytestmark = [pytest.mark.pipeline, pytest.mark.faults]

RAISING = "tests.faults.raising"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("worker", ["conversations", "history", "delivery"])
def test_an_agent_that_raises_once_loses_nothing_and_ends_its_process(
    field: Field, worker: str
) -> None:
    """Faust acknowledges a message whose agent raised, in a `finally`: that message is lost. And
    with the default supervisor an agent that reads with `noack` and raises stops without a word.
    Ours ends the process, non-zero and soon; the next one reads the message again."""
    running = field.running
    field.feed(field.deliveries(30))
    field.wait_for_people()
    running.kill(worker)
    running.launch(worker, RAISING, worker)
    raising = running.children.pop(worker)
    feeding = field.feeding(40, 40)
    field.answer(5)
    assert raising.wait(90) > 0, "it must end by itself, and say that it failed"
    running.start(worker)
    feeding.result()
    field.drain()
    field.assert_clean()


def test_a_batch_that_raises_in_its_middle_is_read_again_whole(field: Field) -> None:
    """`stream.take(5)` that raises once loses what it had taken: thirteen of twenty. Here the whole
    batch is unacknowledged until its work is durable, so the offset stays before its first record.
    `test_broken_builds.py` shows that the checker sees the difference."""
    running, settings = field.running, field.running.settings
    running.kill("history")
    before = asyncio.run(committed(settings, HISTORY, EVENTS))
    running.launch("history", RAISING, "history")
    raising = running.children.pop("history")
    field.feed(field.deliveries(60))
    assert raising.wait(90) > 0
    assert asyncio.run(committed(settings, HISTORY, EVENTS)) == before
    running.start("history")
    field.drain()
    field.assert_clean()


def test_bad_data_raises_out_of_no_agent(field: Field) -> None:
    """What raises is read again, for ever: so bad data must not raise. It is a failure, durable,
    and acknowledged (`test_poison.py` has every topic and place)."""
    asyncio.run(kafka.write(field.running.settings, WEBHOOKS, [("k", b"\xff")] * 20))
    field.drain()
    offsets = asyncio.run(committed(field.running.settings, CONVERSATIONS, WEBHOOKS))
    assert sum(offsets.values()) >= 20
    field.assert_clean()


def test_no_agent_asks_for_what_loses_messages() -> None:
    """`concurrency` above 1 loses the slow message in flight (an upstream off-by-one), `take` and
    acknowledgement by Faust lose what is under way. No agent of ours asks for any of them: each is
    declared with `concurrency=1` and reads with `noack`; the app crashes with its agents."""
    agents = 0
    for file in (ROOT / "streams").rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if not isinstance(node, ast.AsyncFunctionDef):
                continue
            for decorator in node.decorator_list:
                if _is_agent(decorator):
                    agents += 1
                    told = {word.arg: ast.unparse(word.value) for word in decorator.keywords}
                    assert told.get("concurrency") == "1", f"{file}: {node.name}"
                    body = ast.unparse(node)
                    assert ".noack()" in body, f"{file}: {node.name}"
                    assert "stream.take(" not in body, f"{file}: {node.name}"
    assert agents >= 6
    assert "CrashingSupervisor" in (ROOT / "streams/workers/app.py").read_text()


def _is_agent(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr == "agent"
    )
