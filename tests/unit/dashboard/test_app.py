"""The dashboard's paths without a browser and without ClickHouse: who is let in, what is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from streams.dashboard import questions
from streams.dashboard.app import create_app
from streams.dashboard.asking import Asker, escaped
from streams.settings import Settings

ANSWER = {"meta": [{"name": "day"}, {"name": "received"}], "data": [["2026-11-22", 3]]}


class ClickHouse:
    """Answers every question alike, and remembers it."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await asyncio.sleep(0.01)
        headers = {"X-ClickHouse-Exception-Code": "62"} if self.status >= 400 else {}
        body = orjson.dumps(ANSWER) if self.status < 400 else b"Code: 62. near 'a secret'"
        return httpx.Response(self.status, content=body, headers=headers)


def visit(
    clickhouse: ClickHouse, visits: Callable[[httpx.AsyncClient], Awaitable[Any]], **more: Any
) -> Any:
    async def run() -> Any:
        asker = Asker(
            Settings(_env_file=None),
            httpx.AsyncClient(transport=httpx.MockTransport(clickhouse)),
        )
        transport = httpx.ASGITransport(create_app(asker, **more))
        async with httpx.AsyncClient(transport=transport, base_url="http://dashboard") as client:
            answer = await visits(client)
        await asker.close()
        return answer

    return asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    ["/dashboard", "/dashboard/conversation", "/dashboard/static/overview.js", "/dashboard/metrics",
     "/dashboard/static/plotly.js", "/dashboard/data/messages_per_day", "/", "/nowhere"],
)  # fmt: skip
def test_who_is_not_admitted_gets_nothing(path: str) -> None:
    async def nobody(_: Request) -> Response | None:
        return PlainTextResponse("no", 401)

    clickhouse = ClickHouse()
    answer = visit(clickhouse, lambda client: client.get(path), admit=nobody)
    assert (answer.status_code, answer.text) == (401, "no")
    assert not clickhouse.asked


def test_a_question_is_asked_with_its_parameters_and_never_in_its_text() -> None:
    clickhouse = ClickHouse()
    hostile = "'; DROP TABLE messages --\t\\"
    answer = visit(
        clickhouse,
        lambda client: client.get(
            "/dashboard/data/messages_per_day", params={"profile": hostile, "days": "7"}
        ),
    )
    assert answer.json()["rows"] == ANSWER["data"]
    (request,) = clickhouse.asked
    assert hostile.encode() not in request.content
    assert request.url.params["param_profile"] == escaped(hostile)
    assert request.url.params["param_days"] == "7"
    assert request.url.params["database"] == "dm_analytics"


@pytest.mark.parametrize("days", ["0", "401", "-1", "many", "", "\N{ARABIC-INDIC DIGIT THREE}"])
def test_a_period_that_is_none_is_refused(days: str) -> None:
    clickhouse = ClickHouse()
    path = f"/dashboard/data/messages_per_day?days={days}"
    assert visit(clickhouse, lambda client: client.get(path)).status_code == 400
    assert not clickhouse.asked


@pytest.mark.parametrize("skip", ["-1", "1000001", "many", "", "9" * 5000])
def test_a_place_in_a_list_that_is_none_is_refused(skip: str) -> None:
    clickhouse = ClickHouse()
    path = f"/dashboard/data/conversations_waiting?skip={skip}"
    assert visit(clickhouse, lambda client: client.get(path)).status_code == 400
    assert not clickhouse.asked


@pytest.mark.parametrize("question", [q for q in questions.ALL if q.total], ids=lambda q: q.name)
def test_a_list_is_asked_by_pages_and_counted_whole(question: questions.Question) -> None:
    clickhouse = ClickHouse()
    path = f"/dashboard/data/{question.name}?skip=50"
    answer = visit(clickhouse, lambda client: client.get(path)).json()
    assert answer["page"] == questions.MOST
    assert answer["order"]
    assert clickhouse.asked[0].url.params["param_skip"] == "50"
    assert b"OFFSET {skip:UInt32}" in clickhouse.asked[0].content
    counted = ClickHouse()
    path = f"/dashboard/totals/{question.name}"
    assert visit(counted, lambda client: client.get(path)).json() == {"total": "2026-11-22"}
    assert b"LIMIT" not in counted.asked[0].content


@pytest.mark.parametrize("name", ["messages_per_day", "passwords"])
def test_what_is_no_list_is_not_counted(name: str) -> None:
    clickhouse = ClickHouse()
    answer = visit(clickhouse, lambda client: client.get(f"/dashboard/totals/{name}"))
    assert answer.status_code == 404
    assert not clickhouse.asked


def test_a_question_that_is_not_known_is_not_asked() -> None:
    clickhouse = ClickHouse()
    answer = visit(clickhouse, lambda client: client.get("/dashboard/data/passwords"))
    assert answer.status_code == 404
    assert not clickhouse.asked


def test_several_who_ask_the_same_at_once_ask_clickhouse_once() -> None:
    clickhouse = ClickHouse()

    async def crowd(client: httpx.AsyncClient) -> list[httpx.Response]:
        path = "/dashboard/data/messages_per_day?days=7"
        return list(await asyncio.gather(*(client.get(path) for _ in range(5))))

    answers = visit(clickhouse, crowd)
    assert {answer.status_code for answer in answers} == {200}
    assert len(clickhouse.asked) == 1


def test_trouble_is_one_sentence_without_what_clickhouse_said() -> None:
    """Invariant 11."""
    path = "/dashboard/data/messages_per_day"
    answer = visit(ClickHouse(status=400), lambda client: client.get(path))
    assert answer.status_code == 503
    assert "code 62" in answer.json()["error"]
    assert "secret" not in answer.text


def test_pages_load_nothing_from_elsewhere() -> None:
    answer = visit(ClickHouse(), lambda client: client.get("/dashboard"))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text
