"""API keys: made, written, and known to every gateway from the compacted topic `dm.keys.v1`.

A key reads `dms_<id>_<secret>`. The id finds the record, the secret's hash decides.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer
from pydantic import ValidationError

from schemas.base import to_milliseconds
from schemas.keys import KeyRecord, Scope
from schemas.topics import KEYS
from streams import kafka
from streams.followed import FollowedTopic
from streams.settings import Settings

_log = structlog.get_logger()

_FORM = re.compile(r"dms_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NOBODYS = hashlib.sha256(b"").hexdigest()


def make_key(
    *,
    scopes: Iterable[Scope],
    profiles: Iterable[str] = (),
    name: str = "",
    rate_max: int | None = None,
    at: datetime,
) -> tuple[str, KeyRecord]:
    """A new key as its owner needs it, told once, and its record, which does not hold it."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    record = KeyRecord(
        key_id=key_id,
        secret_sha256=_hash(secret),
        name=name,
        scopes=tuple(scopes),
        profiles=tuple(profiles),
        rate_max=rate_max,
        created_at=to_milliseconds(at),
    )
    return f"dms_{key_id}_{secret}", record


def matches(key: str, record: KeyRecord | None) -> bool:
    """Whether this is the key of the record, and not revoked. Hashes and compares either way, so
    that the time taken does not tell whether an id exists."""
    form = _FORM.fullmatch(key)
    given = _hash(form[2] if form else "")
    wanted = record.secret_sha256 if record else _NOBODYS
    same = hmac.compare_digest(given, wanted)
    return same and form is not None and record is not None and record.revoked_at is None


def key_id_of(key: str) -> str | None:
    """The id in a key's text; None where it has not the form of one."""
    form = _FORM.fullmatch(key)
    return form[1] if form else None


def record_of(key: str, like: KeyRecord) -> KeyRecord:
    """A record for a key that is there already. Raises ValueError where it is none."""
    form = _FORM.fullmatch(key)
    if form is None:
        raise ValueError("DM_API_KEY is no key of dmstream: remove the line, a new one is made")
    return like.model_copy(update={"key_id": form[1], "secret_sha256": _hash(form[2])})


def revoked(record: KeyRecord, at: datetime) -> KeyRecord:
    return record.model_copy(update={"revoked_at": record.revoked_at or to_milliseconds(at)})


async def write_keys(settings: Settings, records: Iterable[KeyRecord]) -> None:
    """Returns once they are durable. Raises aiokafka's errors."""
    await kafka.write(
        settings,
        KEYS,
        [(record.key_id, record.model_dump_json(exclude_none=True).encode()) for record in records],
    )


async def read_keys(settings: Settings) -> dict[str, KeyRecord]:
    """All of them by id, the revoked too. Raises LookupError where the topic is missing."""
    directory = KeyDirectory(settings)
    consumer = await directory.read_all()
    await consumer.stop()
    return directory.records


class KeyDirectory:
    """All keys in memory, followed from the topic: a revoked key ends within a fetch.

    A broker that is away is waited for in the background; until the keys are known once,
    `is_known` is False and nobody can be let in. What is known stays while the broker is away.
    `on_change` is called with all records after a change of them.
    """

    def __init__(
        self,
        settings: Settings,
        on_change: Callable[[Iterable[KeyRecord]], None] | None = None,
    ) -> None:
        self._topic = FollowedTopic(
            settings, KEYS, what="API keys", apply=self._apply, changed=self._changed
        )
        self._on_change = on_change
        self.records: dict[str, KeyRecord] = {}
        self.is_known = False

    def find(self, key: str) -> KeyRecord | None:
        """The record of the key, if it is one that holds."""
        record = self.records.get(key_id_of(key) or "")
        return record if matches(key, record) else None

    async def start(self) -> None:
        """Returns at once."""
        await self._topic.start()

    async def stop(self) -> None:
        await self._topic.stop()

    async def read_all(self) -> AIOKafkaConsumer:
        """Reads the topic up to its end as it was at the call; the consumer goes on from there."""
        return await self._topic.read_all()

    def _apply(self, key_id: str, value: bytes | None) -> None:
        try:
            record = KeyRecord.model_validate_json(value or b"")
        except ValidationError as error:
            # One that can't be read lets nobody in: also where it is a newer word of a good one.
            self.records.pop(key_id, None)
            _log.error(
                "key_record_unreadable", key_id=key_id, errors=error.error_count(),
                remedy="revoke it and make a new one: dmstream key",
            )  # fmt: skip
        else:
            self.records[record.key_id] = record

    def _changed(self) -> None:
        self.is_known = True
        if self._on_change is not None:
            self._on_change(self.records.values())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
