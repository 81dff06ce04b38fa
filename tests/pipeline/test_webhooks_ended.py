"""Webhooks end with their profile, and tell nothing of the erased."""

import time
from collections.abc import Iterator

import pytest

from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api
from tests.pipeline.hooking import erase, now, serving_webhooks, subscribe, told, wait
from tests.pipeline.live import listening
from tests.pipeline.sandbox import digits
from tests.pipeline.subscribers import receiving

pytestmark = [pytest.mark.pipeline]


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("ended")
    with serving_webhooks(broker, embedded_clickhouse, folder) as found:
        yield found


def test_the_webhooks_of_a_deleted_profile_end(api: Api) -> None:
    shop = api.shop()
    with receiving() as receivers:
        subscribe(shop, receivers.url("gone"))
        shop.somebody_writes(text="hello")
        wait(api, lambda: len(receivers.got["gone"]) == 1, "what happened")
        assert shop.client.ask("DELETE", "/profiles").status_code == 200
        assert shop.client.get("/hook/webhook")["webhooks"] == []
        shop.webhook(digits(), message={"mid": f"m_{digits()}", "text": "after the end"})
        api.talk.running.settled()
        time.sleep(1)
        assert told(receivers.got["gone"]) == ["hello"]
    log = (api.talk.running.folder / "gateway.log").read_text()
    [line] = [
        one for one in log.splitlines() if "webhooks_ended" in one and shop.client.profile in one
    ]
    assert "profile_deleted" in line


def test_after_an_erasure_neither_webhooks_nor_streams_nor_replays_tell_content(api: Api) -> None:
    """Of what waited for a dead receiver, of what was told before, and of what a client missed."""
    shop = api.shop()
    person = digits()
    since = now()
    with receiving() as receivers:
        receivers.answers["dead"] = lambda *_: 503
        for name in ("dead", "alive"):
            subscribe(shop, receivers.url(name))
        with listening(api, shop) as heard:
            shop.somebody_writes(person, text="I live in Rose Street 7")
            shop.somebody_writes(person, text="Call Mrs Willow")
            shop.somebody_writes(text="somebody else")
            wait(api, lambda: len(heard.texts()) == 3, "live")
            place = next(one["id"] for one in heard.events if "id" in one)
        wait(api, lambda: bool(receivers.got["dead"]), "a first attempt")
        erase(api, shop, person)
        attempts = len(receivers.got["dead"])
        wait(api, lambda: len(receivers.got["dead"]) > attempts + 1, "an attempt afterwards")
        del receivers.answers["dead"]
        wait(api, lambda: len(receivers.taken("dead")) == 3, "what had waited")
        late = [one for one in receivers.got["dead"] if one.status == 200]
        assert told(late) == ["", "", "somebody else"]

        asked = shop.client.ask(
            "POST", "/hook/webhook/replay", json={"since": since, "until": now(seconds=1)}
        )
        assert asked.status_code == 200, asked.text
        wait(api, lambda: len(receivers.got["alive"]) == 6, "the replay")
        assert told(receivers.got["alive"][3:]) == ["", "", "somebody else"]

        log, _, offset = place.rpartition(":")
        with listening(api, shop, last=f"{log}:{int(offset) - 1}") as again:
            wait(api, lambda: len(again.events) > 3, "what was missed")
            everything = "".join(one.get("data", "") for one in again.events)
        assert "somebody else" in everything
        assert person in everything
        for content in ("Rose Street", "Mrs Willow"):
            assert content not in everything
    archive, name = api.talk.running.archive(), api.talk.running.settings.clickhouse_database
    left = archive.query(
        f"SELECT count() FROM {name}.failure_log WHERE payload LIKE '%Rose Street%'"
    )
    assert left.result_rows == [(0,)]


def test_a_worker_that_starts_after_an_erasure_tells_no_content(api: Api) -> None:
    shop = api.shop()
    person = digits()
    running = api.talk.running
    with receiving() as receivers:
        receivers.answers["dead"] = lambda *_: 503
        subscribe(shop, receivers.url("dead"))
        shop.somebody_writes(person, text="I live in Rose Street 7")
        wait(api, lambda: bool(receivers.got["dead"]), "a first attempt")
        running.kill("webhooks")
        erase(api, shop, person)
        before = len(receivers.got["dead"])
        del receivers.answers["dead"]
        running.start("webhooks")
        wait(api, lambda: len(receivers.got["dead"]) > before, "an attempt")
        assert set(told(receivers.got["dead"][before:])) == {""}
