"""Where Apache Kafka's jars and a Java to run them come from."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from streams.local.broker import BrokerStartError

NEWEST = "4.4.0"
OLDEST = "3.9.2"
"""Both ends of what the tests run on."""

_JAVA = 17
"""Kafka 4 needs it (its release notes), and 3.9 is content with it."""
_INSTALL = "(Debian: apt install default-jre-headless maven)"
_FETCH_SECONDS = 900.0
_POM = Path(__file__).with_name("pom.xml")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def why_not_here(version: str = NEWEST) -> str | None:
    """What is missing on this machine to run that version; None where nothing is."""
    try:
        java()
    except BrokerStartError as error:
        return str(error)
    if not _folder(version).is_dir() and shutil.which("mvn") is None:
        return _without_maven(version)
    return None


def java() -> str:
    """The command. Raises BrokerStartError where there is none, or one too old."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        where = "JAVA_HOME has none" if home else "none is on the path"
        raise BrokerStartError(
            f"Apache Kafka needs Java {_JAVA} or newer, and {where}: install it {_INSTALL}"
        )
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - from the path
    version = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < _JAVA:
        has = "does not tell its version" if version is None else f"is Java {version[1]}"
        raise BrokerStartError(
            f"Apache Kafka needs Java {_JAVA} or newer, and {found} {has}: install one {_INSTALL}"
        )
    return found


def resolve(version: str = NEWEST, *, tell: Callable[[str], None] | None = None) -> Path:
    """The folder with the jars; fetched once by Maven into the user's cache (about 50 MB).

    `tell` gets the name of each jar that came over the network. Raises BrokerStartError.
    """
    folder = _folder(version)
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerStartError(_without_maven(version))
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _fetch(maven, version, beside, tell or _nobody)
        try:
            beside.rename(folder)  # whole or not at all
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _fetch(maven: str, version: str, folder: Path, tell: Callable[[str], None]) -> None:
    command = [
        maven, "--batch-mode", "--strict-checksums", "--file", str(_POM),
        f"-Dkafka.version={version}", f"-DoutputDirectory={folder}", "-DincludeScope=runtime",
        "-Dstyle.color=never", "dependency:copy-dependencies",
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603 - arguments are ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as child:  # fmt: skip
        limit = threading.Timer(_FETCH_SECONDS, child.kill)
        limit.start()
        trouble = ""
        for line in child.stdout or ():
            if jar := re.search(r"Downloaded from \S+: \S*/(\S+\.jar) ", line):
                tell(jar[1])
            elif line.startswith("[ERROR]") and not trouble:
                trouble = line.removeprefix("[ERROR]").strip()
        limit.cancel()
    if child.returncode:
        raise BrokerStartError(
            f"Maven could not fetch Apache Kafka {version} (status {child.returncode}): "
            f"{trouble[:300] or 'it said nothing'}; is the network there, and is that a version "
            "of Kafka?"
        )


def _folder(version: str) -> Path:
    if not _VERSION.fullmatch(version):
        raise BrokerStartError(f"{version} is no version of Apache Kafka: name one as {NEWEST}")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "dmstream", f"apache-kafka-{version}")


def _without_maven(version: str) -> str:
    return (
        f"the jars of Apache Kafka {version} are fetched by Maven, and mvn is not on the path: "
        f"install it {_INSTALL}"
    )


def _nobody(_name: str) -> None:
    pass
