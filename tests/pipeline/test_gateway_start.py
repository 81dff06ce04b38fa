"""A gateway that can't start says why in one sentence."""

import os
import socket
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka]

RUN_COMMAND = (
    "import typer; from streams.cli.gateway import gateway_command; typer.run(gateway_command)"
)


def test_a_taken_port_gives_one_sentence_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = failed_start("--port", port)
    assert f"127.0.0.1:{port}" in sentence
    assert "DM_PORT" in sentence


def test_a_missing_ca_file_gives_one_sentence_and_exit_code_1() -> None:
    sentence = failed_start(DM_KAFKA_SECURITY="SSL", DM_KAFKA_CA_FILE="/nowhere/ca.pem")
    assert "DM_KAFKA_CA_FILE" in sentence


def failed_start(*arguments: str, **environment: str) -> str:
    """What `dmstream gateway` prints when it can't start."""
    ended = subprocess.run(
        [sys.executable, "-c", RUN_COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    return ended.stderr
