"""How long correspondents wait for an answer."""

from datetime import datetime, timedelta

from tests.pipeline.metric_model.profile import Profile, places
from tests.pipeline.metric_model.rows import Rows, grouped, quantile, seconds
from tests.pipeline.read_model import kind_of


def waiting_conversations(p: Profile) -> Rows:
    rows: Rows = []
    if p.is_deleted:
        return rows
    for conversation in p.conversations:
        platform = conversation.split(":")[0]
        spans = _spans(p, conversation)
        if not spans or spans[-1][1] is not None:
            continue
        last = max(at for at, is_reply in p.turns(conversation) if not is_reply)
        window = p.windows[platform]
        expires = None if window is None else last + timedelta(seconds=window)
        month = p.wall(p.now).strftime("%Y-%m")
        rank = max((r for c, m, r in places(p) if (c, m) == (conversation, month)), default=0)
        archiving = [
            kind_of(e) for c, _, e in p.of("conversation.archived", "conversation.unarchived")
            if c == conversation
        ]  # fmt: skip
        rows.append(
            (p.name, conversation, platform, spans[-1][0], expires is None or p.now < expires,
             expires, rank > p.limit, archiving[-1:] == ["conversation.archived"])
        )  # fmt: skip
    return rows


def closing_windows(p: Profile) -> Rows:
    return [
        (*row[:4], row[5], row[6])
        for row in waiting_conversations(p)
        if row[5] is not None and timedelta(0) < row[5] - p.now <= timedelta(days=1) and not row[7]
    ]


def _spans(p: Profile, conversation: str) -> list[tuple[datetime, datetime | None]]:
    spans: list[tuple[datetime, datetime | None]] = []
    waiting: datetime | None = None
    for at, is_reply in p.turns(conversation):
        if is_reply and waiting is not None:
            spans.append((waiting, at))
            waiting = None
        elif not is_reply and waiting is None:
            waiting = at
    return spans if waiting is None else [*spans, (waiting, None)]


def reporting_spans(p: Profile) -> Rows:
    rows = []
    for conversation in p.conversations:
        for number, (start, end) in enumerate(_spans(p, conversation)):
            autos = [
                at for at in p.autos(conversation) if at >= start and (end is None or at <= end)
            ]
            rows.append(
                (p.name, conversation, conversation.split(":")[0],
                 "next_response" if number else "first_response", start, end, end is not None,
                 None if end is None else seconds(end - start),
                 None if end is None else business_seconds(p, start, end),
                 bool(autos), seconds(autos[0] - start) if autos else None,
                 p.backfilled(conversation))
            )  # fmt: skip
    return rows


def business_seconds(p: Profile, start: datetime, end: datetime) -> float:
    """Day by day, by the clock on the wall; whole seconds."""
    begin, until = (p.wall(at).replace(microsecond=0) for at in (start, end))
    total, day = 0.0, begin.replace(hour=0, minute=0, second=0)
    while day <= until:
        if str(day.isoweekday()) in p.hours.weekdays:
            opens = day + timedelta(seconds=p.hours.opens_seconds)
            closes = day + timedelta(seconds=p.hours.closes_seconds)
            total += max(0.0, (min(until, closes) - max(begin, opens)).total_seconds())
        day += timedelta(days=1)
    return total


def first_responses(p: Profile) -> Rows:
    return [
        (profile, conversation, platform, start, end, answered, length, backfill)
        for profile, conversation, platform, kind, start, end, answered, length, _, _, _, backfill
        in reporting_spans(p)
        if kind == "first_response"
    ]  # fmt: skip


def first_response_times(p: Profile) -> Rows:
    rows = [
        (profile, platform, first.date(), answered, length)
        for profile, _, platform, first, _, answered, length, has_backfill in first_responses(p)
        if not has_backfill
    ]
    return [
        (*key, len(values), sum(v[0] for v in values),
         quantile((v[1] for v in values), 0.5), quantile((v[1] for v in values), 0.9))
        for key, values in grouped(rows, 3).items()
    ]  # fmt: skip


def response_times_daily(p: Profile) -> Rows:
    spans = [
        (row[4].date(), p.name, row[2], row[3], row[6], row[7], row[8])
        for row in reporting_spans(p)
        if row[3] == "next_response" or not row[11]
    ]
    return [
        (*key, len(values), sum(v[0] for v in values), sum(v[0] for v in values) / len(values),
         quantile((v[1] for v in values), 0.5), quantile((v[1] for v in values), 0.9),
         quantile((v[2] for v in values), 0.5), quantile((v[2] for v in values), 0.9))
        for key, values in grouped(spans, 4).items()
    ]  # fmt: skip


def auto_response_effect(p: Profile) -> Rows:
    spans = [
        (row[4].date(), p.name, row[2], row[9], row[6], row[7], row[10])
        for row in reporting_spans(p)
    ]
    return [
        (*key, len(values), sum(v[0] for v in values), sum(v[0] for v in values) / len(values),
         quantile((v[1] for v in values), 0.5), quantile((v[2] for v in values), 0.5))
        for key, values in grouped(spans, 4).items()
    ]  # fmt: skip
