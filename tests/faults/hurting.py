"""What may be done to a pipeline, each with its end: one fault at a time, drawn at random."""

import asyncio
import dataclasses
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.topics import COMMANDS, EVENTS, OUTBOUND_FACEBOOK, WEBHOOKS
from streams import kafka
from streams.local import processes
from streams.local.apache_kafka import Node
from tests.faults.clickhouse_engine import Engine
from tests.faults.clickhouse_proxy import Door
from tests.faults.field import ALL, Field

Say = Callable[[str], None]

_FAULTS_OF_SENDS = (
    "busy", "server_error_before", "server_error_after", "reset_before", "reset_after",
    "error_in_200", "not_json", "truncated", "error_yet_kept", "oversized", "redirect",
)  # fmt: skip
_POISON = (b"", b"\xff\xfe", b"{", b"[]", b'{"type":"dm.message.received.v1"}')


@dataclass
class Soak:
    field: Field
    door: Door
    engine: Engine
    nodes: Sequence[Node]
    """Brokers that may die: of three, one at a time."""
    say: Say
    session: float
    """Seconds of silence after which a worker's partitions go to another."""
    chance: random.Random = dataclasses.field(init=False)
    hurt: dict[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.field.seed)

    def faults(self) -> dict[str, Callable[[], None]]:
        return {
            "a worker is killed": self.kill,
            "workers are killed in a burst": self.burst,
            "the gateway is killed": lambda: self._kill("gateway"),
            "a worker is stopped past its session": self.freeze,
            "a worker is added and leaves": self.add_and_remove,
            "all workers are rolled": self.roll,
            "ClickHouse refuses": self.shut,
            "ClickHouse is slow": self.slow,
            "ClickHouse's answers are lost": self.lose_answers,
            "ClickHouse has too many parts": self.too_many_parts,
            "ClickHouse is killed": self.kill_clickhouse,
            "the platforms fail": self.fail_sends,
            "somebody writes nonsense": self.poison,
            **({"a broker is killed": self.kill_broker} if self.nodes else {}),
        }

    def hurt_until(self, deadline: float, between: Callable[[], None]) -> None:
        """Faults, each mended before the next; `between` is called all the time."""
        drawn: list[str] = []
        while time.monotonic() < deadline:
            # Each kind comes once before any comes twice: a short soak meets most of them.
            if not drawn:
                drawn = list(self.faults())
                self.chance.shuffle(drawn)
            name = drawn.pop()
            self.say(name)
            self.hurt[name] = self.hurt.get(name, 0) + 1
            self.faults()[name]()
            end = time.monotonic() + self.chance.uniform(1.0, 4.0)
            while time.monotonic() < end:
                between()
                time.sleep(0.2)

    def kill(self) -> None:
        self._kill(self.chance.choice(ALL))

    def burst(self) -> None:
        for _ in range(5):
            name = self.chance.choice(ALL)
            self.field.running.kill(name)
            self.field.running.launch(name)
            time.sleep(self.chance.uniform(0.1, 1.0))
        self._ready()

    def freeze(self) -> None:
        name = self.chance.choice(ALL)
        second = f"{name}.2"
        self.field.running.start(second)
        self.field.running.freeze(name)
        time.sleep(2 * self.session)
        self.field.running.thaw(name)
        time.sleep(1.0)
        self._stop(second)

    def add_and_remove(self) -> None:
        second = f"{self.chance.choice(ALL)}.2"
        self.field.running.start(second)
        time.sleep(self.chance.uniform(1.0, 5.0))
        self._stop(second)

    def roll(self) -> None:
        for name in ALL:
            self._stop(name)
            self.field.running.start(name)

    def shut(self) -> None:
        self.door.shut = True
        time.sleep(self.chance.uniform(2.0, 12.0))
        self.door.shut = False

    def slow(self) -> None:
        self.door.slow_seconds = self.chance.uniform(0.5, 3.0)
        time.sleep(self.chance.uniform(3.0, 8.0))
        self.door.slow_seconds = 0.0

    def lose_answers(self) -> None:
        self.door.answers_to_lose = self.chance.randint(1, 6)
        time.sleep(3.0)

    def too_many_parts(self) -> None:
        self.door.too_many_parts = self.chance.randint(1, 4)
        time.sleep(3.0)

    def kill_clickhouse(self) -> None:
        self.engine.kill()
        time.sleep(self.chance.uniform(0.2, 3.0))
        self.engine.start()

    def fail_sends(self) -> None:
        for kind in _FAULTS_OF_SENDS:
            self.field.box.post("faults", kind=kind, probability=0.3 / len(_FAULTS_OF_SENDS))
        time.sleep(self.chance.uniform(3.0, 8.0))
        self.field.box.clear_faults()

    def poison(self) -> None:
        topic = self.chance.choice((WEBHOOKS, EVENTS, COMMANDS, OUTBOUND_FACEBOOK))
        records = [(uuid.uuid4().hex, self.chance.choice(_POISON)) for _ in range(8)]
        asyncio.run(kafka.write(self.field.running.settings, topic, records))

    def kill_broker(self) -> None:
        node = self.chance.choice(self.nodes)
        node.kill()
        time.sleep(self.chance.uniform(1.0, 12.0))
        node.start()

    def _kill(self, name: str) -> None:
        self.field.running.kill(name)
        self.field.running.start(name)

    def _stop(self, name: str) -> None:
        processes.stop(self.field.running.children.pop(name), grace_seconds=15)

    def _ready(self) -> None:
        for name in ALL:
            self.field.running.wait_until_ready(name)
