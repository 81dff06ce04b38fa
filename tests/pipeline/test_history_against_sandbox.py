"""The connectors over real HTTP against the sandbox: the history of each way."""

from datetime import UTC, datetime

import pytest

from schemas.ids import event_id
from streams.providers.history import to_event
from streams.providers.protocol import ErrorClass, HistoryStopped
from tests.pipeline.provider_ways import WAYS, Way, every_way, history, link, write
from tests.pipeline.sandbox import Sandbox, digits

pytestmark = pytest.mark.pipeline


@every_way
def test_history_brings_the_twenty_newest_of_each_conversation_with_their_live_ids(
    box: Sandbox, way: Way
) -> None:
    """Invariant 3: one message seen both ways is one event."""
    linked, first, second = link(box, way), digits(), digits()
    write(box, linked, first, 25)
    write(box, linked, second, 2, by="account")
    found = history(box, linked)
    of_first = [m for m in found if m.correspondent_id == first]
    of_second = [m for m in found if m.correspondent_id == second]
    assert len(of_first) == (25 if way.platform == "x" else 20)
    assert len(of_second) == 2
    assert {m.by for m in of_first} == {"correspondent"}
    assert {m.by for m in of_second} == {"account"}
    theirs = {m["message_id"]: m for m in box.get("messages") if m["correspondent_id"] == first}
    for message in of_first:
        kept = theirs[message.message_id]
        event = to_event(
            message,
            provider=way.provider,
            platform=way.platform,
            profileid="p",
            fetched_at=datetime.now(UTC),
        )
        live = event_id(way.provider, linked.account_id, "message", kept["message_id"])
        assert event.id == live
        assert event.type == "dm.message.received.v1"
        assert event.subject == f"{way.platform}:{linked.account_id}:{first}"
        assert event.data.backfilled
        assert event.data.text == kept["text"]
        assert event.data.external_conversation_id == kept["conversation_id"]
        # Graph tells whole seconds; X's ids and Ayrshare tell the milliseconds.
        exactly = round(event.time.timestamp() * 1000)
        assert exactly == kept["at_ms"] // 1000 * 1000 if way.provider == "meta" else kept["at_ms"]
    newest = {f"number {n}" for n in range(0 if way.platform == "x" else 5, 25)}
    assert {m.text for m in of_first} == newest


@pytest.mark.parametrize("way", [WAYS[2], WAYS[3], WAYS[6]], ids=lambda way: way.name)
def test_history_goes_through_all_pages_and_waits_out_troubles(box: Sandbox, way: Way) -> None:
    linked = link(box, way)
    people = [digits() for _ in range(120 if way.platform == "x" else 55)]
    for person in people:
        write(box, linked, person, 1)
    box.post("faults", kind="rate_limited", on="history", account=linked.account_id, next=1, wait=2)
    box.post("faults", kind="server_error_before", on="history", account=linked.account_id, next=2)
    assert {m.correspondent_id for m in history(box, linked)} == set(people)


@every_way
def test_history_stops_with_the_reason_when_the_token_is_dead(box: Sandbox, way: Way) -> None:
    linked = link(box, way)
    box.post("faults", kind="expired_token", on="history", account=linked.account_id)
    with pytest.raises(HistoryStopped) as stopped:
        history(box, linked)
    assert stopped.value.error.error_class is ErrorClass.TOKEN_INVALID
