"""`dmstream up --kafka apache`: its log is there at the next start, whatever ended the last one."""

import signal
import subprocess
import time

import httpx
import pytest

from streams.local.apache_kafka import why_not_here
from tests.pipeline.test_up import (
    SERVING,
    Place,
    nobody_is_left,
    running,
    secrets_of,
    wait_until,
)

pytestmark = [pytest.mark.pipeline, pytest.mark.faults]

APACHE = ("--kafka", "apache")


@pytest.fixture(autouse=True)
def java() -> None:
    if missing := why_not_here():
        pytest.skip(missing)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("apache") / "data")


def logs_archived(place: Place) -> list[str]:
    return [str(log) for (log,) in place.ask("SELECT DISTINCT _log FROM dm.event_log ORDER BY 1")]


def test_after_kill_9_of_everything_nothing_is_lost_and_nothing_restored(place: Place) -> None:
    """Invariants 2, 4 and 10."""
    with running(place, *APACHE, "--demo") as up:
        up.wait_for(SERVING)
        counts, logs = place.counts(), logs_archived(place)
        assert counts["messages"] > 1_000
        assert len(logs) == 1
        for process in place.everyone():
            process.kill()
    nobody_is_left(place, 10)
    with running(place, *APACHE) as up:
        up.wait_for(SERVING)
        assert "restored" not in up.said
        wait_until(lambda: place.counts() == counts, 30, lambda: f"{counts}, now {place.counts()}")
        assert logs_archived(place) == logs
        profiles = httpx.get(
            f"http://127.0.0.1:{place.ports[3]}/profiles",
            headers={"authorization": f"Bearer {secrets_of(place)['API_KEY']}"},
        )
        assert profiles.status_code == 200, "the key of the first start holds"

        place.child("kafka.Kafka").kill()
        up.wait_for("broker ended (SIGKILL) and is started again")
        up.wait_for("broker is ready again")
        registered = place.dmstream("profile", "register", "after-the-fall", "--title", "Shop")
        assert registered.returncode == 0, registered.stderr
        doctor = place.dmstream("doctor")
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr

        began = time.monotonic()
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(15) == 0
        assert time.monotonic() - began < 10
        assert "was killed" not in up.said
    nobody_is_left(place, 1)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_a_folder_changes_its_broker_with_all_it_knows_or_not_at_all(place: Place) -> None:
    kafka, aside = place.folder / "kafka", place.folder.parent / "kafka-aside"
    with running(place) as up:
        up.wait_for(SERVING)
        assert place.dmstream("profile", "register", "first").returncode == 0
        stop(up.process)
    # A new log beside an archive that another one fed gets what that one held.
    with running(place, *APACHE) as up:
        up.wait_for(SERVING)
        assert "restored" in up.said
        assert place.dmstream("profile", "register", "second").returncode == 0
        stop(up.process)
    # What the embedded broker took now would be missing in the log that stays.
    with running(place) as up:
        assert up.process.wait(15) == 1
        assert "--kafka apache" in up.said.splitlines()[-1]
    kafka.rename(aside)
    with running(place) as up:
        up.wait_for(SERVING)
        assert "restored" in up.said
        stop(up.process)
    aside.rename(kafka)
    with running(place, *APACHE) as up:
        assert up.process.wait(60) == 1
        assert "lacks events: move that folder away" in up.said
