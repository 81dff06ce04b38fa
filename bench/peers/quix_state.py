"""Idiomatic Quix Streams: two streaming data frames, state in its RocksDB store with a changelog.

Its own settings are its defaults. Idempotence is off because the embedded broker has none; the
session is short because that broker answers a join only after half of it.
"""

from typing import Any

from quixstreams import Application, message_context
from quixstreams.models.serializers import Serializer

from bench.peers.core import Folding, events_of
from schemas.events import Event
from schemas.topics import EVENTS, WEBHOOKS
from streams.settings import Settings

settings = Settings(_env_file=None)
core = Folding()


class EventSerializer(Serializer):
    def __call__(self, value: Event, ctx: Any) -> bytes:  # noqa: ARG002 - its interface
        return value.to_json()


class Table:
    """Quix's state of the current key, as the mapping that the core functions want."""

    __slots__ = ("state",)

    def __init__(self, state: Any) -> None:
        self.state = state

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self.state.get_bytes(key.decode())
        return found

    def __setitem__(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.state.delete(key.decode())
        else:
            self.state.set_bytes(key.decode(), value)


def read(value: bytes, _key: bytes, _timestamp: int, headers: Any) -> list[Event]:
    place = message_context()
    return events_of(headers, value, f"{place.topic}/{place.partition}/{place.offset}")


def fold(value: bytes, state: Any) -> list[Event]:
    return core.event_in(value, Table(state))


def profile(event: Event) -> bytes:
    return event.profileid.encode()


def main() -> None:
    app = Application(
        broker_address=settings.kafka,
        consumer_group=settings.topic("quix"),
        auto_offset_reset="earliest",
        state_dir=settings.data_dir / settings.topic("quix"),
        producer_extra_config={
            "enable.idempotence": False,
            "acks": "all",
            "compression.type": "lz4",
        },
        consumer_extra_config={"session.timeout.ms": 4000, "heartbeat.interval.ms": 1000},
        loglevel="WARNING",
    )
    webhooks = app.topic(settings.topic(WEBHOOKS), value_deserializer="bytes")
    events = app.topic(
        settings.topic(EVENTS), value_deserializer="bytes", value_serializer=EventSerializer()
    )
    app.dataframe(webhooks).apply(read, expand=True, metadata=True).to_topic(events, key=profile)
    app.dataframe(events).apply(fold, stateful=True, expand=True).to_topic(events, key=profile)
    app.run()


if __name__ == "__main__":
    main()
