"""Events as the pipeline writes them, in any number, from a seed: for what reads `dm.events.v1`."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.lots import Record
from schemas import data, events
from schemas.envelope import Envelope
from schemas.ids import event_id
from sinks.archive import LogRecord

BATCH = 20_000
START = datetime(2026, 11, 1, tzinfo=UTC)


def records(count: int, seed: int = 1) -> Iterator[Record]:
    """Each with the time of its receipt as its timestamp: the same rows whoever writes them."""
    chance = random.Random(seed)
    for number in range(count):
        event = an_event(number, chance)
        stamp = int(event.receivedat.timestamp() * 1000)
        yield Record(event.profileid.encode(), event.to_json(), [], stamp)


def batches_of(rows: int) -> list[list[LogRecord]]:
    """The same as records of one partition, in batches."""
    made = [
        LogRecord(0, number, one.timestamp_ms or 0, one.key, one.value, ())
        for number, one in enumerate(records(rows))
    ]
    return [made[at : at + BATCH] for at in range(0, rows, BATCH)]


def an_event(number: int, chance: random.Random) -> Envelope:
    """Six of ten are messages; 650 to 800 bytes of JSON, as the pipeline's own are."""
    account, person = f"17841{chance.randrange(500):012d}", f"{10**15 + chance.randrange(200)}"
    profile, message = f"profile-{chance.randrange(500)}", f"m_{chance.getrandbits(240):x}"
    at = START + timedelta(milliseconds=chance.randrange(20 * 86_400_000))
    body = {"provider": "meta", "account_id": account, "correspondent_id": person}
    envelope = {
        "source": f"/dmstream/meta/{account}",
        "time": at,
        "receivedat": at + timedelta(milliseconds=chance.randrange(3000)),
        "subject": f"instagram:{account}:{person}",
        "profileid": profile,
        "platform": "instagram",
        "correlationid": uuid.UUID(int=chance.getrandbits(128)).hex,
        "causationid": f"dm.webhooks.v1/3/{number}",
    }
    text = "how much is the blue one, and do you deliver? "[: chance.randrange(10, 46)] * 2
    match chance.randrange(10):
        case 0 | 1 | 2 | 3:
            made = data.Message(**body, message_id=message, text=text)
            name = event_id("meta", account, "message", message)
            return events.MessageReceived(id=name, data=made, **envelope)
        case 4 | 5 | 6:
            made = data.Message(**body, message_id=message, text=text, origin="elsewhere")
            name = event_id("meta", account, "message", message)
            return events.MessageSent(id=name, data=made, **envelope)
        case 7 | 8:
            receipt = data.Receipt(**body, watermark_at=at)
            name = event_id("meta", account, "read", message)
            return events.MessageRead(id=name, data=receipt, **envelope)
        case _:
            reaction = data.Reaction(**body, message_id=message, person_id=person, emoji="❤")
            name = event_id("meta", account, "reaction", message)
            return events.ReactionAdded(id=name, data=reaction, **envelope)
