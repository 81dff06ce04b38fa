"""What the log of a process looks like, and what never stands in it."""

import json
import subprocess
import sys

SECRET = "sk-very-secret-and-also-what-somebody-wrote"

PROGRAM = f"""
import logging, structlog
from streams.monitoring import logs

logs.configure("history", form={{form!r}}, level="info")
log = structlog.get_logger()
log.info("inserted", rows=3, event_id="e1")
log.debug("left out")
text = {SECRET!r}
try:
    {{{{}}}}[text]
except KeyError as error:
    log.exception("a fault")
    logging.getLogger("mode").error("[^Agent]: Crashed reason=%r", error, exc_info=error)
logging.getLogger("faust").info("left out")
"""


def lines(form: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(form=form)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert SECRET not in ran.stderr + ran.stdout
    return ran.stderr.splitlines()


def test_each_line_is_json_that_names_its_process() -> None:
    """Invariant 11."""
    told = [json.loads(line) for line in lines("json")]
    assert [line["event"] for line in told] == [
        "inserted",
        "a fault",
        "[^Agent]: Crashed reason='KeyError'",
    ]
    assert {line["process"] for line in told} == {"history"}
    assert told[0]["event_id"] == "e1"
    assert told[0]["level"] == "info"
    for fault in told[1:]:
        assert fault["error"] == "KeyError"
        assert fault["trace"][-1].endswith("<module>"), "where it was raised"


def test_without_a_terminal_it_is_json_unless_told_otherwise() -> None:
    assert lines("auto")[0].startswith("{")
    assert "inserted" in lines("console")[0]
    assert not lines("console")[0].startswith("{")
