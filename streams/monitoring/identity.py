"""What a process tells of itself."""

from importlib.metadata import PackageNotFoundError, version

from streams.monitoring import metrics


def tell(name: str, restarts: int) -> None:
    try:
        its_version = version("dmstream")
    except PackageNotFoundError:
        its_version = "from sources"
    metrics.PROCESS.info({"name": name, "version": its_version})
    metrics.RESTARTS.set(restarts)
