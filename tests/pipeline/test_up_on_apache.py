"""`dmstream up --kafka apache`: its log is there at the next start, whatever ended the last one."""

import asyncio
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import clickhouse_connect
import httpx
import pytest
from pydantic import SecretStr

from streams.local.apache_kafka import why_not_here
from streams.local.apache_kafka.node import free_port
from streams.simulator.client import Sending, send
from streams.simulator.sign import Secrets
from streams.simulator.simulation import Simulation
from tests.pipeline.test_simulated_day import day, differences
from tests.pipeline.upping import (
    SERVING,
    Place,
    nobody_is_left,
    running,
    secrets_of,
    wait_until,
)

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

APACHE = ("--kafka", "apache")
PATIENCE = 400.0
"""Seconds, for machines that do other work as well: three servers and five processes start."""


@pytest.fixture(autouse=True)
def java() -> None:
    if missing := why_not_here():
        pytest.skip(missing)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("apache") / "data")
    # Its broker goes away and comes back: no client may get its port meanwhile.
    made.environment["DM_KAFKA"] = f"127.0.0.1:{free_port()}"
    return made


def logs_archived(place: Place) -> list[str]:
    """Over the full port: the read-only one shows views alone."""
    client = clickhouse_connect.get_client(port=place.ports[1])
    try:
        found = client.query("SELECT DISTINCT _log FROM dm.event_log ORDER BY 1").result_rows
    finally:
        client.close()
    return [str(log) for (log,) in found]


def sending(place: Place) -> Sending:
    """As providers do, who try again for longer than a start takes."""
    known = secrets_of(place)
    names = {
        "ayrshare": "AYRSHARE_SECRETS",
        "meta": "META_APP_SECRETS",
        "x": "X_CONSUMER_SECRETS",
    }
    secrets = Secrets({provider: SecretStr(known[name]) for provider, name in names.items()})
    url = f"http://127.0.0.1:{place.ports[3]}"
    return Sending(url=url, secrets=secrets, rate=50, patience_seconds=300)


def what_differs(place: Place, simulation: Simulation) -> list[str]:
    client = clickhouse_connect.get_client(port=place.ports[1])
    try:
        return differences(simulation.intention, client, "dm")
    finally:
        client.close()


def test_kill_9_of_everything_under_load_loses_nothing_and_nothing_is_restored(
    place: Place,
) -> None:
    """Invariants 1, 2, 4 and 10."""
    simulation = day(seed=23, webhooks=3000)  # at their rate, longer than a start takes
    with ThreadPoolExecutor(1) as feeder:
        with running(place, *APACHE) as up:
            up.wait_for(SERVING, PATIENCE)
            work = send(simulation.deliveries(), len(simulation), sending(place))
            feeding = feeder.submit(asyncio.run, work)
            wait_until(lambda: place.counts()["messages"] > 100, 60)
            for process in place.everyone():
                process.kill()
        nobody_is_left(place, 10)
        assert not feeding.done()
        with running(place, *APACHE) as up:
            up.wait_for(SERVING, PATIENCE)
            assert "restored" not in up.said
            assert not feeding.result().unexpected
            wait_until(lambda: not what_differs(place, simulation), 120)
            assert len(logs_archived(place)) == 1
            profiles = httpx.get(
                f"http://127.0.0.1:{place.ports[3]}/profiles",
                headers={"authorization": f"Bearer {secrets_of(place)['API_KEY']}"},
            )
            assert profiles.status_code == 200, "the key of the first start holds"

            place.child("kafka.Kafka").kill()
            up.wait_for("broker ended (SIGKILL) and is started again")
            up.wait_for("broker is ready again")
            registered = place.dmstream("profile", "register", "after-the-fall")
            assert registered.returncode == 0, registered.stderr
            doctor = place.dmstream("doctor")
            assert doctor.returncode == 0, doctor.stdout + doctor.stderr
            stop(up.process)
        nobody_is_left(place, 1)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_a_folder_changes_its_broker_with_all_it_knows_or_not_at_all(place: Place) -> None:
    kafka, aside = place.folder / "kafka", place.folder.parent / "kafka-aside"
    with running(place) as up:
        up.wait_for(SERVING, PATIENCE)
        assert place.dmstream("profile", "register", "first").returncode == 0
        stop(up.process)
    # A new log beside an archive that another one fed gets what that one held.
    with running(place, *APACHE) as up:
        up.wait_for(SERVING, PATIENCE)
        assert "restored" in up.said
        assert place.dmstream("profile", "register", "second").returncode == 0
        stop(up.process)
    # What the embedded broker took now would be missing in the log that stays.
    with running(place) as up:
        assert up.process.wait(PATIENCE) == 1
        assert "--kafka apache" in up.said.splitlines()[-1]
    kafka.rename(aside)
    with running(place) as up:
        up.wait_for(SERVING, PATIENCE)
        assert "restored" in up.said
        stop(up.process)
    aside.rename(kafka)
    with running(place, *APACHE) as up:
        assert up.process.wait(PATIENCE) == 1
        assert "lacks events: move that folder away" in up.said
