"""What history and webhooks tell, in any interleaving: the same rows for analysts."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.base import Platform, Provider
from schemas.envelope import Envelope
from schemas.events import MessageReceived, MessageSent
from schemas.webhooks import normalise
from streams.providers.history import to_event
from streams.providers.protocol import HistoryMessage
from streams.sandbox.config import Account, Config
from streams.sandbox.store import Message
from streams.sandbox.webhooks import render
from tests.pipeline.test_views import put, rows

pytestmark = pytest.mark.pipeline

NOW = datetime.now(UTC).replace(microsecond=0)
ACCOUNT = "17841400000000001"
CUTS: dict[Provider, int] = {"ayrshare": 1, "meta": 1_000, "x": 1}
"""To how many milliseconds a provider's history cuts its times."""


def live(message: Message, profile: str) -> Envelope:
    """By its webhook, as the normaliser reads it."""
    post = render(Config(), "message", message, message.at_ms)
    assert post is not None
    result = normalise(message.account.provider, post.body, NOW)
    (event,) = result.events
    assert isinstance(event, MessageReceived | MessageSent)
    return event.model_copy(update={"profileid": profile})


def past(message: Message, profile: str) -> Envelope:
    cut = CUTS[message.account.provider]
    at = datetime.fromtimestamp(message.at_ms // cut * cut / 1000, UTC)
    told = HistoryMessage(
        account_id=message.account.account_id,
        correspondent_id=message.correspondent_id,
        message_id=message.message_id,
        by=message.by,
        at=at,
        text=message.text,
        external_conversation_id=message.conversation_id,
    )
    return to_event(
        told,
        provider=message.account.provider,
        platform=message.account.platform,
        profileid=profile,
        fetched_at=NOW + timedelta(seconds=5),
    )


WAYS: list[tuple[Provider, Platform]] = [
    ("ayrshare", "facebook"),
    ("ayrshare", "instagram"),
    ("meta", "facebook"),
    ("meta", "instagram"),
    ("x", "x"),
]


@st.composite
def messages(draw: st.DrawFn) -> list[Message]:
    provider, platform = draw(st.sampled_from(WAYS))
    account = Account(provider, platform, ACCOUNT, reference="ref")
    return [
        Message(
            message_id=str(1_900_000_000_000_000_000 + number),
            account=account,
            correspondent_id=draw(st.sampled_from(["51", "52"])),
            by=draw(st.sampled_from(["correspondent", "account"])),
            at_ms=round(NOW.timestamp() * 1000) - draw(st.integers(0, 9 * 86_400_000)),
            conversation_id="t_1",
            text=draw(st.sampled_from(["hi", "Grüße 🙂", "x" * 300])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


def shown(client: Client, database: str, profile: str) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for view in ("messages", "conversations"):
        told = rows(client, f"{database}_analytics.{view}", profile, with_nulls=False)
        found[view] = sorted(
            ({name: value for name, value in row.items() if name != "profile_id"} for row in told),
            key=lambda row: (row["conversation_id"], row.get("message_id", "")),
        )
    return found


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_interleaving_of_backfill_and_webhooks_gives_the_same_read_models(
    data: st.DataObject, client: Client, database: str
) -> None:
    """Invariants 3 and 5: each message once, the webhook's telling of it before history's."""
    found = data.draw(messages())
    ways = {m.message_id: data.draw(st.sampled_from(["live", "past", "both"])) for m in found}

    def events(profile: str) -> list[Envelope]:
        return [
            make(message, profile)
            for message in found
            for make in (live, past)
            if ways[message.message_id] in {make.__name__, "both"}
        ]

    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    put(client, database, [events(one)])
    shuffled = data.draw(st.permutations(events(other) + events(other)[::2]))
    at = data.draw(st.integers(0, len(shuffled)))
    put(client, database, [batch for batch in (shuffled[:at], shuffled[at:]) if batch])
    expected = shown(client, database, one)
    assert shown(client, database, other) == expected
    assert {row["message_id"]: row["is_backfilled"] for row in expected["messages"]} == {
        message_id: way == "past" for message_id, way in ways.items()
    }
    assert len(expected["messages"]) == len(found)
