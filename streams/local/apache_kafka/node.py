"""One node of Apache Kafka: its settings, its formatted storage, its process."""

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.local import processes
from streams.local.apache_kafka import jars
from streams.local.broker import BrokerStartError

_READY_SECONDS = 90.0
_PORTS = range(20_000, 30_000)
"""Below those that the kernel gives to clients: else a client that tries to reach a node that is
down can get the node's own port, connect to itself, and keep the node from coming back."""


def free_port() -> int:
    """A loopback port that stays ours while nobody listens there."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        if processes.why_not_listen(port) is None:
            return port


@dataclass(slots=True)
class Node:
    """A broker and controller in one process. Its folder outlives it."""

    number: int
    folder: Path
    version: str
    heap_mb: int
    port: int = field(default_factory=free_port)
    controller_port: int = field(default_factory=free_port)
    properties: dict[str, str] = field(default_factory=dict)
    """All of `server.properties`; filled in once every node's ports are known."""
    _child: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.folder / "kafka.log"

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def is_formatted(self) -> bool:
        return (self.folder / "data" / "meta.properties").exists()

    def format(self, cluster_id: str, *more: str) -> None:
        """Makes its storage, once in its life. `more`: arguments of Kafka's own storage tool.
        Raises BrokerStartError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_properties()
        done = subprocess.run(  # noqa: S603 - arguments are ours
            self._java("kafka.tools.StorageTool", "format", "--cluster-id", cluster_id,
                       "--config", str(self._settings_file), *more),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip().rpartition("\n")[2][:300]
            # It repeats the arguments that it does not like, and these may hold a password.
            why = f"one of {len(more)} arguments of the caller may be wrong" if more else said
            raise BrokerStartError(
                f"the storage of Apache Kafka in {self.folder} could not be made: {why}"
            )

    def arguments(self) -> tuple[str, ...]:
        """The command line of its process; writes the settings that it names."""
        self._write_properties()
        return self._java("kafka.Kafka", str(self._settings_file))

    def launch(self) -> None:
        """Starts the process and does not wait. Call it from a thread that lives as long as the
        node shall (processes.start)."""
        if self.is_running:
            raise BrokerStartError(f"node {self.number} in {self.folder} runs already")
        self._child = processes.start(self.arguments(), log_file=self.log_file)

    def start(self) -> None:
        """Returns once the cluster counts on it. Raises BrokerStartError."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not (processes.is_listening(self.port) and self.number in self._brokers()):
            if not self.is_running or time.monotonic() > deadline:
                how = "ended" if not self.is_running else f"did not answer in {_READY_SECONDS} s"
                self.kill()
                raise BrokerStartError(
                    f"node {self.number} of Apache Kafka {self.version} {how}; "
                    f"its log is {self.log_file}"
                )
            time.sleep(0.05)

    def stop(self, *, grace_seconds: float = 30.0) -> int:
        """In order: its partitions' leaders move first. Returns the exit status."""
        if self._child is None:
            return 0
        self.resume()
        child, self._child = self._child, None
        return processes.stop(child, grace_seconds=grace_seconds)

    def kill(self) -> None:
        """SIGKILL."""
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            child.wait()

    def pause(self) -> None:
        """SIGSTOP: it neither answers nor lets go of its connections."""
        if self._child is not None:
            processes.pause(self._child)

    def resume(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGCONT)

    @property
    def _settings_file(self) -> Path:
        return self.folder / "server.properties"

    def _write_properties(self) -> None:
        text = "".join(f"{name}={value}\n" for name, value in self.properties.items())
        self._settings_file.touch(mode=0o600)  # it may hold passwords
        self._settings_file.write_text(text)

    def _java(self, *main: str) -> tuple[str, ...]:
        return (
            jars.java(),
            "-Xms64m", f"-Xmx{self.heap_mb}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
            # The quick compiler alone: 2.3 s of a core until it is ready, else 3.5 (measured).
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.logFile=System.out",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-cp", f"{jars.resolve(self.version)}/*",
            *main,
        )  # fmt: skip

    def _brokers(self) -> set[int]:
        """The nodes that this one knows to be there. In a thread, since the caller may have a
        loop that runs."""
        with ThreadPoolExecutor(1) as apart:
            return apart.submit(asyncio.run, brokers(self.address)).result()


async def brokers(address: str, *, seconds: float = 5.0) -> set[int]:
    """The numbers of the nodes that the one at `address` knows; none where it does not answer."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        async with asyncio.timeout(seconds):
            await admin.start()
            cluster: Mapping[str, list[Mapping[str, int]]] = await admin.describe_cluster()
    except (TimeoutError, KafkaError, OSError):
        return set()
    finally:
        await admin.close()
    return {broker["node_id"] for broker in cluster["brokers"]}
