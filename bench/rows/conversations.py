"""Rows 1 to 3: the conversations worker against the same core in Faust, Quix Streams and a loop.

Each side gets the same webhooks on a topic of its own, and a broker with empty topics, so it starts
with no state. What counts is webhooks per core-second of the measured process: broker and sender
share the two cores with it. Everyone writes the events to the log and folds them from there, since
a webhook is keyed by account and state by profile.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from subprocess import Popen

from rich.progress import Progress

from bench import expected, lots
from bench.harness import Group, Outcome, Sample, Scale, Side, alternate, compared
from bench.lots import Record
from bench.processes import broker, peer, wait_until_ready, worker
from bench.state import accounts_of
from bench.webhooks import page, recent_start, webhooks
from schemas.topics import EVENTS, WEBHOOKS
from streams import kafka
from streams.log_positions import STATE_CHANGELOG
from streams.settings import Settings

PARTITIONS = 8
OURS, FAUST, QUIX, LOOP = "dmstream", "Faust, per event", "Quix Streams", "aiokafka loop"
PEERS = {FAUST: "faust_agents", QUIX: "quix_state", LOOP: "plain_loop"}
IDLE = {QUIX: 6.0}
"""It writes its state at its commits, every five seconds."""
SHARES = {FAUST: 0.25}
"""Of the lot: at its pace the whole would take minutes, and its rate does not grow with it."""
_MEASURED = "webhooks per core-second of the process"
_numbers = count()


@contextmanager
def running(settings: Settings, side: str, peers: str) -> Iterator["Popen[bytes]"]:
    if side == OURS:
        with worker(settings, "conversations") as child:
            wait_until_ready(settings, "conversations", child, 60)
            yield child
    else:
        with peer(peers, settings, PEERS[side]) as child:
            yield child


def worked_off(
    settings: Settings, children: "list[Popen[bytes]]", first: int, count: int, idle: float
) -> Sample:
    """Webhooks number `first` to `first + count` go onto the topic, and until all is done."""
    wanted = expected.expected(first + count, settings.partitions).events.total()
    made = webhooks(first, count, recent_start())
    lot = lots.Lot(
        settings, WEBHOOKS, (Record(one.page.encode(), one.body, one.headers) for one in made)
    )
    watch = lots.Watch(children)
    lot.send()
    return watch.until_idle(
        count, lambda: lots.records_on(settings, EVENTS) == wanted, idle_seconds=idle
    )


def round_of(side: str, settings: Settings, peers: str, scale: Scale, number: int) -> Sample:
    """Topics of its own, a warm-up that connects and imports everything, then the lot. After the
    first round what the side wrote is held against the core: each event, and each state."""
    own, idle = prepared(settings), IDLE.get(side, lots.IDLE_SECONDS)
    count = int(scale.webhooks * SHARES.get(side, 1.0))
    with running(own, side, peers) as child:
        worked_off(own, [child], 0, scale.warm_up, idle)
        sample = worked_off(own, [child], scale.warm_up, count, idle)
    if number == 0:
        expected.check(own, side, scale.warm_up + count, _state_topic(side, own))
    return sample


def _state_topic(side: str, settings: Settings) -> str | None:
    if side == QUIX:
        return expected.quix_changelog(settings)
    name = {OURS: STATE_CHANGELOG, FAUST: "faust-state-changelog"}.get(side)
    return settings.topic(name) if name else None


def prepared(settings: Settings) -> Settings:
    """The same broker under a prefix that is new. The directory knows every page."""
    own = settings.model_copy(update={"topic_prefix": f"r{next(_numbers)}."})
    asyncio.run(kafka.ensure_topics(own))
    asyncio.run(accounts_of(own, {page(number): page(number) for number in range(200)}))
    return own


def measure(scale: Scale, peers: str, progress: Progress) -> list[Outcome]:
    with broker(PARTITIONS) as settings:
        sides = [
            Side(name, partial(round_of, name, settings, peers, scale))
            for name in (OURS, FAUST, QUIX, LOOP)
        ]
        samples = alternate(sides, scale.rounds, progress, "conversations")
    what = "conversations worker: webhooks to events and state, one process"
    goals = {1: (FAUST, 8.0), 2: (QUIX, 1.5), 3: (LOOP, 0.5)}
    return [
        compared(row, what, (OURS, name), samples, lambda one: one.per_core_second, _MEASURED, goal)
        for row, (name, goal) in goals.items()
    ]


GROUP = Group("conversations", (1, 2, 3), measure, quick=True)
