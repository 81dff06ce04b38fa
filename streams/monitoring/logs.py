"""How every process writes its log: JSON for machines, lines for a terminal; never a value of a
frame, so never a text or a secret.

The libraries that write by `logging` (Faust, aiokafka) come out in the same form, to the same
place. What belongs together has the same id in it: `delivery_id` of a webhook, `event_id`,
`command_id`.
"""

import logging
import sys
import traceback
from typing import Any, Literal

import structlog

from streams.monitoring.log_file import lasting

Format = Literal["auto", "json", "console"]

_FRAMES = 12

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(process: str, *, form: Format = "auto", level: str = "info") -> None:
    """Once, at the start of a process. `process` is on every line."""
    file = lasting(sys.stderr)
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _named(process),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _places_of_error,
    ]
    terminal = form == "console" or (form == "auto" and sys.stderr.isatty())
    last: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*before, last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(file)
    handler.addFilter(_without_texts)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _named(process: str) -> Any:
    def name(_logger: Any, _method: str, line: Any) -> Any:
        line["process"] = process
        return line

    return name


def _without_texts(record: logging.LogRecord) -> bool:
    """Faust tells of a crash with the error's own text, which may quote a record."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            type(one).__name__ if isinstance(one, BaseException) else one for one in record.args
        )
    return True


def _places_of_error(_logger: Any, _method: str, line: Any) -> Any:
    """Where an error was raised, frame by frame, without its text: that may quote a message."""
    raised = line.pop("exc_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised
    if raised is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        line["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return line
