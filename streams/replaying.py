"""Failed records back onto the topic they came from: `dmstream replay`.

A replay is harmless to repeat: events carry pure ids, so what was understood meanwhile counts once,
and what fails again fails under the same failure id.
"""

from collections import Counter
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from schemas.topics import BACKFILLS, COMMANDS, WEBHOOKS, WebhookHeader
from sinks.failed import Selection, find
from streams.agents.outbox import Outbox
from streams.settings import Settings

REPLAYABLE = (WEBHOOKS, COMMANDS, BACKFILLS)
"""What came from outside, and questions that a provider refused. A broken record of another topic
has a writer to be mended, and putting it there again would only break once more."""

_BATCH = 500


@dataclass(slots=True)
class Tally:
    """Counts by (stage, reason)."""

    replayed: Counter[tuple[str, str]] = field(default_factory=Counter)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of topics that are not replayed."""


async def replay(
    client: Client, settings: Settings, selection: Selection, outbox: Outbox | None
) -> Tally:
    """Puts the failures back; without an outbox (a dry run) it only counts.

    Returns once every record is durable on its topic.
    """
    tally = Tally()
    waiting = 0
    replayable = {settings.topic(name) for name in REPLAYABLE}
    for failed in find(client, selection, database=settings.clickhouse_database):
        place = (failed.stage, failed.reason)
        if failed.topic not in replayable:
            tally.left[place] += 1
            continue
        tally.replayed[place] += 1
        if outbox is None:
            continue
        known = [pair for pair in failed.headers if pair[0] == WebhookHeader.REPLAYED_FROM]
        mark = [] if known else [(WebhookHeader.REPLAYED_FROM, failed.origin.encode())]
        outbox.add(failed.topic, failed.key, failed.value, failed.headers + mark)
        waiting += 1
        if waiting % _BATCH == 0:
            await outbox.flush()
    if outbox is not None:
        await outbox.flush()
    return tally
