"""One trace from a webhook to the row of its event, through the parts that pass it on."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from schemas.topics import EVENTS
from sinks.archive import LogRecord, Packed
from streams.agents.normaliser import Normaliser
from streams.monitoring import traces
from streams.settings import Settings
from streams.simulator.sign import headers
from streams.workers import history
from tests.unit.agents.test_normaliser_agent import Box, Directory, Record
from tests.unit.gateway.calls import NOW, SECRETS, RecordingPublisher, call, gateway

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TEXT = "do not tell anybody"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    traces.configure("test", exporter)
    yield exporter
    traces.turn_off()


def a_webhook() -> RecordingPublisher:
    body = orjson.dumps(
        {
            "action": "messages", "subAction": "messageCreated", "type": "received",
            "platform": "instagram", "refId": "p", "id": "m1", "senderId": "1",
            "recipientId": "2", "message": TEXT, "hookId": "h", "created": AT.isoformat(),
        }
    )  # fmt: skip
    publisher = RecordingPublisher()
    signed = headers(
        "ayrshare", SECRETS["ayrshare"].encode(), body, at_seconds=int(NOW.timestamp())
    )
    reply = call(gateway(publisher), "POST", "/webhooks/ayrshare", headers=signed, chunks=[body])
    assert reply.status == 200
    return publisher


def normalised(publisher: RecordingPublisher) -> list[tuple[str, Any, Any, Any]]:
    ((_, value, given),) = publisher.kept
    box = Box()
    settings = Settings(_env_file=None)
    normaliser = Normaliser(settings, Directory(), box, "log", lambda: AT)  # type: ignore[arg-type]
    normaliser.handle([Record(value, list(given.items()))])
    return box.of(EVENTS)


class Archive:
    async def insert(self, _packed: Packed) -> None: ...


def archived(events: list[tuple[str, Any, Any, Any]]) -> None:
    records = [
        LogRecord(0, offset, 0, key, value, given or [])
        for offset, (_, key, value, given) in enumerate(events)
    ]
    writer = history.PatientWriter(Archive(), EVENTS)  # type: ignore[arg-type]
    asyncio.run(writer.insert(Packed(records, [], [], [], [])))


def test_one_trace_spans_the_gateway_the_normaliser_and_the_insert(
    spans: InMemorySpanExporter,
) -> None:
    events = normalised(a_webhook())
    archived(events)
    found = spans.get_finished_spans()
    assert {span.name for span in found} == {"webhook", "normalise", "archive insert"}
    assert len({span.context.trace_id for span in found}) == 1
    by_name = {span.name: span for span in found}
    assert by_name["webhook"].parent is None
    assert by_name["normalise"].parent.span_id == by_name["webhook"].context.span_id
    assert by_name["archive insert"].parent.span_id == by_name["normalise"].context.span_id
    assert TEXT not in "".join(span.to_json() for span in found)


def test_a_record_without_a_trace_begins_none(spans: InMemorySpanExporter) -> None:
    with traces.following(Record(b"", []), "normalise") as passed:
        assert passed == []
    assert not spans.get_finished_spans()


def test_a_trace_that_somebody_made_up_breaks_nothing(spans: InMemorySpanExporter) -> None:
    for value in (b"", b"\xff\xfe", b"00-zz-yy-01", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"):
        with traces.following(Record(b"", [("traceparent", value)]), "normalise"):
            pass
    assert all(span.parent is None for span in spans.get_finished_spans())


def test_off_no_record_gets_a_header_and_nothing_is_imported() -> None:
    publisher = a_webhook()
    assert traces.TRACEPARENT not in publisher.kept[0][2]
    assert all(not given for _, _, _, given in normalised(publisher))
