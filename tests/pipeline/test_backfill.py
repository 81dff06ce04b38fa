"""History over the whole route: linked, asked for over real HTTP, on the log, in the archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from schemas import events
from schemas.base import Platform, Provider
from streams.settings import Settings
from tests.conftest import ClickHouse
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Account, Talk, talking

pytestmark = pytest.mark.pipeline

AYRSHARE_PROFILES = 8
"""Credentials with a Profile-Key of their own: `ay0`, `ay1`, ..."""


@pytest.fixture(scope="module")
def talk(
    broker: str, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("backfill")
    settings = Settings(
        _env_file=None,
        kafka=broker,
        embedded=True,
        partitions=4,
        topic_prefix=f"{folder.name}.",
        data_dir=folder,
        clickhouse_url=embedded_clickhouse.url,
        clickhouse_database=embedded_clickhouse.migrated(),
    )
    credentials = {
        f"credential_ay{number}": json.dumps({"token": "a-key", "profile_key": f"key-{number}"})
        for number in range(AYRSHARE_PROFILES)
    }
    workers = ("conversations", "delivery", "history")
    with talking(settings, folder, *workers, **credentials) as found:
        yield found


@dataclass(frozen=True)
class Way:
    provider: Provider
    platform: Platform


WAYS = [
    Way("ayrshare", "facebook"),
    Way("ayrshare", "instagram"),
    Way("ayrshare", "x"),
    Way("meta", "facebook"),
    Way("meta", "instagram"),
    Way("x", "x"),
]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda w: f"{w.provider}-{w.platform}")
MESSENGER, INSTAGRAM, X = Way("meta", "facebook"), Way("meta", "instagram"), Way("x", "x")

_made = iter(range(1_000))


@dataclass(frozen=True)
class Linkable:
    """An account that the platform has and nobody has linked yet."""

    talk: Talk
    way: Way
    account: Account
    credential: str | None

    def writes(self, person: str, *, by: str = "correspondent", **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.talk.box.post(
            "write",
            **{"text": f"hello {digits()}", "quiet": True, **more},
            provider=self.way.provider,
            platform=self.way.platform,
            account_id=self.account.id,
            correspondent_id=person,
            by=by,
        )
        return made

    def fault(self, kind: str, **more: Any) -> None:
        self.talk.box.post("faults", kind=kind, on="history", account=self.account.id, **more)

    def activate_and_link(self) -> str:
        """The id of the link's event."""
        talk, account = self.talk, self.account
        talk.change("ActivateMessaging", account, "messaging.activated")
        return self.link()

    def link(self) -> str:
        command_id = self.talk.command(
            "LinkAccount",
            self.account,
            provider=self.way.provider,
            platform=self.way.platform,
            account_id=self.account.id,
            credential=self.credential,
        )
        linked = self.talk.log.wait_for(
            lambda e: isinstance(e, events.AccountLinked) and e.causationid == command_id,
            what="link",
        )
        return linked.id

    def backfilled(self, seconds: float = 40.0, count: int = 1) -> events.HistoryBackfilled:
        """The profile's nth different `history.backfilled`."""

        def told() -> dict[str, events.HistoryBackfilled]:
            return {
                event.id: event
                for event in list(self.talk.log.seen)
                if isinstance(event, events.HistoryBackfilled)
                and event.profileid == self.account.id
            }

        self.talk.running.wait(
            lambda: len(told()) >= count, seconds, f"backfill {self.talk.running.logs()}"
        )
        return list(told().values())[count - 1]

    def messages(self, person: str) -> list[dict[str, Any]]:
        """The archive's rows, once all that is on the log is in it."""
        self.talk.running.settled()
        client = self.talk.running.archive()
        try:
            database = self.talk.running.settings.clickhouse_database
            return list(
                client.query(
                    f"SELECT * FROM {database}_analytics.messages WHERE profile_id = {{p:String}}"
                    " AND correspondent_id = {c:String} ORDER BY occurred_at, message_id",
                    {"p": self.account.id, "c": person},
                ).named_results()
            )
        finally:
            client.close()

    def reads(self) -> list[dict[str, Any]]:
        return [r for r in self.talk.box.get("reads") if r["account_id"] == self.account.id]


def linkable(talk: Talk, way: Way) -> Linkable:
    number = next(_made)
    account = Account(way.platform, digits(), way.provider)
    names: dict[str, Any] = {"token": f"token-{number + 1}"}
    credential: str | None = None
    if way.provider == "x":
        credential = f"x{number + 1}"
    elif way.provider == "ayrshare":
        key = number % AYRSHARE_PROFILES
        credential = f"ay{key}"
        names = {"profile_key": f"key-{key}", "reference": f"ref-{account.id}"}
    talk.box.post(
        "accounts",
        provider=way.provider,
        platform=way.platform,
        account_id=account.id,
        **names,
    )
    # Ayrshare's webhooks name a profile by its refId.
    talk.change("RegisterProfile", account, "profile.registered", reference=names.get("reference"))
    return Linkable(talk, way, account, credential)


DAY = 86_400.0


@every_way
def test_20_messages_before_linking_and_100_after_it_are_120_in_the_archive(
    talk: Talk, way: Way
) -> None:
    """Of Facebook and Instagram the 20 newest are handed out; of X all of the last 30 days."""
    found, person = linkable(talk, way), digits()
    for number in range(20 if way.platform == "x" else 27):
        found.writes(
            person,
            by="account" if number % 3 == 0 else "correspondent",
            seconds_ago=2 * DAY - 60 * number,
        )
    found.activate_and_link()
    body = found.backfilled().data
    assert (body.messages, body.conversations) == (20, 1)
    for _ in range(100):
        found.writes(person, quiet=False)
    talk.running.wait(
        lambda: (
            sum(
                isinstance(e, events.MessageReceived)
                and not e.data.backfilled
                and e.profileid == found.account.id
                for e in list(talk.log.seen)
            )
            >= 100
        ),
        60,
        f"live messages; {talk.running.logs()}",
    )
    rows = found.messages(person)
    assert len(rows) == 120
    assert [row["is_backfilled"] for row in rows] == [True] * 20 + [False] * 100
    theirs = {m["message_id"]: m["text"] for m in talk.box.kept(person, by="correspondent")}
    theirs |= {m["message_id"]: m["text"] for m in talk.box.kept(person)}
    assert all(row["text"] == theirs[row["message_id"]] for row in rows)
