"""Row 12: two conversations workers on two cores against one.

By the clock, with the broker on the same two cores: what it takes of them, two workers lack.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from subprocess import Popen

from rich.progress import Progress

from bench import lots
from bench.harness import Group, Outcome, Sample, Scale, Side, alternate, compared
from bench.processes import broker, processor_seconds, wait_until_ready, worker
from bench.rows.conversations import PARTITIONS, prepared, worked_off
from streams.settings import Settings

TWO, ONE = "two workers", "one worker"
_WORKERS = {TWO: 2, ONE: 1}
_LEAST_SHARE = 0.3
"""Of the processor time: below it the partitions are not shared out evenly."""


@contextmanager
def running(settings: Settings, workers: int) -> Iterator["list[Popen[bytes]]"]:
    with ExitStack() as stack:
        children = []
        for number in range(workers):
            folder = settings.data_dir / f"{settings.topic_prefix}{number}"
            folder.mkdir()
            own = settings.model_copy(update={"data_dir": folder})
            children.append(stack.enter_context(worker(own, "conversations")))
            wait_until_ready(own, "conversations", children[-1], 60)
        yield children


def round_of(side: str, settings: Settings, scale: Scale, _number: int) -> Sample:
    own = prepared(settings)
    with running(own, _WORKERS[side]) as children:
        worked_off(own, children, 0, scale.warm_up, lots.IDLE_SECONDS)
        before = [processor_seconds(child) for child in children]
        sample = worked_off(own, children, scale.warm_up, 2 * scale.webhooks, lots.IDLE_SECONDS)
        used = [processor_seconds(child) - b for child, b in zip(children, before, strict=True)]
    if min(used) / sum(used) < _LEAST_SHARE and len(used) > 1:
        raise SystemExit(f"one of the workers had hardly anything to do: {used} s")
    return sample


def measure(scale: Scale, _peers: str, progress: Progress) -> list[Outcome]:
    with broker(PARTITIONS) as settings:
        sides = [Side(name, partial(round_of, name, settings, scale)) for name in (TWO, ONE)]
        samples = alternate(sides, scale.rounds, progress, "two workers")
    what = "conversations workers on two cores"
    measured = "webhooks a second, by the clock"
    return [compared(12, what, (TWO, ONE), samples, lambda one: one.per_second, measured, goal=1.7)]


GROUP = Group("cores", (12,), measure, quick=False)
