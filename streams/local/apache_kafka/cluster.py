"""One or three nodes of Apache Kafka that know each other."""

import base64
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from streams.local.apache_kafka import jars
from streams.local.apache_kafka.node import Node

_OWN_TOPICS = 8
"""Partitions of Kafka's own topics, 50 by default: made at the first commit, on one machine."""


@dataclass(frozen=True, slots=True)
class Cluster:
    nodes: tuple[Node, ...]

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes, comma separated."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Returns once each node counts on all others. Raises BrokerStartError."""
        try:
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends all nodes; their folders stay. Together: the last of them alone would wait for the
        others, which are no majority any more."""
        with ThreadPoolExecutor(len(self.nodes)) as together:
            list(together.map(Node.stop, self.nodes))


def start_cluster(
    nodes: int,
    folder: Path,
    version: str = jars.NEWEST,
    *,
    heap_mb: int = 256,
    properties: Mapping[str, str] | None = None,
    format_with: Sequence[str] = (),
) -> Cluster:
    """Starts a cluster on loopback and returns once each node counts on all others.

    `folder` keeps its data: the same folder gives the same cluster again, on other ports.
    `properties` of Kafka's own win over ours. `format_with`: arguments of Kafka's storage tool,
    such as `--add-scram`. Call it from a thread that lives as long as the cluster shall.
    Raises BrokerStartError.
    """
    cluster = prepare_cluster(
        nodes, folder, version, heap_mb=heap_mb, properties=properties, format_with=format_with
    )
    cluster.start()
    return cluster


def prepare_cluster(
    nodes: int,
    folder: Path,
    version: str = jars.NEWEST,
    *,
    heap_mb: int = 256,
    properties: Mapping[str, str] | None = None,
    format_with: Sequence[str] = (),
    ports: Sequence[int] = (),
    tell: Callable[[str], None] | None = None,
) -> Cluster:
    """The same, formatted and not yet started. `ports`: of the nodes, in order; else free ones.
    `tell`: see jars.resolve."""
    jars.java()
    jars.resolve(version, tell=tell)
    made = tuple(
        Node(number, folder.absolute() / f"node-{number}", version, heap_mb)
        for number in range(1, nodes + 1)
    )
    for node, port in zip(made, ports, strict=False):
        node.port = port
    voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in made)
    for node in made:
        node.properties = {**_properties(node, nodes, voters), **(properties or {})}
    blank = [node for node in made if not node.is_formatted]
    # As Kafka writes its ids; the archive knows the log by it.
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    with ThreadPoolExecutor(nodes) as together:
        list(together.map(lambda node: node.format(cluster_id, *format_with), blank))
    return Cluster(made)


def _properties(node: Node, nodes: int, voters: str) -> dict[str, str]:
    """What differs from Kafka's defaults, and why."""
    replicas = str(min(3, nodes))
    majority = "2" if nodes > 2 else "1"  # noqa: PLR2004 - of three
    # After a kill the controller takes a node for there until its session ends, 9 s by default: one
    # that is alone would wait for itself.
    alone = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
    return (alone if nodes == 1 else {}) | {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "listeners": f"LOCAL://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"LOCAL://127.0.0.1:{node.port}",
        "listener.security.protocol.map": "LOCAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "LOCAL",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(node.folder / "data"),
        # Topics are made with their settings (streams.kafka.ensure_topics); a typo makes none.
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": majority,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": str(_OWN_TOPICS),
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": majority,
        "transaction.state.log.num.partitions": str(_OWN_TOPICS),
        # A first worker would wait 3 s for others that might come.
        "group.initial.rebalance.delay.ms": "0",
        # 128 MB by default: half of our heap.
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    }
