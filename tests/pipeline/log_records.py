"""Records of one profile's messages on a log, and how many rows the archive has of them."""

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from schemas import data
from schemas.events import MessageReceived
from schemas.ids import event_id
from sinks.archive import LogRecord

TOPIC = "dm.events.v1"
AT = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)
SECRET_TEXT = "my card number is 4242"


def record(offset: int, *, profile: str = "p", text: str = SECRET_TEXT) -> LogRecord:
    name = f"m{offset}"
    event = MessageReceived(
        id=event_id("meta", profile, "message", name),
        source="/dmstream/meta/1",
        time=AT + timedelta(seconds=offset),
        subject="facebook:1:2",
        profileid=profile,
        platform="facebook",
        receivedat=AT + timedelta(seconds=offset, milliseconds=250),
        data=data.Message(
            provider="meta", account_id="1", correspondent_id="2", message_id=name, text=text
        ),
    )
    return LogRecord(0, offset, 1_700_000_000_000 + offset, profile.encode(), event.to_json(), ())


def records(first: int, last: int, *, profile: str) -> list[LogRecord]:
    return [record(offset, profile=profile) for offset in range(first, last + 1)]


def spread(given: list[LogRecord]) -> list[LogRecord]:
    """Over three partitions, each with offsets from 0."""
    return [one._replace(partition=n % 3, offset=n // 3) for n, one in enumerate(given)]


def stored(client: Client, database: str, log: str, profile: str) -> tuple[int, int, int, int]:
    """Rows of event_log and events: as they lie there, and as a reader sees them."""
    counts = []
    for final in ("", "FINAL"):
        counts.append(
            client.command(
                f"SELECT count() FROM {database}.event_log {final} WHERE _log = {{log:String}}",
                parameters={"log": log},
            )
        )
        counts.append(
            client.command(
                f"SELECT count() FROM {database}.events {final} WHERE profile_id = {{p:String}}",
                parameters={"p": profile},
            )
        )
    return counts[0], counts[1], counts[2], counts[3]
