"""The dashboard's door: who is let in by a key, what the browser keeps, what others can't do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from streams.dashboard.app import create_app
from streams.dashboard.asking import Asker
from streams.dashboard.login import COOKIE, HOME, LOGIN, LOGOUT, KeyLogin, OnThisMachine
from streams.dashboard.server import DashboardStartError, serve
from streams.keys import KeyDirectory, make_key, revoked
from streams.settings import Settings
from tests.unit.dashboard.test_app import ClickHouse

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAGE = {"accept": "text/html"}
HERE = {"sec-fetch-site": "same-origin"}
NUMBERS = "/dashboard/data/messages_per_day"


class Door:
    def __init__(self, *, https: bool = False) -> None:
        self.keys = KeyDirectory(Settings(_env_file=None))
        self.keys.is_known = True
        self.clock = 0.0
        self.admit = KeyLogin(self.keys, https=https, monotonic=lambda: self.clock)
        self.clickhouse = ClickHouse()

    def key(self, *scopes: Any, **more: Any) -> str:
        made, record = make_key(scopes=scopes or ("read",), at=NOW, **more)
        self.keys.records[record.key_id] = record
        return made

    def revoke(self, key: str) -> None:
        record = self.keys.find(key)
        assert record is not None
        self.keys.records[record.key_id] = revoked(record, NOW)

    def visit(self, visits: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            mock = httpx.MockTransport(self.clickhouse)
            asker = Asker(Settings(_env_file=None), httpx.AsyncClient(transport=mock))
            transport = httpx.ASGITransport(create_app(asker, admit=self.admit))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                found = await visits(client)
            await asker.close()
            return found

        return asyncio.run(run())


async def log_in(client: httpx.AsyncClient, key: str, **headers: str) -> httpx.Response:
    return await client.post(LOGIN, data={"key": key}, headers={**HERE, **headers})


def cookie_of(answer: httpx.Response) -> Any:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


@pytest.mark.parametrize(
    "path",
    [HOME, "/dashboard/conversation", "/dashboard/static/overview.js", "/dashboard/metrics",
     "/dashboard/static/plotly.js", NUMBERS, "/", "/nowhere", "/dashboard/login/", "//dashboard"],
)  # fmt: skip
def test_without_a_key_nothing_is_shown_but_the_form(path: str) -> None:
    door = Door()

    async def visits(client: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response]:
        return await client.get(path), await client.get(path, headers=PAGE)

    data, page = door.visit(visits)
    assert data.status_code == 401
    assert (page.status_code, page.headers["location"]) == (303, LOGIN)
    assert not door.clickhouse.asked


def test_a_key_that_may_read_all_profiles_lets_in_and_the_cookie_is_no_key() -> None:
    door = Door()
    key = door.key("read")

    async def visits(client: httpx.AsyncClient) -> Any:
        answer = await log_in(client, f" {key}\n")
        return answer, await client.get(NUMBERS), dict(client.cookies)

    answer, numbers, cookies = door.visit(visits)
    assert (answer.status_code, answer.headers["location"]) == (303, HOME)
    assert numbers.status_code == 200
    assert numbers.json()["rows"]
    kept = cookie_of(answer)
    assert kept["httponly"]
    assert (kept["samesite"], kept["path"]) == ("strict", HOME)
    assert not kept["secure"]
    assert not any(part in cookies[COOKIE] for part in key.split("_", 2)[1:])
    assert cookies[COOKIE] not in repr(door.admit)
    assert door.visit(lambda c: c.get(LOGIN)).status_code == 200


def test_over_https_the_cookie_is_for_https() -> None:
    door = Door(https=True)
    key = door.key()
    assert cookie_of(door.visit(lambda client: log_in(client, key)))["secure"]


def test_a_key_for_some_profiles_or_that_may_not_read_or_is_revoked_is_refused_alike() -> None:
    door = Door()
    gone = door.key()
    door.revoke(gone)
    texts = set()
    for key in (door.key("send", "admin"), door.key("read", profiles=("shop",)), gone,
                "dms_0000000000000000_" + "A" * 43, "", "x" * 5000):  # fmt: skip
        answer = door.visit(lambda client, key=key: log_in(client, key))
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        texts.add(answer.text)
    assert len(texts) == 1


def test_it_ends_with_the_key_with_time_and_with_a_log_out() -> None:
    door = Door()
    key, other = door.key(), door.key()

    async def visits(client: httpx.AsyncClient) -> list[int]:
        async def now() -> int:
            return (await client.get(NUMBERS)).status_code

        statuses = []
        await log_in(client, key)
        door.clock = 12 * 3600 - 1
        statuses.append(await now())
        door.clock += 1
        statuses.append(await now())
        await log_in(client, key)
        statuses.append(await now())
        door.revoke(key)
        statuses.append(await now())
        await log_in(client, other)
        statuses.append(await now())
        session = client.cookies[COOKIE]
        await client.post(LOGOUT, headers=HERE)
        client.cookies.set(COOKIE, session)
        statuses.append(await now())
        return statuses

    assert door.visit(visits) == [200, 401, 200, 401, 200, 401]


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
     {"sec-fetch-site": "", "origin": "https://evil.example"}, {"origin": "null"}],
)  # fmt: skip
def test_no_other_site_logs_anybody_in_or_out(headers: dict[str, str]) -> None:
    door = Door()
    key = door.key()

    async def visits(client: httpx.AsyncClient) -> Any:
        foreign = await client.post(LOGIN, data={"key": key}, headers=headers)
        await log_in(client, key)
        out = await client.post(LOGOUT, headers=headers)
        return foreign, out, await client.get(NUMBERS)

    foreign, out, numbers = door.visit(visits)
    assert (foreign.status_code, out.status_code, numbers.status_code) == (403, 403, 200)
    assert "set-cookie" not in foreign.headers


def test_only_who_is_logged_in_is_offered_to_log_out() -> None:
    door = Door()
    key = door.key()

    async def visits(client: httpx.AsyncClient) -> list[str]:
        pages = [await client.get(LOGIN), await log_in(client, "wrong")]
        await log_in(client, key)
        pages.append(await client.get(LOGIN))
        await client.post(LOGOUT, headers=HERE)
        pages.append(await client.get(LOGIN))
        return [page.text for page in pages]

    pages = door.visit(visits)
    assert ["Log out" in page for page in pages] == [False, False, True, False]
    assert all("Log in</button>" in page and "</html>" in page for page in pages)


def test_programs_send_the_key_as_they_do_to_the_rest_api() -> None:
    door = Door()
    key, wrong = door.key(), door.key("send")

    def asked(given: str) -> int:
        headers = {"authorization": f"Bearer {given}"}
        answer: httpx.Response = door.visit(lambda client: client.get(NUMBERS, headers=headers))
        return answer.status_code

    assert (asked(key), asked(wrong), asked(""), asked("' OR 1=1 --")) == (200, 401, 401, 401)


def test_a_guessed_session_is_none_and_many_sessions_are_bounded() -> None:
    door = Door()
    key = door.key()
    for guess in ("", "x", "A" * 43, "' OR 1=1", "\x7f"):
        headers = {"cookie": f"{COOKIE}={guess}"}
        answer = door.visit(lambda c, h=headers: c.get(NUMBERS, headers=h))
        assert answer.status_code == 401

    async def many(client: httpx.AsyncClient) -> None:
        for _ in range(1_005):
            client.cookies.clear()
            await log_in(client, key)

    door.visit(many)
    assert len(door.admit._sessions) == 1_000


def test_until_the_keys_are_known_nobody_is_let_in_and_that_is_said() -> None:
    door = Door()
    key = door.key()
    door.keys.is_known = False
    answer = door.visit(lambda client: log_in(client, key))
    assert answer.status_code == 503
    assert "broker" in answer.text


def test_no_key_is_in_a_log_line_or_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Invariant 11."""
    door = Door()
    wrong = door.key("send")
    answer = door.visit(lambda client: log_in(client, wrong))
    assert wrong.split("_")[2] not in answer.text + caplog.text


def test_without_a_login_only_this_machine_s_names_are_answered() -> None:
    """DNS rebinding: a stranger's page reaches us under a name of its own."""
    door = Door()
    door.admit = OnThisMachine(frozenset({"127.0.0.1", "localhost", "::1"}))  # type: ignore[assignment]

    def asked(host: str) -> int:
        answer: httpx.Response = door.visit(lambda c: c.get(NUMBERS, headers={"host": host}))
        return answer.status_code

    assert [asked(h) for h in ("127.0.0.1:8081", "localhost", "[::1]:8081")] == [200] * 3
    assert [asked(h) for h in ("evil.example:8081", "127.0.0.1.evil.example", "", "[")] == [421] * 4


def test_without_a_login_it_listens_on_loopback_alone() -> None:
    settings = Settings(_env_file=None, dashboard_host="192.0.2.1", dashboard_login="none")
    with pytest.raises(DashboardStartError, match="DM_DASHBOARD_LOGIN"):
        serve(settings)
