"""A disk is full, the archive's or the broker's, and then somebody makes room."""

import time
from pathlib import Path

import httpx
import pytest

from streams.local.apache_kafka import start_cluster, why_not_here
from tests.conftest import ClickHouse
from tests.engines import APACHE, Broker
from tests.faults.clickhouse_engine import DATABASE, engine, small_disk
from tests.faults.clickhouse_proxy import door_to
from tests.faults.field import ALL
from tests.faults.starting import under_fire

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

OK = 200


def fill(ballast: Path) -> None:
    """Down to the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            chunk = bytes(size)
            try:
                while True:
                    if not file.write(chunk):
                        break
            except OSError:
                continue


def test_a_full_disk_under_the_archive_costs_time_and_nothing_else(
    broker: Broker, tmp_path: Path
) -> None:
    """While it is full no insert is acknowledged, webhooks are taken and sends leave; when there is
    room again the archive gets all of it, once. No worker ends."""
    with (
        small_disk(tmp_path / "disk", megabytes=256) as disk,
        engine(disk) as clickhouse,
        door_to(clickhouse.url) as door,
        under_fire(
            broker.settings(tmp_path), tmp_path, *ALL, clickhouse=(door.url, DATABASE)
        ) as field,
    ):
        field.look_past_the_door(clickhouse, door)
        field.feed(field.deliveries(60))
        field.wait_for_people()
        feeding = field.feeding(150, 15)
        fill(disk / "ballast")
        for _ in range(4):
            field.answer(3)
            time.sleep(2.0)
        field.running.wait(field.all_ended, 40, "an end of every send while the disk is full")
        (disk / "ballast").unlink()
        feeding.result()
        field.drain()
        assert "archive_unavailable" in field.running.log_of("history"), "it was never full"
        field.assert_clean()


def test_a_full_disk_under_the_broker_ends_it_and_nothing_that_it_acknowledged_is_lost(
    embedded_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    """Kafka ends when it can't write. Webhooks are answered 503 until somebody has made room and
    started it again; workers wait for it, and then go on."""
    if missing := why_not_here():
        pytest.skip(missing)
    archive = (embedded_clickhouse.url, embedded_clickhouse.migrated())
    with small_disk(tmp_path / "disk", megabytes=400) as disk:
        cluster = start_cluster(1, disk / "kafka")
        (node,) = cluster.nodes
        try:
            settings = Broker(APACHE, cluster.bootstrap).settings(tmp_path)
            with under_fire(settings, tmp_path, *ALL, clickhouse=archive) as field:
                ready = f"http://127.0.0.1:{field.running.settings.port}/readyz"
                field.feed(field.deliveries(60))
                field.wait_for_people()
                feeding = field.feeding(200, 10)
                field.answer(5)
                fill(disk / "ballast")
                field.running.revives = True
                field.running.wait(
                    lambda: httpx.get(ready, timeout=10).status_code != OK, 60, "503 of the gateway"
                )
                (disk / "ballast").unlink()
                node.kill()
                node.start()
                feeding.result()
                field.answer(5)
                field.drain()
                field.assert_clean()
        finally:
            cluster.stop()
