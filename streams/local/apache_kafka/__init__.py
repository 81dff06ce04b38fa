"""The real Apache Kafka as child processes, without a container: one node for `up`, three for
tests. Its jars come from Maven, its data stays in a folder.
"""

from streams.local.apache_kafka.cluster import Cluster, start_cluster
from streams.local.apache_kafka.jars import NEWEST, OLDEST, why_not_here
from streams.local.apache_kafka.node import Node

__all__ = ["NEWEST", "OLDEST", "Cluster", "Node", "start_cluster", "why_not_here"]
