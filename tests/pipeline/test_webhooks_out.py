"""The webhooks worker as a process, on a real broker, with real receivers."""

import asyncio
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas import data
from schemas.base import to_milliseconds
from schemas.events import MessageReceived
from schemas.hooks import HookDelivery, HookRecord
from schemas.topics import EVENTS, FAILURES, HOOK_DELIVERIES, HOOKS, EventHeader
from streams import kafka
from streams.hooks.directory import deleted, new_hook, renewed
from streams.local.hooks import copy_file, places, put_back
from streams.local.keys import write_copy
from streams.settings import Settings
from tests.pipeline.running import Running
from tests.pipeline.subscribers import Subscribers, receiving

pytestmark = [pytest.mark.pipeline]

MANY = int(os.environ.get("DM_TEST_SUBSCRIBERS", "20"))
"""200 takes about a minute."""


SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="


def message(profile: str, number: int) -> MessageReceived:
    at = to_milliseconds(datetime.now(UTC))
    return MessageReceived(
        id=f"{profile}-{number:05}",
        source="/test",
        time=at,
        receivedat=at,
        profileid=profile,
        platform="facebook",
        subject=f"facebook:{profile}:77",
        data=data.Message(
            provider="meta",
            account_id=profile,
            correspondent_id="77",
            message_id=f"m_{profile}_{number}",
            text=f"number {number}",
        ),
    )


@dataclass
class Hooked:
    running: Running
    receivers: Subscribers
    settings: Settings
    written: dict[str, int] = field(default_factory=dict)

    def subscribe(self, profile: str, name: str) -> HookRecord:
        hook = new_hook(
            profileid=profile,
            action="messages",
            url=self.receivers.url(name),
            secret=SECRET,
            reference=f"ref-{profile}",
            place=(asyncio.run(kafka.log_id(self.settings)), 0),
            at=datetime.now(UTC),
        )
        self.write_hooks(hook)
        return hook

    def write_hooks(self, *hooks: HookRecord) -> None:
        self._write(
            HOOKS, [(h.hook_id, h.model_dump_json(exclude_none=True).encode()) for h in hooks]
        )

    def happen(self, profile: str, count: int, **headers: str) -> list[str]:
        """So many messages more; their ids."""
        first = self.written.get(profile, 0)
        self.written[profile] = first + count
        made = [message(profile, first + n) for n in range(count)]
        self._write(EVENTS, [(profile, event.to_json()) for event in made], headers)
        return [event.id for event in made]

    def _write(
        self,
        topic: str,
        records: Sequence[tuple[str, bytes]],
        headers: dict[str, str] | None = None,
    ) -> None:
        async def write() -> None:
            producer = kafka.producer(self.settings)
            await producer.start()
            try:
                given = [(name, value.encode()) for name, value in (headers or {}).items()]
                for key, value in records:
                    await producer.send(
                        self.settings.topic(topic), value, key=key.encode(), headers=given
                    )
                await producer.flush()
            finally:
                await producer.stop()

        asyncio.run(write())

    def read(self, topic: str) -> list[bytes]:
        async def read() -> list[bytes]:
            consumer = kafka.reader(self.settings, topic)
            await consumer.start()
            found: list[bytes] = []
            quiet = 0
            while quiet < 3:
                got = await consumer.getmany(timeout_ms=300)
                quiet = 0 if got else quiet + 1
                found += [record.value for records in got.values() for record in records]
            await consumer.stop()
            return found

        return asyncio.run(read())

    def deliveries(self) -> list[HookDelivery]:
        return [HookDelivery.model_validate_json(value) for value in self.read(HOOK_DELIVERIES)]

    def taken(self, name: str, ids: Sequence[str], seconds: float = 40) -> None:
        """Waits until this receiver took all of these; says that it took them in order."""
        self.running.wait(
            lambda: set(ids) <= set(self.receivers.taken(name)), seconds, f"{name} took all"
        )
        assert [one for one in self.receivers.taken(name) if one in set(ids)] == list(ids)


@pytest.fixture
def hooked(settings: Settings, tmp_path: Path) -> Iterator[Hooked]:
    asyncio.run(kafka.ensure_topics(settings))
    running = Running(
        settings,
        tmp_path,
        more={
            "DM_HOOK_ALLOW_PRIVATE": "true",
            "DM_HOOK_RETRY_SECONDS": "0.1,0.2,0.5",
            "DM_HOOK_TIMEOUT_SECONDS": "2",
        },
    )
    with receiving() as receivers:
        yield Hooked(running, receivers, settings)
        statuses = running.stop()
        assert set(statuses.values()) <= {0}, statuses


def profiles(count: int) -> list[str]:
    return [f"p{uuid.uuid4().hex[:8]}" for _ in range(count)]


def test_what_happens_is_posted_signed_and_in_order_also_what_was_there_before_the_worker(
    hooked: Hooked,
) -> None:
    [shop, other] = profiles(2)
    hooked.subscribe(shop, "shop")
    early = hooked.happen(shop, 30)
    hooked.happen(other, 10)
    hooked.running.start("webhooks")
    hooked.taken("shop", early)
    late = hooked.happen(shop, 300)
    hooked.happen(shop, 5, **{EventHeader.RESTORED_FROM: "log/0/1"})
    last = hooked.happen(shop, 1)
    hooked.taken("shop", early + late + last)
    assert len(hooked.receivers.taken("shop")) == 331  # what was put back is told to nobody
    got = hooked.receivers.got["shop"][0]
    assert got.body["message"] == "number 0"
    assert got.body["refId"] == f"ref-{shop}"
    assert got.body["hookId"] == got.headers["webhook-id"] == early[0]
    assert got.headers["webhook-signature"].startswith("v1,")


def test_each_event_reaches_each_subscriber_in_order_though_a_tenth_fail_and_one_is_dead(
    hooked: Hooked,
) -> None:
    names = profiles(MANY)
    for number, name in enumerate(names):
        hooked.subscribe(name, name)
        if number % 10 == 0:
            hooked.receivers.answers[name] = lambda _id, attempt: 200 if attempt > 2 else 503
    dead = names[0]
    hooked.subscribe(dead, "dead")
    hooked.receivers.answers["dead"] = lambda *_: 0
    hooked.running.start("webhooks")
    began = time.monotonic()
    wanted = {name: hooked.happen(name, 20) for name in names}
    for name, ids in wanted.items():
        hooked.taken(name, ids, 90)
    for name in names[1:10]:
        # Nobody waits for the dead one, which would be for ever; a busy machine takes its time.
        assert hooked.receivers.got[name][-1].at - began < 3 * (4 + MANY / 10)
    assert hooked.receivers.taken("dead") == []
    attempts = {one.event_id for one in hooked.receivers.got["dead"]}
    assert attempts == {wanted[dead][0]}
    del hooked.receivers.answers["dead"]
    hooked.taken("dead", wanted[dead])


def test_kill_9_of_the_worker_loses_nothing_and_keeps_the_order(hooked: Hooked) -> None:
    """Invariant 9."""
    names = profiles(6)
    for name in names:
        hooked.subscribe(name, name)
    hooked.receivers.answers[names[0]] = lambda _id, attempt: 200 if attempt > 1 else 500
    hooked.running.start("webhooks")
    wanted: dict[str, list[str]] = {name: [] for name in names}
    for _ in range(3):
        for name in names:
            wanted[name] += hooked.happen(name, 40)
        time.sleep(0.4)
        hooked.running.kill("webhooks")
        for name in names:
            wanted[name] += hooked.happen(name, 10)
        hooked.running.start("webhooks")
    for name, ids in wanted.items():
        hooked.taken(name, ids)
    told = [one for one in hooked.deliveries() if one.outcome == "delivered"]
    assert {one.event_id for one in told} == {one for ids in wanted.values() for one in ids}


def test_a_receiver_that_is_gone_is_disabled_and_goes_on_where_it_stood_when_made_again(
    hooked: Hooked,
) -> None:
    """Invariant 11: the log of the worker names the subscription and nothing else."""
    [shop] = profiles(1)
    hook = hooked.subscribe(shop, "shop")
    hooked.running.start("webhooks")
    hooked.receivers.answers["shop"] = lambda *_: 410
    ids = hooked.happen(shop, 3)
    hooked.running.wait(lambda: bool(hooked.receivers.got["shop"]), 20, "first attempt")
    hooked.running.wait(lambda: _last_of(hooked, hook).disabled_at is not None, 20, "disabled")
    assert _last_of(hooked, hook).disabled_reason == "HTTP 410"
    assert len(hooked.read(FAILURES)) == 1
    ids += hooked.happen(shop, 2)
    time.sleep(1)
    assert len(hooked.receivers.got["shop"]) == 1
    del hooked.receivers.answers["shop"]
    hooked.write_hooks(renewed(_last_of(hooked, hook), None, datetime.now(UTC)))
    hooked.taken("shop", ids)
    hooked.write_hooks(deleted(_last_of(hooked, hook), datetime.now(UTC)))
    time.sleep(1.5)
    hooked.happen(shop, 2)
    time.sleep(1)
    assert hooked.receivers.taken("shop") == ids
    log = (hooked.running.folder / "webhooks.log").read_text()
    assert "webhook_disabled" in log
    for secret in (SECRET, "number 0", hooked.receivers.url("shop")):
        assert secret not in log


def test_a_redirect_is_a_failure_and_is_not_followed(hooked: Hooked) -> None:
    [shop] = profiles(1)
    hooked.subscribe(shop, "shop")
    hooked.receivers.answers["shop"] = lambda _id, attempt: 307 if attempt < 3 else 200
    hooked.running.start("webhooks")
    hooked.taken("shop", hooked.happen(shop, 1))
    assert [one.status for one in hooked.receivers.got["shop"]] == [307, 307, 200]
    assert not hooked.receivers.got["redirected"]


def _last_of(hooked: Hooked, hook: HookRecord) -> HookRecord:
    found = [HookRecord.model_validate_json(value) for value in hooked.read(HOOKS)]
    return [one for one in found if one.hook_id == hook.hook_id][-1]


def test_what_the_embedded_broker_forgets_is_put_back_from_the_copy(hooked: Hooked) -> None:
    if not hooked.settings.embedded:
        pytest.skip("a broker of one's own forgets nothing")
    [shop] = profiles(1)
    hook = new_hook(
        profileid=shop, action="messages", url=hooked.receivers.url("shop"), secret=SECRET,
        reference=shop, place=("the-log-before", 4_711), at=datetime.now(UTC),
    )  # fmt: skip
    file = copy_file(hooked.settings)
    write_copy(file, [hook])
    assert file.stat().st_mode & 0o077 == 0
    log = asyncio.run(kafka.log_id(hooked.settings))
    asyncio.run(put_back(hooked.settings, places(hooked.settings), log))
    assert _last_of(hooked, hook) == hook
    # On the new log everything that was not put back is news.
    hooked.happen(shop, 3, **{EventHeader.RESTORED_FROM: "the-log-before/0/4708"})
    ids = hooked.happen(shop, 3)
    hooked.running.start("webhooks")
    hooked.taken("shop", ids)
    assert hooked.receivers.taken("shop") == ids
