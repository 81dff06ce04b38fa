"""How much is said, when and of what kind."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pipeline.metric_model.profile import MESSAGES, Profile, is_auto
from tests.pipeline.metric_model.rows import Rows, grouped, quantile, seconds
from tests.pipeline.read_model import kind_of


def messages_daily(p: Profile) -> Rows:
    rows = [
        (e.time.date(), p.name, platform, kind_of(e) == "message.received",
         kind_of(e) == "message.sent", is_auto(e), e.data.backfilled)
        for _, platform, e in p.of(*MESSAGES)
    ]  # fmt: skip
    return [
        (*key, *map(sum, zip(*values, strict=True))) for key, values in grouped(rows, 3).items()
    ]


def messages_hourly(p: Profile) -> Rows:
    rows = [
        (p.name, platform, p.wall(e.time).date(), p.wall(e.time).isoweekday(), p.wall(e.time).hour,
         e.time.date(), kind_of(e) == "message.received", kind_of(e) == "message.sent", is_auto(e))
        for _, platform, e in p.of(*MESSAGES)
    ]  # fmt: skip
    return [
        (*key, *map(sum, zip(*values, strict=True))) for key, values in grouped(rows, 6).items()
    ]


def conversation_activity(p: Profile) -> Rows:
    quarter = timedelta(minutes=15)
    rows = []
    for conversation, platform, e in p.of(*MESSAGES):
        began = e.time - (e.time - datetime(1970, 1, 1, tzinfo=UTC)) % quarter
        there = p.wall(began)
        rows.append(
            (p.name, conversation, platform, began, began.date(), p.zone, there.isoweekday(),
             there.hour, kind_of(e) == "message.received", kind_of(e) == "message.sent", is_auto(e))
        )  # fmt: skip
    return [
        (*key, *map(sum, zip(*values, strict=True))) for key, values in grouped(rows, 8).items()
    ]


def reactions_daily(p: Profile) -> Rows:
    standing: dict[tuple[str, str, str], Any] = {}
    changes = p.of("reaction.added", "reaction.removed")
    changes.sort(key=lambda c: (c[2].time, kind_of(c[2]) == "reaction.removed", c[2].id))
    for conversation, _, event in changes:
        standing[conversation, event.data.message_id, event.data.person_id] = event
    counted = Counter(
        (e.time.date(), p.name, c.split(":")[0], e.data.by, e.data.emoji or e.data.name)
        for (c, _, _), e in standing.items()
        if kind_of(e) == "reaction.added"
    )
    return [(*key, count) for key, count in counted.items()]


def attachments_daily(p: Profile) -> Rows:
    deleted = {(c, e.data.message_id) for c, _, e in p.of("message.deleted")}
    counted = Counter(
        (e.time.date(), p.name, platform, "out" if kind_of(e) == "message.sent" else "in", a.type)
        for conversation, platform, e in p.of(*MESSAGES)
        if (conversation, e.data.message_id) not in deleted
        for a in e.data.attachments
    )
    return [(*key, count) for key, count in counted.items()]


def ingestion_delays_daily(p: Profile) -> Rows:
    delays = [
        (e.time.date(), p.name, platform, seconds(e.receivedat - e.time))
        for _, platform, e in p.of(*MESSAGES)
        if not e.data.backfilled
    ]
    return [
        (*key, len(values), quantile((v[0] for v in values), 0.5),
         quantile((v[0] for v in values), 0.9), max(v[0] for v in values))
        for key, values in grouped(delays, 3).items()
    ]  # fmt: skip


def profiles(p: Profile) -> Rows:
    told = p.of(*MESSAGES)
    if not told:
        return []
    received = sum(kind_of(e) == "message.received" for *_, e in told)
    last = max(e.time for *_, e in told)
    return [
        (p.name, len({c for c, *_ in told}), received, len(told) - received, last, p.is_deleted)
    ]
