"""Who waits for the questions of others waits for those alone, and not for ever."""

from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks import under_way


class Server:
    """Says at each look which questions are under way; the last answer for ever."""

    def __init__(self, *looks: set[str] | Exception) -> None:
        self.looks = list(looks)
        self.asked = 0

    def query(self, _sql: str) -> Any:
        self.asked += 1
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return type("Result", (), {"result_rows": [(one,) for one in found]})()


def waited(server: Server, longest: float = 20.0) -> float:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    under_way.let_go(server, longest=longest, sleep=sleep, clock=lambda: now)  # type: ignore[arg-type]
    return now


def test_nobody_asks_so_nobody_is_waited_for() -> None:
    assert waited(Server(set())) == 0


def test_those_that_came_later_are_not_waited_for() -> None:
    server = Server({"a", "b"}, {"b", "c"}, {"c", "d"}, {"c", "d"})
    waited(server)
    assert server.asked == 3


def test_one_that_is_answered_for_very_long_is_waited_for_some_seconds() -> None:
    assert waited(Server({"a"}), longest=3.0) == pytest.approx(3.0, abs=0.1)


def test_who_may_not_see_questions_goes_on() -> None:
    denied = DatabaseError("Code: 497. DB::Exception: dm_history: Not enough (ACCESS_DENIED)")
    assert waited(Server(denied)) == 0


def test_other_trouble_is_told() -> None:
    with pytest.raises(DatabaseError):
        waited(Server(DatabaseError("Code: 241. DB::Exception: (MEMORY_LIMIT_EXCEEDED)")))
