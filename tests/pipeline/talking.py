"""A whole pipeline that talks: gateway, workers, and the sandbox with people behind it."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from schemas import commands, events
from schemas.base import Platform, Provider, to_milliseconds
from streams import kafka
from streams.local import processes
from streams.settings import Settings
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline import sandbox as boxes
from tests.pipeline.running import Running
from tests.pipeline.sandbox import Sandbox, digits
from tests.pipeline.talk_log import Log

APP_ID = "1000000000000001"
_PROVIDERS: dict[Platform, Provider] = {"facebook": "meta", "instagram": "meta", "x": "x"}


@dataclass(frozen=True)
class Account:
    """A profile with one account, which its first webhook registers: both have the same id, except
    at Ayrshare, where webhooks name the profile by its refId."""

    platform: Platform
    id: str
    provider: Provider
    reference: str = ""

    @property
    def profile(self) -> str:
        return self.reference or self.id

    def conversation(self, person: str) -> str:
        return f"{self.platform}:{self.id}:{person}"


@dataclass
class Talk:
    running: Running
    box: Sandbox
    log: Log
    _accounts: int = 0

    def account(self, platform: Platform, provider: Provider | None = None) -> Account:
        """A new one that works."""
        self._accounts += 1
        chosen = provider or _PROVIDERS[platform]
        reference = _reference(self._accounts) if chosen == "ayrshare" else ""
        made = Account(platform, digits(), chosen, reference)
        self.box.post(
            "accounts",
            provider=made.provider,
            platform=platform,
            account_id=made.id,
            token=f"token-{self._accounts}",
            profile_key=f"key-{self._accounts}" if reference else None,
            reference=reference or None,
        )
        if chosen == "x":  # its token alone says who sends: each account needs its own
            self.change("RegisterProfile", made, "profile.registered", reference=made.id)
            self.change("ActivateMessaging", made, "messaging.activated")
            self.link(made, credential=f"x{self._accounts}")
        return made

    def beside(self, account: Account, platform: Platform) -> Account:
        """The account of the same Ayrshare profile on another network."""
        made = Account(platform, digits(), account.provider, account.reference)
        self.box.post(
            "accounts",
            provider=made.provider,
            platform=platform,
            account_id=made.id,
            profile_key=f"key-{int(account.reference, 16)}",
            reference=account.reference,
        )
        return made

    def link(self, account: Account, credential: str | None = None) -> None:
        self.change(
            "LinkAccount",
            account,
            "account.linked",
            provider=account.provider,
            platform=account.platform,
            account_id=account.id,
            credential=credential,
        )

    def somebody_writes(self, account: Account, person: str | None = None, **more: Any) -> str:
        """A correspondent's message, through the real webhook route, known when this returns."""
        person = person or digits()
        made = self.box.post(
            "write",
            **{"text": "Do you still have it in blue?", **more},
            provider=account.provider,
            platform=account.platform,
            account_id=account.id,
            correspondent_id=person,
        )
        self.log.wait_for(
            lambda e: (
                isinstance(e, events.MessageReceived) and e.data.message_id == made["message_id"]
            ),
            what="message of the correspondent",
        )
        return person

    def command(self, kind: str, account: Account, **more: Any) -> str:
        """Writes a command of that type; its id."""
        return self.commands((kind, account, more))[0]

    def commands(self, *wanted: tuple[str, Account, dict[str, Any]]) -> list[str]:
        made = [
            getattr(commands, kind)(
                **{
                    "command_id": uuid.uuid4().hex,
                    "profileid": account.profile,
                    "issued_at": to_milliseconds(datetime.now(UTC)),
                    **more,
                }
            )
            for kind, account, more in wanted
        ]
        self.log.write(*made)
        return [command.command_id for command in made]

    def send(self, account: Account, person: str, **more: Any) -> str:
        given = {"text": f"Yes, in blue. {uuid.uuid4().hex}", **more}
        return self.command(
            "SendMessage", account, conversation_id=account.conversation(person), **given
        )

    def change(self, kind: str, account: Account, told: str, **more: Any) -> None:
        """A command that is no send; returns once its event (`dm.<told>.v1`) is there."""
        command_id = self.command(kind, account, **more)
        self.log.wait_for(
            lambda e: e.type == f"dm.{told}.v1" and e.causationid == command_id, what=told
        )

    def outcome(self, command_id: str, seconds: float = 30.0) -> events.Event:
        """`message.sent`, `send.rejected`, `send.failed` or `send.unknown`, the first told."""
        ends = ("message.sent", "send.rejected", "send.failed", "send.unknown")
        return self.log.wait_for(
            lambda e: (
                getattr(e.data, "command_id", None) == command_id
                and e.type in {f"dm.{end}.v1" for end in ends}
            ),
            seconds,
            f"outcome of {command_id}; {self.running.logs()}",
        )

    def reason(self, command_id: str, kind: str) -> str:
        found = self.outcome(command_id)
        assert found.type == f"dm.{kind}.v1", found.type
        return str(cast("Any", found.data).reason)

    def texts_kept(self, person: str) -> list[str]:
        """What the platform has of ours, in its order."""
        return [message["text"] for message in self.box.kept(person)]


def _reference(number: int) -> str:
    """Forty hex digits, as Ayrshare's."""
    return f"{number:040x}"


def own_settings(broker: Broker, folder: Path, clickhouse: ClickHouse | None = None) -> Settings:
    """Topics of its own on a broker that others use, and a database of its own if it archives."""
    if clickhouse is None:
        return broker.settings(folder)
    return broker.settings(
        folder, clickhouse_url=clickhouse.url, clickhouse_database=clickhouse.migrated()
    )


@contextmanager
def talking(settings: Settings, folder: Path, *workers: str, **more: str) -> Iterator[Talk]:
    """Started and ready; `more` are settings (`DM_` is put before)."""
    own = settings.model_copy(update={"port": processes.free_port(), "meta_app_ids": (APP_ID,)})
    asyncio.run(kafka.ensure_topics(own))
    options = ["--reply-share", "0", "--reaction-share", "0", "--delay", "0.05"]
    with boxes.sandbox(folder, "--gateway", f"http://127.0.0.1:{own.port}", *options) as box:
        addresses = {f"DM_{name.upper()}": box.address + p for name, p in boxes.PATHS.items()}
        running = Running(own, folder)
        running.more = {
            **boxes.SECRETS,
            **addresses,
            "DM_CREDENTIAL_META": json.dumps({"token": "a-token", "login": "instagram"}),
            **{f"DM_CREDENTIAL_X{number}": f"token-{number}" for number in range(1, 100)},
            # The API key of all, and each profile's own key: what registers itself by its first
            # webhook is looked up by its refId.
            "DM_CREDENTIAL_AYRSHARE": "a-key",
            **{
                f"DM_CREDENTIAL_AYRSHARE_{_reference(number).upper()}": json.dumps(
                    {"profile_key": f"key-{number}"}
                )
                for number in range(1, 100)
            },
            **{f"DM_{name.upper()}": value for name, value in more.items()},
        }
        try:
            running.start("gateway")
            for worker in workers:
                running.start(worker)
            with Log(own) as log:
                yield Talk(running, box, log)
        finally:
            running.stop()
