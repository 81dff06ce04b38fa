"""Accounts that a platform has and nobody has linked yet, with their history behind them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas import events
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline import provider_ways
from tests.pipeline.provider_ways import Way
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Account, Talk, own_settings, talking

AYRSHARE_PROFILES = 60
"""Credentials with a Profile-Key of their own: `ay0`, `ay1`, ..."""
DAY = 86_400.0
"""Seconds."""


@contextmanager
def linking(broker: Broker, clickhouse: ClickHouse, folder: Path) -> Iterator[Talk]:
    settings = own_settings(broker, folder, clickhouse)
    credentials = {
        f"credential_ay{number}": json.dumps({"token": "a-key", "profile_key": f"key-{number}"})
        for number in range(AYRSHARE_PROFILES)
    }
    workers = ("conversations", "delivery", "history")
    with talking(settings, folder, *workers, **credentials) as found:
        yield found


WAYS = [way for way in provider_ways.WAYS if way.login == "page"]
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
        self.talk.running.wait(
            lambda: len(self.told(events.HistoryBackfilled)) >= count, seconds, "backfill"
        )
        found: events.HistoryBackfilled = self.told(events.HistoryBackfilled)[count - 1]
        return found

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

    def failures(self) -> list[dict[str, Any]]:
        self.talk.running.settled()
        client = self.talk.running.archive()
        try:
            database = self.talk.running.settings.clickhouse_database
            return list(
                client.query(
                    f"SELECT * FROM {database}_analytics.failed_events"
                    " WHERE position(message, {p:String}) > 0",
                    {"p": self.account.id},
                ).named_results()
            )
        finally:
            client.close()

    def told(self, kind: type[Any]) -> list[Any]:
        """Events of that kind of the profile, each once."""
        found = {
            event.id: event
            for event in list(self.talk.log.seen)
            if isinstance(event, kind) and event.profileid == self.account.id
        }
        return list(found.values())

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
