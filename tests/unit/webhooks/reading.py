"""What the tests of the webhook readers share: fixtures, and events reduced to what they say."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from schemas.base import Provider, conversation_id
from schemas.events import Event, parse_event
from schemas.webhooks import Normalised, normalise

PAYLOADS = Path(__file__).parents[2] / "fixtures" / "payloads"
RECEIVED_AT = datetime(2026, 10, 29, 14, 33, 9, 500_999, tzinfo=UTC)
OWN_APP = "771100223344"

_LEFT_OUT: dict[str, Any] = {
    "standby": False,
    "backfilled": False,
    "time_estimated": False,
    "attachments": [],
    "is_unreadable": False,
    "by": "correspondent",
}


def names(provider: str) -> list[str]:
    return sorted(path.stem for path in (PAYLOADS / provider).glob("*.json"))


def body(provider: str, name: str) -> bytes:
    return (PAYLOADS / provider / f"{name}.json").read_bytes()


def tree(provider: str, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(body(provider, name))
    return loaded


def normalised(provider: Provider, content: Any, *own_app_ids: str) -> Normalised:
    raw = content if isinstance(content, bytes) else orjson.dumps(content)
    return normalise(provider, raw, RECEIVED_AT, own_app_ids=frozenset(own_app_ids))


def events(provider: Provider, content: Any, *own_app_ids: str) -> tuple[Event, ...]:
    """The events of a body that must give no failure."""
    result = normalised(provider, content, *own_app_ids)
    assert result.failures == ()
    return result.events


def event(provider: Provider, content: Any, *own_app_ids: str) -> Event:
    found = events(provider, content, *own_app_ids)
    assert len(found) == 1, found
    return found[0]


def essence(one: Event) -> dict[str, Any]:
    """What an event says, without what is said by leaving it out. Checks the envelope."""
    written = orjson.loads(one.to_json())
    assert parse_event(one.to_json()) == one
    inside = written["data"]
    account = inside["account_id"]
    assert written["source"] == f"/dmstream/{inside['provider']}/{account}"
    assert written["receivedat"] == "2026-10-29T14:33:09.500Z"
    if "subject" in written:
        expected = conversation_id(written["platform"], account, inside["correspondent_id"])
        assert written["subject"] == expected
    if inside["provider"] != "ayrshare":
        assert written["profileid"] == account
    said = {
        "type": written["type"].removeprefix("dm.").removesuffix(".v1"),
        "time": written["time"],
        "platform": written.get("platform"),
        "subject": written.get("subject"),
        "correlationid": written.get("correlationid"),
    } | {key: value for key, value in inside.items() if _LEFT_OUT.get(key, ...) != value}
    for told_elsewhere in ("provider", "account_id", "correspondent_id"):
        said.pop(told_elsewhere, None)
    return {key: value for key, value in said.items() if value is not None}
