"""Traffic, commands, faults drawn at random; then quiet, drained, and held against its promises.

`make soak`, or `python -m tests.faults.soak --minutes 15 --kafka embedded`. Three quarters of the
time something is being hurt; in the last quarter nothing is, so that what stands still then stands
still by itself. The seed that is printed gives the same faults in the same order.
"""

import argparse
import logging
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas import commands, data
from schemas.base import to_milliseconds
from streams.checker.findings import Finding
from streams.local import processes
from streams.local.apache_kafka import Node, start_cluster
from streams.local.broker import start_broker
from streams.settings import Settings
from tests.faults.clickhouse_engine import DATABASE, Engine, engine
from tests.faults.clickhouse_proxy import Door, door_to
from tests.faults.field import ALL, Field
from tests.faults.hurting import Say, Soak
from tests.faults.starting import under_fire


def soak(
    field: Field,
    door: Door,
    engine: Engine,
    nodes: Sequence[Node],
    *,
    seconds: float,
    rate: float,
    say: Say,
) -> tuple[list[Finding], Soak]:
    """Returns what the checker says, and what was done."""
    session = 6.0 if not field.running.settings.embedded else 4.0
    one = Soak(field, door, engine, nodes, say, session)
    field.running.revives = True
    field.running.patience = 8.0  # a burst of kills on a busy machine is minutes of starting
    began, ended = time.monotonic(), threading.Event()
    feeding = threading.Thread(target=_feed, args=(field, rate, ended), daemon=True)
    feeding.start()
    field.wait_for_people()
    _configure(field)
    clock = _Clock(began, field, one, say)
    one.hurt_until(began + 0.75 * seconds, clock.tick)
    say("quiet: no more faults")
    field.box.clear_faults()
    while time.monotonic() < began + seconds:
        clock.tick()
        time.sleep(0.2)
    say("drain")
    ended.set()
    while feeding.is_alive():
        field.running.look_after()
        feeding.join(0.2)
    field.drain(120.0)
    say("check")
    return field.findings(), one


@dataclass
class _Clock:
    """What goes on all the time: commands, and a line now and then."""

    began: float
    field: Field
    soak: Soak
    say: Say
    _said: float = 0.0
    _answered: float = 0.0

    def tick(self) -> None:
        now = time.monotonic()
        self.field.running.look_after()
        if now - self._answered > 1.0:
            self._answered = now
            self.field.answer(3)
        if now - self._said > 15.0:
            self._said = now
            self.say(
                f"{now - self.began:4.0f} s: {len(self.field.requests)} webhooks answered, "
                f"{len(self.field.log.seen)} events, {len(self.field.sends)} sends, "
                f"{sum(self.soak.hurt.values())} faults"
            )


def _feed(field: Field, rate: float, ended: threading.Event) -> None:
    while not ended.is_set():
        field.feed(field.deliveries(round(rate * 10), duplicates=0.1, late=0.05), rate)


def _configure(field: Field) -> None:
    """Two profiles answer by themselves; one may answer in more conversations than others."""
    profiles = sorted({event.profileid for event in list(field.log.seen)})[:3]
    issued_at = to_milliseconds(datetime.now(UTC))
    for profile in profiles[:2]:
        field.write(
            commands.ConfigureAutoResponse(
                command_id=uuid.uuid4().hex,
                profileid=profile,
                issued_at=issued_at,
                change=data.AutoResponseConfigured(active=True),
            )
        )
    for profile in profiles[2:]:
        field.write(
            commands.ChangeLimit(
                command_id=uuid.uuid4().hex,
                profileid=profile,
                issued_at=issued_at,
                change=data.LimitChanged(monthly_limit=3),
            )
        )


@contextmanager
def soaking(
    settings: Settings, folder: Path, seed: int | None
) -> Iterator[tuple[Field, Door, Engine]]:
    with (
        engine(folder / "clickhouse") as clickhouse,
        door_to(clickhouse.url) as door,
        under_fire(settings, folder, *ALL, clickhouse=(door.url, DATABASE), seed=seed) as field,
    ):
        field.recorder.settings = field.recorder.settings.model_copy(
            update={"clickhouse_url": clickhouse.url}
        )
        yield field, door, clickhouse


@contextmanager
def _brokers(kind: str, folder: Path, say: Say) -> Iterator[tuple[Settings, Sequence[Node]]]:
    common = {"partitions": 4, "data_dir": folder, "topic_prefix": "soak."}
    if kind == "embedded":
        port = processes.free_port()
        child = start_broker(port, log_file=folder / "broker.log")
        try:
            yield (
                Settings(_env_file=None, kafka=f"127.0.0.1:{port}", embedded=True, **common),
                (),
            )
        finally:
            processes.stop(child)
        return
    say("three brokers start")
    cluster = start_cluster(3, folder / "kafka")
    try:
        yield (
            Settings(
                _env_file=None,
                kafka=cluster.bootstrap,
                replication=3,
                kafka_session_seconds=6,
                **common,
            ),
            cluster.nodes,
        )
    finally:
        cluster.stop()


@contextmanager
def _keeping_logs(folder: Path, say: Say) -> Iterator[None]:
    """The folder goes at the end; what the workers said stays where something went wrong."""
    right = False
    try:
        yield
        right = True
    finally:
        kept = Path(tempfile.gettempdir()) / f"{folder.name}-logs"
        for log in folder.rglob("*.log"):
            if log.stat().st_size and log.parent in {folder, folder / "clickhouse"}:
                kept.mkdir(exist_ok=True)
                (kept / log.name).write_bytes(log.read_bytes())
        say(f"the workers' logs are in {kept}" + ("" if right else ": something went wrong"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--kafka", choices=("embedded", "apache"), default="embedded")
    parser.add_argument("--rate", type=float, default=25.0, help="webhooks a second")
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    began = time.monotonic()
    # This process's own clients meet every fault, too; what they say of it is nobody's news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    def say(what: str) -> None:
        print(f"[{time.monotonic() - began:6.1f}] {what}", flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory(prefix="dmstream-soak-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        with (
            _keeping_logs(folder, say),
            _brokers(given.kafka, folder, say) as (settings, nodes),
            soaking(settings, folder, given.seed) as (field, door, clickhouse),
        ):
            findings, done = soak(
                field,
                door,
                clickhouse,
                nodes,
                seconds=given.minutes * 60,
                rate=given.rate,
                say=say,
            )
            for name, times in sorted(done.hurt.items()):
                say(f"{times:3} x {name}")
            if field.running.revived:
                say(f"ended by themselves and were started again: {field.running.revived}")
            say(
                f"{len(field.requests)} webhooks, {len(field.log.seen)} events, "
                f"{len(field.sends)} sends; seed {field.seed}"
            )
            for finding in findings[:40]:
                say(str(finding))
            if findings:
                say(f"{len(findings)} findings")
                return 1
            say("the checker is clean")
            return 0


if __name__ == "__main__":
    sys.exit(main())
