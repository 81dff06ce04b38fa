"""Records that nobody can read, wherever they lie, and one that nobody can finish."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from schemas.base import rfc3339
from schemas.events import MessageSent
from schemas.topics import COMMANDS, EVENTS, OUTBOUND_FACEBOOK, WEBHOOKS, WebhookHeader
from streams import kafka
from tests.faults.field import Field

pytestmark = [pytest.mark.pipeline, pytest.mark.faults]

POISON = (
    b"", b"\xff\xfe\x00", b"{", b"[]", b"null", b'"text"', b'{"type":"dm.message.received.v1"}',
    b'{"type":"SendMessage"}', b"9" * 5000, b'{"a":' * 500,
)  # fmt: skip


async def write(
    field: Field, topic: str, values: list[bytes], headers: list[tuple[str, bytes]]
) -> None:
    """All into one partition, one after another: most often one batch."""
    settings = field.running.settings
    producer = kafka.producer(settings, linger_ms=50)
    await producer.start()
    try:
        name = settings.topic(topic)
        sent = [
            await producer.send(name, value, key=b"k", partition=0, headers=headers)
            for value in values
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@pytest.mark.parametrize("topic", [WEBHOOKS, EVENTS, COMMANDS, OUTBOUND_FACEBOOK])
def test_poison_at_head_middle_and_tail_ends_as_failures_and_stops_nothing(
    field: Field, topic: str
) -> None:
    """Each record that can't be read is one failure, with its bytes; those around it go their way;
    nobody ends."""
    given = [(WebhookHeader.PROVIDER, b"meta")]
    given.append((WebhookHeader.RECEIVED_AT, rfc3339(datetime.now(UTC)).encode()))
    good = [one for one in field.deliveries(40, broken=0.0) if one.provider == "meta"][:4]
    between = [one.body for one in good] if topic == WEBHOOKS else []
    values = [*POISON[:3], *between[:2], *POISON[3:7], *between[2:], *POISON[7:]]
    before = {failure.place for failure in _failures(field)}
    asyncio.run(write(field, topic, values, given if topic == WEBHOOKS else []))
    field.feed(field.deliveries(20))
    field.drain()
    field.assert_clean()
    told = [record for record in _failures(field) if record.place not in before]
    kept = [record.value or b"" for record in told]
    # What a webhook's reader does not know may be kept as an event `unrecognised.received`.
    wanted = [value for value in POISON if topic != WEBHOOKS or not value.startswith(b'{"type')]
    assert all(value in kept for value in wanted)


def _failures(field: Field) -> list:
    return list(field.history().log.get("dm.failures.v1", ()))


@pytest.mark.long
def test_the_slowest_record_holds_back_its_commit_and_no_other_conversation(field: Field) -> None:
    """One send hangs at the platform. Others leave meanwhile; the offset stays at the one that
    hangs, so that a kill makes it unknown, and nothing is lost or sent twice."""
    field.feed(field.deliveries(200))
    field.wait_for_people(15)
    field.box.post("faults", kind="hang_after", next=1)
    field.answer(16)
    asked = {name for _, name in field.sends[-16:]}

    def hangs() -> bool:
        return any(one["fault"] == "hang_after" for one in field.box.get("attempts"))

    def left() -> int:
        return len(
            {
                event.data.command_id
                for event in list(field.log.seen)
                if isinstance(event, MessageSent) and event.data.command_id in asked
            }
        )

    field.running.wait(hangs, 30, "a send that hangs")
    field.running.wait(lambda: left() >= 3, 30, "sends of other conversations")
    time.sleep(1.5)  # commits go out twice a second
    field.running.kill("delivery")
    field.running.start("delivery")
    field.drain()
    field.assert_clean()
