"""However `dmstream up` ends or fails to start, nobody is left and one line says why."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.pipeline.upping import SERVING, START_SECONDS, Place, nobody_is_left, running, wait_until

pytestmark = pytest.mark.pipeline


def test_exit_ends_with_zero_after_the_table(place: Place) -> None:
    with running(place, "--demo", "--exit") as up:
        assert up.process.wait(START_SECONDS) == 0, up.said
        assert "Messages" in up.said
        assert SERVING not in up.said
    nobody_is_left(place, 1)


def test_the_demonstration_is_never_sent_for_real(place: Place) -> None:
    with running(place, "--demo", "--real-platforms") as up:
        assert up.process.wait(15) == 1
        (line,) = up.said.splitlines()
        assert "leave out --demo, or --real-platforms" in line


def test_a_killed_parent_leaves_nobody(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        assert len(place.everyone()) >= 8
        up.process.kill()
        up.process.wait()
        nobody_is_left(place, 5)


def test_a_fallen_worker_is_started_again_and_a_fallen_broker_ends_all(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        place.child("worker", "history").kill()
        up.wait_for("history worker ended (SIGKILL) and is started again")
        up.wait_for("history worker is ready again")
        place.child("broker").kill()
        assert up.process.wait(15) == 1
        assert "the broker ended (SIGKILL)" in up.said.splitlines()[-1]
    nobody_is_left(place, 1)


def test_a_second_interrupt_kills_at_once(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        up.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        began = time.monotonic()
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(5) == 130
        assert time.monotonic() - began < 2
    nobody_is_left(place, 2)


def test_an_interrupt_while_it_starts_is_heeded(place: Place) -> None:
    with running(place) as up:
        wait_until(lambda: len(place.everyone()) > 1, START_SECONDS)
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(10) == 130
    nobody_is_left(place, 1)


def test_a_folder_has_one_up(place: Place) -> None:
    with running(place) as first:
        wait_until(lambda: len(place.everyone()) > 1, START_SECONDS)
        with running(place) as second:
            assert second.process.wait(15) == 1
            (line,) = second.said.splitlines()
            assert f"in use by another `dmstream up` (process {first.process.pid})" in line


def test_a_taken_port_is_told_in_one_line(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", place.ports[3]))
        taken.listen()
        with running(place) as up:
            assert up.process.wait(15) == 1
            (line,) = up.said.splitlines()
            assert f"port {place.ports[3]}" in line
            assert "DM_PORT" in line
    nobody_is_left(place, 1)


def test_a_folder_that_can_not_be_written_is_told_in_one_line(place: Place) -> None:
    place.environment["DM_DATA_DIR"] = "/proc/data"
    with running(place) as up:
        assert up.process.wait(15) == 1
        (line,) = up.said.splitlines()
        assert "/proc/data can't be written" in line
        assert "DM_DATA_DIR" in line


def test_up_under_make_ends_with_make(place: Place) -> None:
    """`kill -9` of make alone: its signal reaches nobody else."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'streams.cli', 'up', "
    make = subprocess.Popen(
        [sys.executable, "-c", script + "'--end-with-parent'])"],
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        wait_until(lambda: len(place.everyone()) > 3, START_SECONDS)
    finally:
        make.kill()
        make.wait()
    nobody_is_left(place, 15)
