"""Webhooks told once more by a replay, and changed once however often it is asked."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from streams.hooks.signing import headers as signed
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Shop
from tests.pipeline.hooking import now, serving_webhooks, subscribe, told, wait
from tests.pipeline.sandbox import digits
from tests.pipeline.subscribers import receiving

pytestmark = [pytest.mark.pipeline]


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("again")
    with serving_webhooks(broker, embedded_clickhouse, folder) as found:
        yield found


def test_a_range_is_told_once_more_marked_and_in_order_beside_what_happens(api: Api) -> None:
    shop = api.shop()
    person = digits()
    with receiving() as receivers:
        secret = {"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="}
        hook = subscribe(shop, receivers.url("a"), body=secret).json()["id"]
        shop.somebody_writes(person, text="before")
        time.sleep(0.05)
        since = now()
        for number in range(5):
            shop.somebody_writes(person, text=f"number {number}")
        until = now(seconds=0.001)
        time.sleep(0.05)
        shop.somebody_writes(person, text="after")
        wait(api, lambda: len(receivers.got["a"]) == 7, "what happened")
        asked = shop.client.ask(
            "POST", "/hook/webhook/replay", json={"since": since, "until": until}
        )
        assert asked.status_code == 200, asked.text
        [replay] = asked.json()["replays"]
        assert (replay["webhook"], replay["events"]) == (hook, 5)
        shop.somebody_writes(person, text="meanwhile")
        wait(api, lambda: len(receivers.got["a"]) == 13, "the replay")
        time.sleep(1)
        got = list(receivers.got["a"])
        again = [one for one in got if "x-dmstream-replay" in one.headers]
        live = [one for one in got if "x-dmstream-replay" not in one.headers]
        numbers = [f"number {number}" for number in range(5)]
        assert told(again) == numbers
        assert told(live) == ["before", *numbers, "after", "meanwhile"]
        for one in again:
            assert one.headers["x-dmstream-replay"] == replay["id"]
            assert one.body["replay"] is True
            wanted = signed(
                [secret["secret"]],
                event_id=one.event_id,
                attempt=1,
                at=int(one.headers["webhook-timestamp"]),
                body=one.raw,
            )
            assert one.headers["webhook-signature"] == wanted["webhook-signature"]
        assert {one.event_id for one in again} < {one.event_id for one in live}
        assert all("replay" not in one.body for one in live)
        wait(api, lambda: "replays" not in shop.client.get("/hook/webhook"), "its end")
        archive, views = api.talk.running.archive(), api.talk.running.settings.clickhouse_database
        question = (
            f"SELECT count() FROM {views}_analytics.webhook_deliveries WHERE hook_id = '{hook}'"
            f" AND replay_id = '{replay['id']}' AND outcome = 'delivered'"
        )
        wait(api, lambda: archive.query(question).result_rows == [(5,)], "the delivery log")


def test_a_replay_is_for_one_s_own_webhooks_that_work_and_for_a_range(api: Api) -> None:
    shop, other = api.shop(), api.shop()
    with receiving() as receivers:
        hook = subscribe(shop, receivers.url("own")).json()["id"]
        range_ = {"since": now(hours=-1), "until": now()}

        def asked(by: Shop, **more: Any) -> tuple[int, str]:
            body = {**range_, **more}
            answer = by.client.ask("POST", "/hook/webhook/replay", json=body)
            return answer.status_code, answer.json().get("reason", "")

        assert asked(other) == (404, "webhook_not_found")
        assert asked(other, id=hook) == (404, "webhook_not_found")
        assert asked(shop, id="0" * 16) == (404, "webhook_not_found")
        for wrong in (
            {"since": now(), "until": now(hours=-1)}, {"since": "yesterday"}, {"until": None},
            {"since": "2026-01-01T00:00:00"}, {"id": "' OR 1=1 --"}, {"until": "+99999-01-01"},
        ):  # fmt: skip
            assert asked(shop, **wrong) == (400, "invalid_request"), wrong
        assert asked(shop)[0] == 200  # nothing happened, so nothing is told
        assert "replays" not in shop.client.get("/hook/webhook")
        reader = type(shop.client)(api.http, api.key("read", "send"), shop.client.profile)
        refused = reader.ask("POST", "/hook/webhook/replay", json=range_)
        assert refused.status_code == 403


def test_many_replays_at_once_are_refused_and_all_end_with_their_webhook(api: Api) -> None:
    shop = api.shop()
    with receiving() as receivers:
        receivers.answers["dead"] = lambda *_: 503
        subscribe(shop, receivers.url("dead"))
        shop.somebody_writes(text="never taken")
        body = {"since": now(hours=-1), "until": now(seconds=1)}
        answers = [
            shop.client.ask("POST", "/hook/webhook/replay", json=body).json() for _ in range(6)
        ]
        assert [one["status"] for one in answers] == ["success"] * 5 + ["error"]
        assert answers[5]["reason"] == "too_many_replays"
        assert len(shop.client.get("/hook/webhook")["replays"]) == 5
        gone = shop.client.ask("DELETE", "/hook/webhook", json={"action": "messages"})
        assert gone.status_code == 200
        assert shop.client.get("/hook/webhook") == {"status": "success", "webhooks": []}
        time.sleep(1.5)
        before = len(receivers.got["dead"])
        time.sleep(1.5)
        assert len(receivers.got["dead"]) == before


def test_all_of_seven_webhooks_are_told_once_more_by_one_request(api: Api) -> None:
    shop = api.shop()
    names = [f"seven{number}" for number in range(7)]
    with receiving() as receivers:
        for name in names:
            subscribe(shop, receivers.url(name))
        shop.somebody_writes(text="hello")
        wait(api, lambda: all(receivers.got[name] for name in names), "what happened")
        body = {"since": now(hours=-1), "until": now(seconds=1)}
        asked = shop.client.ask("POST", "/hook/webhook/replay", json=body)
        assert asked.status_code == 200, asked.text
        assert len(asked.json()["replays"]) == 7

        def all_were_told() -> bool:
            return all(any("replay" in one.body for one in receivers.got[name]) for name in names)

        wait(api, all_were_told, "the replays")


def test_the_command_line_replays_and_lists(api: Api) -> None:
    shop = api.shop()

    def dmstream(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", "hooks", *arguments],
            env=api.talk.running.environment() | {"PATH": "", "COLUMNS": "200"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with receiving() as receivers:
        hook = subscribe(shop, receivers.url("cli")).json()["id"]
        shop.somebody_writes(text="hello")
        wait(api, lambda: len(receivers.got["cli"]) == 1, "what happened")
        assert hook in dmstream("list", shop.client.profile)
        since = ("--since", (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S"))
        counted = dmstream("replay", shop.client.profile, *since, "--dry-run")
        assert f"1 events would be told to webhook {hook}" in counted
        assert "1 events are told" in dmstream(
            "replay", shop.client.profile, *since, "--webhook", hook
        )
        wait(api, lambda: len(receivers.got["cli"]) == 2, "the replay")
        assert receivers.got["cli"][1].body["replay"] is True


def test_a_request_with_a_key_changes_webhooks_once(api: Api) -> None:
    shop = api.shop()
    keyed = {"headers": {"idempotency-key": digits()}}
    with receiving() as receivers:
        with ThreadPoolExecutor(4) as pool:
            answers = list(
                pool.map(lambda _: subscribe(shop, receivers.url("k"), **keyed), range(4))
            )
        assert len({answer.text for answer in answers}) == 1
        assert answers[0].json()["secret"].startswith("whsec_")
        assert len(shop.client.get("/hook/webhook")["webhooks"]) == 1
        other = {"action": "messages", "url": receivers.url("other")}
        refused = shop.client.ask("POST", "/hook/webhook", json=other, **keyed)
        assert (refused.status_code, refused.json()["reason"]) == (422, "idempotency_key_reused")

        gone = {"headers": {"idempotency-key": digits()}}
        body = {"action": "messages"}
        for _ in range(2):
            assert shop.client.ask("DELETE", "/hook/webhook", json=body, **gone).status_code == 200
        assert shop.client.ask("DELETE", "/hook/webhook", json=body).status_code == 404
        # The first request is a repetition still: it makes nothing anew.
        assert subscribe(shop, receivers.url("k"), **keyed).text == answers[0].text
        assert shop.client.get("/hook/webhook")["webhooks"] == []

        fresh = subscribe(shop, receivers.url("k")).json()
        assert fresh["secret"] != answers[0].json()["secret"]
        shop.somebody_writes(text="hello")
        replayed = {"headers": {"idempotency-key": digits()}}
        range_ = {"since": now(hours=-1), "until": now(seconds=1)}
        first, second = (
            shop.client.ask("POST", "/hook/webhook/replay", json=range_, **replayed)
            for _ in range(2)
        )
        assert first.status_code == 200, first.text
        assert first.json() == second.json()
        wait(api, lambda: len(receivers.got["k"]) == 2, "one replay")
        time.sleep(1)
        assert len(receivers.got["k"]) == 2


def test_the_same_key_at_two_gateways_is_one_webhook_with_one_secret(api: Api) -> None:
    shop = api.shop()
    headers = {"idempotency-key": digits()}
    with (
        receiving() as receivers,
        api.second_gateway() as address,
        httpx.Client(base_url=address, timeout=30) as http,
        ThreadPoolExecutor(2) as pool,
    ):
        client = type(shop.client)(http, shop.client.key, shop.client.profile)
        other = Shop(api, client, "facebook", shop.account)
        answers = pool.map(
            lambda by: subscribe(by, receivers.url("two"), headers=headers).text, (shop, other)
        )
        assert len(set(answers)) == 1
