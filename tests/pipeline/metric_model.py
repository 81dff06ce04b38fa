"""What each metric is, in plain Python: loops and sums over the events of one profile.

Each function is named as its view and gives the view's rows, as tuples in no order. Columns that
depend on the time of the query stand in the views' other tests.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from schemas.business_hours import BusinessHours
from schemas.envelope import Envelope
from tests.pipeline.read_model import kind_of, winners

Rows = list[tuple[Any, ...]]
MESSAGES = ("message.received", "message.sent")


class Profile:
    """Events of one profile, each once, sorted by conversation."""

    def __init__(self, name: str, told: Iterable[Envelope], now: datetime) -> None:
        self.name = name
        self.now = now
        self.conversations: dict[str, list[Any]] = defaultdict(list)
        self.limit, self.zone = 100, "UTC"
        self.hours = BusinessHours()
        self.windows: dict[str, int | None] = {"instagram": 7 * 86_400, "facebook": None, "x": None}
        once = sorted(winners(told), key=lambda e: (e.time, e.id))
        for event in once:
            if event.subject is not None:
                self.conversations[event.subject].append(event)
            elif kind_of(event) == "limit.changed" and event.time > _began(once):
                body = event.data
                self.limit = self.limit if body.monthly_limit is None else body.monthly_limit
                self.zone = body.month_zone or self.zone
                self.windows |= body.reply_window_seconds or {}
                self.hours = body.business_hours or self.hours
        self.is_deleted = _is_deleted(once)

    def wall(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone)).replace(tzinfo=UTC)

    def of(self, *kinds: str) -> list[tuple[str, str, Any]]:
        """(conversation, platform, event)"""
        return [
            (conversation, conversation.split(":")[0], event)
            for conversation, told in self.conversations.items()
            for event in told
            if kind_of(event) in kinds
        ]

    def turns(self, conversation: str) -> list[tuple[datetime, bool]]:
        return sorted(
            (e.time, kind_of(e) == "message.sent")
            for e in self.conversations[conversation]
            if kind_of(e) in MESSAGES and not is_auto(e)
        )

    def autos(self, conversation: str) -> list[datetime]:
        return sorted(e.time for e in self.conversations[conversation] if is_auto(e))

    def backfilled(self, conversation: str) -> bool:
        return any(
            e.data.backfilled for e in self.conversations[conversation] if kind_of(e) in MESSAGES
        )


def _is_deleted(told: Iterable[Any]) -> bool:
    """Only a registration that is dated after the last deletion brings a profile back."""
    deletions = _deletions(told)
    registrations = [e.time for e in told if kind_of(e) == "profile.registered"]
    if not deletions:
        return False
    return not registrations or max(registrations) <= max(deletions)


def _began(told: Iterable[Any]) -> datetime:
    """What was set up to then is of a former life: the deletion before the last registration."""
    never = datetime.min.replace(tzinfo=UTC)
    last = max((e.time for e in told if kind_of(e) == "profile.registered"), default=never)
    return max((at for at in _deletions(told) if at < last), default=never)


def _deletions(told: Iterable[Any]) -> list[datetime]:
    return [
        e.time for e in told
        if kind_of(e) == "messaging.deactivated" and e.data.reason == "profile_deleted"
    ]  # fmt: skip


def is_auto(event: Any) -> bool:
    return kind_of(event) == "message.sent" and event.data.origin == "auto"


def quantile(values: Iterable[float | None], level: float) -> float | None:
    """Between the two nearest ranks in proportion."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    place = (len(known) - 1) * level
    low = int(place)
    high = min(low + 1, len(known) - 1)
    return known[low] + (known[high] - known[low]) * (place - low)


def grouped(rows: Iterable[tuple[Any, ...]], width: int) -> dict[tuple[Any, ...], Rows]:
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        groups[row[:width]].append(row[width:])
    return groups


def seconds(span: timedelta) -> float:
    return round(span.total_seconds() * 1000) / 1000


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


def conversations_started_daily(p: Profile) -> Rows:
    started: Counter[tuple[date, str, str]] = Counter()
    for conversation, told in p.conversations.items():
        received = [e.time for e in told if kind_of(e) == "message.received"]
        if received and not p.backfilled(conversation):
            started[min(received).date(), p.name, conversation.split(":")[0]] += 1
    return [(*key, count) for key, count in started.items()]


def _places(p: Profile) -> set[tuple[str, str, int]]:
    return {
        (conversation, e.data.month, e.data.rank)
        for conversation, _, e in p.of("conversation.activated", "send.accepted")
    }


def active_conversations(p: Profile) -> Rows:
    rows = []
    for month in {month for _, month, _ in _places(p)}:
        here = [(c, rank) for c, m, rank in _places(p) if m == month]
        platforms = Counter(c.split(":")[0] for c in {c for c, _ in here})
        highest = max(rank for _, rank in here)
        rows.append(
            (p.name, month, highest, platforms["facebook"], platforms["instagram"], platforms["x"],
             p.limit, highest / p.limit if p.limit else float("inf"), highest >= p.limit)
        )  # fmt: skip
    return rows


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
        rank = max((r for c, m, r in _places(p) if (c, m) == (conversation, month)), default=0)
        archiving = [
            kind_of(e) for c, _, e in p.of("conversation.archived", "conversation.unarchived")
            if c == conversation
        ]  # fmt: skip
        rows.append(
            (p.name, conversation, platform, spans[-1][0], expires is None or p.now < expires,
             expires, rank > p.limit, archiving[-1:] == ["conversation.archived"])
        )  # fmt: skip
    return rows


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


def reply_windows(p: Profile) -> Rows:
    rows = []
    for conversation in p.conversations:
        platform = conversation.split(":")[0]
        window = p.windows[platform]
        turns = [*p.turns(conversation), None]
        for here, following in pairwise(turns):
            if window is None or here is None or here[1]:
                continue
            opened, expires = here[0], here[0] + timedelta(seconds=window)
            if following is not None and following[0] < expires:
                if following[1]:
                    share = seconds(following[0] - opened) / window
                    rows.append((p.name, conversation, platform, opened, expires, following[0],
                                 "replied", share))  # fmt: skip
                continue
            outcome = "closed" if p.now >= expires else "open"
            rows.append((p.name, conversation, platform, opened, expires, None, outcome, None))
    return rows


def reply_windows_daily(p: Profile) -> Rows:
    rows = [(row[3].date(), p.name, row[2], row[6], row[7]) for row in reply_windows(p)]
    return [
        (*key, len(values), sum(v[0] == "replied" for v in values),
         sum((v[1] or 0) > 0.5 for v in values), sum((v[1] or 0) > 0.9 for v in values),
         sum(v[0] == "closed" for v in values), sum(v[0] == "open" for v in values))
        for key, values in grouped(rows, 3).items()
    ]  # fmt: skip


def sends(p: Profile) -> Rows:
    by_command: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for conversation, told in p.conversations.items():
        for event in told:
            command = getattr(event.data, "command_id", None)
            if command:
                by_command[command, conversation, conversation.split(":")[0]].append(event)
    return [_send(p, *key, told) for key, told in by_command.items()]


def _send(p: Profile, command: str, conversation: str, platform: str, told: list[Any]) -> Any:
    def named(kind: str) -> list[Any]:
        return [e for e in told if kind_of(e) == kind]

    def first(events: list[Any]) -> datetime | None:
        return min((e.time for e in events), default=None)

    sent, accepted = named("message.sent"), named("send.accepted")
    rejected = sorted(named("send.rejected"), key=lambda e: (e.receivedat, e.id))
    failed = sorted(named("send.failed"), key=lambda e: (e.receivedat, e.id))
    unknown = sorted(named("send.unknown"), key=lambda e: (e.receivedat, e.id), reverse=True)
    outcome, reason, finished = "pending", "", None
    for name, ends in (("unknown", unknown), ("failed", failed), ("rejected", rejected)):
        if ends:
            outcome, reason, finished = name, ends[0].data.reason, ends[0].receivedat
    if sent:
        outcome, reason, finished = "sent", "", min(e.receivedat for e in sent)
    accepted_at, sent_at = first(accepted), first(sent)
    return (
        p.name, command, conversation, platform,
        "auto" if any(getattr(e.data, "origin", None) == "auto" for e in told) else "api",
        outcome, reason,
        min(sent, key=lambda e: (e.time, e.id)).data.message_id if sent else "",
        len(named("send.attempted")),
        first(accepted) or first(rejected) or first(told),
        accepted_at, first(named("send.attempted")), sent_at, finished,
        seconds(sent_at - accepted_at) if sent_at and accepted_at else None,
    )  # fmt: skip


def send_outcomes_daily(p: Profile) -> Rows:
    counted = Counter((s[9].date(), p.name, s[3], s[4], s[5], s[6]) for s in sends(p))
    return [(*key, count) for key, count in counted.items()]


def delivery_daily(p: Profile) -> Rows:
    rows = []
    accepted = [(s[10].date(), p.name, s[3], s[5], s[14]) for s in sends(p) if s[10]]
    for key, values in grouped(accepted, 3).items():
        outcomes = Counter(v[0] for v in values)
        settled = len(values) - outcomes["pending"]
        rows.append(
            (*key, len(values), outcomes["sent"], outcomes["failed"], outcomes["unknown"],
             outcomes["pending"], outcomes["sent"] / settled if settled else None,
             outcomes["unknown"] / settled if settled else None,
             quantile((v[1] for v in values), 0.5), quantile((v[1] for v in values), 0.9))
        )  # fmt: skip
    return rows


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


def read_rates_daily(p: Profile) -> Rows:
    rows = []
    for conversation, platform, message in p.of("message.sent"):
        told = {
            kind: _first_told(p, conversation, kind, message)
            for kind in ("message.delivered", "message.read")
        }
        read = told["message.read"]
        waited = None if read is None else seconds(read - message.time)
        rows.append((message.time.date(), p.name, platform, told["message.delivered"] is not None,
                     read is not None, waited))  # fmt: skip
    return [
        (*key, len(values), sum(v[0] for v in values), sum(v[1] for v in values),
         sum(v[1] for v in values) / len(values),
         quantile((v[2] for v in values), 0.5), quantile((v[2] for v in values), 0.9))
        for key, values in grouped(rows, 3).items()
    ]  # fmt: skip


def _first_told(p: Profile, conversation: str, kind: str, message: Any) -> datetime | None:
    return min(
        (
            e.time
            for e in p.conversations[conversation]
            if kind_of(e) == kind
            and (
                e.data.message_id == message.data.message_id
                or (
                    e.data.watermark_at is not None
                    and e.data.by == "correspondent"
                    and message.time <= e.data.watermark_at
                )
            )
        ),
        default=None,
    )


def correspondent_retention(p: Profile) -> Rows:
    wrote: dict[str, set[int]] = defaultdict(set)
    for conversation, _, event in p.of("message.received"):
        wrote[conversation].add(event.time.year * 12 + event.time.month - 1)
    rows: Rows = []
    present = p.now.year * 12 + p.now.month - 1
    for cohort in {min(months) for months in wrote.values()}:
        people = [months for months in wrote.values() if min(months) == cohort]
        for month in range(cohort, max(present, *map(max, people)) + 1):
            back = sum(month in months for months in people)
            rows.append((p.name, _first(cohort), _first(month), month - cohort, len(people), back,
                         back / len(people)))  # fmt: skip
    return rows


def _first(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


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


def closing_windows(p: Profile) -> Rows:
    return [
        (*row[:4], row[5], row[6])
        for row in waiting_conversations(p)
        if row[5] is not None and timedelta(0) < row[5] - p.now <= timedelta(days=1) and not row[7]
    ]


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


MODELS: dict[str, Callable[[Profile], Rows]] = {
    model.__name__: model
    for model in (
        messages_daily, messages_hourly, conversations_started_daily, active_conversations,
        waiting_conversations, reporting_spans, first_responses, response_times_daily,
        auto_response_effect, reply_windows, reply_windows_daily, sends, send_outcomes_daily,
        delivery_daily, reactions_daily, read_rates_daily, correspondent_retention,
        attachments_daily, ingestion_delays_daily, profiles, closing_windows,
        first_response_times, conversation_activity,
    )
}  # fmt: skip

NOT_COMPARED: dict[str, tuple[str, ...]] = {
    "waiting_conversations": ("waiting_seconds", "window_remaining_seconds"),
    "closing_windows": ("window_remaining_seconds",),
}
"""Columns that say how long it is until the query or from it."""
