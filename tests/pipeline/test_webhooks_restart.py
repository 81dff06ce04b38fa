"""Webhooks over the end and the next start of `dmstream up`, whose broker forgets everything."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.gateway.signatures import sign_meta
from streams.hooks.copied_cursors import read_cursors
from streams.settings import Settings
from tests.pipeline.subscribers import Subscribers, receiving
from tests.pipeline.upping import SERVING, Place, Up, running, secrets_of, wait_until

pytestmark = pytest.mark.pipeline

ACCOUNT = "100000000000001"


@dataclass
class Shop:
    place: Place
    profile: str = ""

    def ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {secrets_of(self.place)['API_KEY']}"}
        if self.profile:
            headers["profile-key"] = self.profile
        deadline = time.monotonic() + 60
        while True:
            answer = httpx.request(method, self.url(path), headers=headers, timeout=30, **more)
            # On a machine that does other work, too, a part may not answer in time.
            if answer.status_code != 503 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.place.ports[3]}{path}"

    def opens(self) -> None:
        made = self.ask("POST", "/profiles", json={"title": "Shop", "messagingActive": True})
        self.profile = made["profileKey"]
        account = {"platform": "facebook", "accountId": ACCOUNT, "provider": "meta"}
        self.ask("POST", "/profiles/social", json=account)

    def somebody_writes(self, text: str) -> None:
        at = int(time.time() * 1000)
        item = {
            "sender": {"id": "77"}, "recipient": {"id": ACCOUNT}, "timestamp": at,
            "message": {"mid": f"m_{uuid.uuid4().hex}", "text": text},
        }  # fmt: skip
        entry = {"id": ACCOUNT, "time": at, "messaging": [item]}
        body = json.dumps({"object": "page", "entry": [entry]}).encode()
        signed = sign_meta(secrets_of(self.place)["META_APP_SECRETS"], body)
        posted = httpx.post(self.url("/webhooks/meta"), content=body, headers=signed, timeout=10)
        assert posted.status_code == 200, posted.text

    def is_archived(self, *texts: str) -> bool:
        found = self.ask("GET", "/messages/facebook")["messages"]
        return {one.get("message") for one in found} >= set(texts)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "data")
    made.environment |= {"DM_HOOK_ALLOW_PRIVATE": "true", "DM_HOOK_RETRY_SECONDS": "0.3"}
    return made


@pytest.fixture
def receivers() -> Iterator[Subscribers]:
    with receiving() as found:
        yield found


def texts(receivers: Subscribers, name: str) -> list[str]:
    """Of what was taken, with repetitions."""
    return [one.body["message"] for one in receivers.got[name] if one.status == 200]


def end(up: Up, *, kill: bool) -> None:
    if kill:
        up.process.kill()
        up.process.wait()
    else:
        up.process.terminate()
        assert up.process.wait(20) == 0, up.said


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_after_a_restart_the_undelivered_is_delivered_and_the_delivered_is_not_sent_again(
    place: Place, receivers: Subscribers, *, kill: bool
) -> None:
    """Twice: a cursor that was carried over once is carried over again."""
    shop = Shop(place)
    receivers.answers["dead"] = lambda *_: 503
    with running(place) as up:
        up.wait_for(SERVING)
        shop.opens()
        for name in ("alive", "dead"):
            body = {"action": "messages", "url": receivers.url(name)}
            shop.ask("POST", "/hook/webhook", json=body)
        for text in ("one", "two", "three"):
            shop.somebody_writes(text)
        wait_until(lambda: texts(receivers, "alive") == ["one", "two", "three"], 60)
        wait_until(lambda: bool(receivers.got["dead"]), 60)
        wait_until(lambda: shop.is_archived("one", "two", "three"), 60)
        cursors_are_kept(place, attempted=1)
        end(up, kill=kill)
    with running(place) as up:
        up.wait_for(SERVING)
        shop.somebody_writes("four")
        wait_until(lambda: "four" in texts(receivers, "alive"), 60)
        wait_until(lambda: shop.is_archived("four"), 60)
        before = len(receivers.got["dead"])
        wait_until(lambda: len(receivers.got["dead"]) > before, 60)
        assert {one.body["message"] for one in receivers.got["dead"]} == {"one"}
        cursors_are_kept(place, attempted=before)
        end(up, kill=kill)
    del receivers.answers["dead"]
    with running(place) as up:
        up.wait_for(SERVING)
        shop.somebody_writes("five")
        everything = ["one", "two", "three", "four", "five"]
        for name in ("alive", "dead"):
            wait_until(
                lambda name=name: set(texts(receivers, name)) == set(everything),  # type: ignore[misc]
                60,
                lambda name=name: f"{name} got {texts(receivers, name)}",  # type: ignore[misc]
            )
        time.sleep(1)
        assert texts(receivers, "alive") == everything
        assert texts(receivers, "dead") == everything
        end(up, kill=False)


def cursors_are_kept(place: Place, *, attempted: int) -> None:
    """What the worker saves some times a second."""
    settings = Settings(_env_file=None, data_dir=place.folder)

    def kept() -> bool:
        cursors = [one for log in read_cursors(settings).values() for one in log.values()]
        return any((one[1] or 0) >= attempted for one in cursors)

    wait_until(kept, 20)
    time.sleep(0.5)
