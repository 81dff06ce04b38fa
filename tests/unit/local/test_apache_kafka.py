"""What Apache Kafka needs here, told in one sentence where it is missing."""

from pathlib import Path

import pytest

from streams.local.apache_kafka import jars
from streams.local.apache_kafka.cluster import prepare_cluster
from streams.local.apache_kafka.node import free_port
from streams.local.broker import BrokerStartError


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with a Java of today in it; and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "java", "echo 'openjdk version \"21.0.8\" 2025-07-15' >&2")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def test_without_java_it_is_said_what_to_install(path: Path) -> None:
    (path / "java").unlink()
    missing = jars.why_not_here()
    assert missing is not None
    assert "Java 17 or newer" in missing
    assert "apt install default-jre-headless maven" in missing


@pytest.mark.parametrize("told", ['java version "1.8.0_402"', 'openjdk version "11.0.2"', "what"])
def test_an_old_java_is_not_enough(path: Path, told: str) -> None:
    program(path, "java", f"echo '{told}' >&2")
    with pytest.raises(BrokerStartError, match=r"needs Java 17 or newer, and .*/java "):
        jars.java()


def test_a_java_home_without_a_java_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(path / "nowhere"))
    with pytest.raises(BrokerStartError, match="JAVA_HOME has none"):
        jars.java()


def test_without_maven_it_is_said_what_to_install(path: Path) -> None:
    assert path.exists()
    missing = jars.why_not_here()
    assert missing is not None
    assert "mvn is not on the path" in missing


def test_what_maven_fetched_is_there_without_it(path: Path) -> None:
    """Maven as it speaks: a jar comes over the network and is copied."""
    script = """
for argument; do case $argument in -DoutputDirectory=*) folder=${argument#*=};; esac; done
echo "Downloaded from central: a/place/kafka_2.13-4.4.0.jar (6.1 MB at 3.0 MB/s)"
: > "$folder/kafka_2.13-4.4.0.jar"
"""
    program(path, "mvn", script)
    told: list[str] = []
    folder = jars.resolve("4.4.0", tell=told.append)
    assert told == ["kafka_2.13-4.4.0.jar"]
    assert [jar.name for jar in folder.iterdir()] == ["kafka_2.13-4.4.0.jar"]
    assert [place.name for place in folder.parent.iterdir()] == [folder.name]
    (path / "mvn").unlink()
    assert jars.resolve("4.4.0") == folder
    assert jars.why_not_here("4.4.0") is None


def test_a_maven_that_fails_leaves_nothing_and_says_why(path: Path, tmp_path: Path) -> None:
    program(path, "mvn", "echo '[ERROR] Could not resolve kafka_2.13:jar:9.9.9'; exit 1")
    with pytest.raises(BrokerStartError, match=r"9\.9\.9 .status 1.: Could not resolve"):
        jars.resolve("9.9.9")
    assert not list((tmp_path / "cache" / "dmstream").iterdir())


@pytest.mark.parametrize("version", ["latest", "4", "../4.4.0"])
def test_a_version_is_three_numbers(path: Path, version: str) -> None:
    assert path.exists()
    with pytest.raises(BrokerStartError, match=r"is no version of Apache Kafka: name one as 4\."):
        jars.resolve(version)


def test_a_storage_that_can_not_be_made_tells_no_password(path: Path, tmp_path: Path) -> None:
    """Invariant 11. Kafka's own tool repeats what it does not like."""
    (tmp_path / "cache" / "dmstream" / "apache-kafka-4.4.0").mkdir(parents=True)
    java = (path / "java").read_text().splitlines()[1]
    echo = '[ "$1" = -version ] || { echo "what is $*" >&2; exit 1; }'
    program(path, "java", f"{java}\n{echo}")
    with pytest.raises(BrokerStartError) as told:
        prepare_cluster(1, tmp_path / "kafka", "4.4.0", format_with=("--add-scram", "hush"))
    assert "could not be made" in str(told.value)
    assert "hush" not in str(told.value)


def test_ports_are_below_those_that_the_kernel_gives_to_clients() -> None:
    """A client that tries to reach a node that is down would else connect to itself one day."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < lowest for _ in range(50))
