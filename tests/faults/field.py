"""A pipeline under fire: started, fed, hurt, drained, and then held against its promises.

Whatever a test does to it, `findings()` is the question at the end: what the checker says of the
history that was recorded meanwhile.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from aiokafka.errors import KafkaError
from pydantic import SecretStr

from schemas import commands
from schemas.base import to_milliseconds
from schemas.events import Event, MessageReceived
from schemas.topics import EVENTS, FAILURES
from streams import kafka
from streams.checker.check import check
from streams.checker.findings import Finding
from streams.checker.history import HISTORY, Attempt, History, Request
from streams.checker.recorder import Recorder
from streams.conversation.outcomes import outcome_of
from streams.local.catching_up import look
from streams.log_positions import committed, log_ends
from streams.simulator.client import Sending, send
from streams.simulator.delivery import Delivery
from streams.simulator.sign import Secrets
from streams.simulator.simulation import Parameters, simulate
from tests.faults.clickhouse_engine import Engine
from tests.faults.clickhouse_proxy import Door
from tests.pipeline import sandbox as boxes
from tests.pipeline.running import Running
from tests.pipeline.sandbox import Sandbox
from tests.pipeline.talk_log import Log

ALL = ("conversations", "history", "delivery")


@dataclass
class Field:
    """`watching` sees committed offsets all the time, `log` everything that is written."""

    running: Running
    box: Sandbox
    log: Log
    recorder: Recorder
    seed: int
    requests: list[Request] = field(default_factory=list)
    sends: list[tuple[str, str]] = field(default_factory=list)
    """Profile and id of each command that was written here."""
    single_writer: bool = False
    has_archive: bool = True
    folds: bool = True
    """Whether a conversations worker is there."""
    chance: random.Random = field(init=False)
    _feeder: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _days: int = 0
    _told: dict[tuple[str, str], list[Event]] = field(default_factory=dict)
    _looked_at: int = 0
    _known: set[Finding] = field(default_factory=set)
    engine: Engine | None = None
    door: Door | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def deliveries(self, webhooks: int, **more: Any) -> list[Delivery]:
        """Of people who write now; each call another day of the same people."""
        self._days += 1
        given = {"until": datetime.now(UTC), "profiles": 6, **more}
        return list(
            simulate(
                Parameters(seed=self.seed + self._days, webhooks=webhooks, **given)
            ).deliveries()
        )

    def feed(
        self,
        deliveries: Sequence[Delivery],
        rate: float | None = None,
        secrets: Mapping[str, str] = boxes.SECRETS,
    ) -> None:
        """Returns once each has its answer. `secrets` sign, by the settings' names."""
        signing = Secrets(
            {
                "ayrshare": SecretStr(secrets["DM_AYRSHARE_SECRETS"]),
                "meta": SecretStr(secrets["DM_META_APP_SECRETS"]),
                "x": SecretStr(secrets["DM_X_CONSUMER_SECRETS"]),
            }
        )
        url = f"http://127.0.0.1:{self.running.settings.port}"
        sending = Sending(
            url=url, secrets=signing, rate=rate, concurrency=16, patience_seconds=120.0
        )
        tally = asyncio.run(send(iter(deliveries), len(deliveries), sending))
        assert tally.unexpected <= len(tally.surprises), "more surprises than are kept"
        other = {surprise.number: surprise.status for surprise in tally.surprises}
        self.requests += [
            Request(
                sha256(one.body).hexdigest(),
                one.expected_status,
                other.get(one.number, one.expected_status),
            )
            for one in deliveries
        ]

    def feeding(
        self, webhooks: int, rate: float, secrets: Mapping[str, str] = boxes.SECRETS, **more: Any
    ) -> "Future[None]":
        """The same in a thread, while a test hurts the pipeline."""
        return self._feeder.submit(self.feed, self.deliveries(webhooks, **more), rate, secrets)

    def refused_by_signature(self, count: int) -> list[Delivery]:
        """Right webhooks whose signature nobody may take."""
        made = self.deliveries(3 * count, broken=0.0)[:count]
        return [replace(one, expected_status=401) for one in made]

    def answer(self, count: int) -> None:
        """Asks for so many sends, into conversations that the log knows: late ones, most often."""
        known = [event for event in self.log.seen[-2000:] if _can_be_answered(event)]
        if not known:
            return
        made = [
            commands.SendMessage(
                command_id=uuid.uuid4().hex,
                profileid=event.profileid,
                issued_at=to_milliseconds(datetime.now(UTC)),
                conversation_id=event.subject,
                text=f"Thank you. {uuid.uuid4().hex}",
            )
            for event in self.chance.choices(known, k=count)
        ]
        self.write(*made)
        self.sends += [(one.profileid, one.command_id) for one in made]

    def write(self, *wanted: commands.AnyCommand) -> None:
        """Until they are durable: again under the same ids, as a caller does who got no answer."""
        deadline = time.monotonic() + 120
        while True:
            try:
                self.log.write(*wanted)
            except KafkaError:
                assert time.monotonic() < deadline
                time.sleep(0.5)
            else:
                return

    def wait_for_people(self, count: int = 5) -> None:
        """Until so many messages are in the log: then somebody can be answered."""
        self.running.wait(
            lambda: sum(_can_be_answered(event) for event in list(self.log.seen)) >= count,
            40,
            "messages in the log",
        )

    def drain(self, seconds: float = 60.0) -> None:
        """No more faults: until everything is read, archived, sent, and told."""
        self.box.clear_faults()
        try:
            self.running.wait(self.all_ended, seconds, "an end of every command")
        except AssertionError as error:
            raise AssertionError(f"without an end: {self.without_an_end()}") from error
        self.running.wait(lambda: not self.box.get("stats")["busy"], 30, "people who are done")
        self.running.settled(3 * seconds)

    def all_ended(self) -> bool:
        """Whether each send that was asked for here has an outcome by now."""
        seen = self.log.seen
        while self._looked_at < len(seen):
            event = seen[self._looked_at]
            self._looked_at += 1
            command_id = getattr(event.data, "command_id", None)
            if command_id is not None:
                self._told.setdefault((event.profileid, command_id), []).append(event)
        return not self.without_an_end()

    def without_an_end(self) -> dict[str, list[str]]:
        """Of the sends that were asked for here: by command, the types of what was told of it."""
        return {
            send[1]: [event.type for event in self._told.get(send, ())]
            for send in self.sends
            if outcome_of(self._told.get(send, ())).status in {"none", "accepted"}
        }

    def archived(self, seconds: float = 40.0) -> None:
        """For a history worker alone: until it has committed all that there is."""
        settings = self.running.settings

        def done() -> bool:
            there = asyncio.run(committed(settings, HISTORY, EVENTS, FAILURES))
            ends = asyncio.run(log_ends(settings, EVENTS, FAILURES))
            return all(there[place] >= end for place, end in ends.items())

        self.running.wait(done, seconds, "the archive's reader at the end of the log")

    def folded(self, seconds: float = 40.0) -> None:
        """Without an archive: until the conversations worker has read all that there is."""
        settings = self.running.settings
        self.running.wait(lambda: not asyncio.run(look(settings)).unread, seconds, "all is read")

    def history(self) -> History:
        attempts = [
            Attempt(one["key"], one["kept"], one["settled"]) for one in self.box.get("attempts")
        ]
        return asyncio.run(
            self.recorder.record(
                requests=self.requests,
                attempts=attempts,
                single_writer=self.single_writer,
                archive=self.has_archive,
                folded=self.folds,
            )
        )

    def findings(self) -> list[Finding]:
        return check(self.history(), prefix=self.running.settings.topic_prefix)

    def assert_clean(self) -> None:
        """Nothing is wrong that was not found before: the tests of a module share a pipeline."""
        everything = self.findings()
        found = [finding for finding in everything if finding not in self._known]
        self._known.update(everything)
        told = [str(finding) for finding in found[:8]]
        assert not found, f"seed {self.seed}: {len(found)} findings, as {told}"

    def look_past_the_door(self, engine: Engine, door: Door) -> None:
        """The checker asks ClickHouse itself."""
        self.recorder.settings = self.recorder.settings.model_copy(
            update={"clickhouse_url": engine.url}
        )
        self.engine, self.door = engine, door

    def write_events(self, events: Iterable[Event]) -> None:
        """Straight onto the log, for a history worker alone."""
        records = [(event.profileid, event.to_json()) for event in events]
        asyncio.run(kafka.write(self.running.settings, EVENTS, records))


def _can_be_answered(event: Event) -> bool:
    """X through Ayrshare is left out: one form of its webhooks swaps the sides (decision 8)."""
    return isinstance(event, MessageReceived) and not (
        event.data.provider == "ayrshare" and event.platform == "x"
    )
