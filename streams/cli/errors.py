"""What a person is told when a command fails: one sentence, never a secret or a message text.

Clients' errors are told by the name of their class and module, so that nothing heavy is imported
to explain an error that did not happen.
"""

import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.settings import Settings

TROUBLE, USAGE, FAULT = 1, 2, 70
"""Exit codes. 70 is EX_SOFTWARE of sysexits."""

_OURS = frozenset({"schemas", "streams", "sinks"})

_NO_BROKER = "no Kafka broker answers at {DM_KAFKA}"
_NO_CLICKHOUSE = "no ClickHouse answers at {DM_CLICKHOUSE_URL}"
_ELSEWHERE = {
    ("aiokafka", "KafkaConnectionError"): _NO_BROKER,
    ("aiokafka", "NoBrokersAvailable"): _NO_BROKER,
    ("clickhouse_connect", "OperationalError"): _NO_CLICKHOUSE,
    ("httpx", "ConnectError"): "no server answers there",
    ("httpx", "ConnectTimeout"): "no server answers there",
}
_WRONG_SETTINGS = frozenset({"PartitionsError"})
"""Errors of ours that another value of a variable mends."""
_NOT_ENOUGH_SPACE = 243
"""ClickHouse's code (its ErrorCodes.cpp): it sets room aside before it writes."""

_HINT = "is everything started (`dmstream up`), and do the settings point there?"


def explain(error: Exception) -> tuple[str, int]:
    """The sentence and the exit code for an error that reached the command line."""
    package = type(error).__module__.partition(".")[0]
    name = type(error).__name__
    if package in _OURS:
        return str(error), USAGE if name in _WRONG_SETTINGS else TROUBLE
    if package == "clickhouse_connect" and getattr(error, "code", None) == _NOT_ENOUGH_SPACE:
        return _full_disk(), TROUBLE
    known = _ELSEWHERE.get((package, name))
    if known is not None:
        return f"{_with_addresses(known)}; {_HINT}", TROUBLE
    if name == "ValidationError" and getattr(error, "title", "") == "Settings":
        return _settings(error), USAGE
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}", TROUBLE
    sentence = (
        f"{name} in {_place(error)}: this is a fault in dmstream, not in what you did; "
        "run it again with DM_DEBUG=1 to see where"
    )
    return sentence, FAULT


def _with_addresses(sentence: str) -> str:
    from streams.settings import Settings

    settings = Settings()
    return sentence.format(
        DM_KAFKA=f"{settings.kafka} (DM_KAFKA)", DM_CLICKHOUSE_URL=_clickhouse(settings)
    )


def _clickhouse(settings: "Settings") -> str:
    _, _, address = settings.clickhouse_url.rpartition("@")  # never a password in front of it
    return f"{address} (DM_CLICKHOUSE_URL)"


def _full_disk() -> str:
    """Of the embedded server, the folder and what is free there; another knows its disks itself."""
    import shutil

    from streams.local.preflight import clickhouse_folder
    from streams.settings import Settings

    settings = Settings()
    folder = clickhouse_folder(settings)
    if folder is None:
        return (
            f"the disk of ClickHouse at {_clickhouse(settings)} is full: make room there (its "
            "table system.disks tells how much there is), and run it again"
        )
    free = shutil.disk_usage(folder).free / 1e6
    return (
        f"the disk of ClickHouse's data folder {folder.absolute()} is full ({free:,.1f} MB are "
        "free): make room there, or move the data folder and set DM_DATA_DIR to it, and run it "
        "again"
    )


def _settings(error: Exception) -> str:
    """Names the variables and what they should be; pydantic's own text would show the values."""
    wrong = error.errors(include_input=False, include_url=False)  # type: ignore[attr-defined]
    return "wrong settings: " + "; ".join(_fault(fault) for fault in wrong)


def _fault(fault: dict[str, Any]) -> str:
    """What is wrong with several together names them itself."""
    sentence = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return sentence
    return f"DM_{str(fault['loc'][0]).upper()}: {sentence}"


def _place(error: Exception) -> str:
    """The file and line where it was raised: the error's own text may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}"
