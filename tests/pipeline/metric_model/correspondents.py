"""Who is talked with: who is new, who counts against the limit, who comes back."""

from collections import Counter, defaultdict
from datetime import date

from tests.pipeline.metric_model.profile import Profile, places
from tests.pipeline.metric_model.rows import Rows
from tests.pipeline.read_model import kind_of


def conversations_started_daily(p: Profile) -> Rows:
    started: Counter[tuple[date, str, str]] = Counter()
    for conversation, told in p.conversations.items():
        received = [e.time for e in told if kind_of(e) == "message.received"]
        if received and not p.backfilled(conversation):
            started[min(received).date(), p.name, conversation.split(":")[0]] += 1
    return [(*key, count) for key, count in started.items()]


def active_conversations(p: Profile) -> Rows:
    rows = []
    for month in {month for _, month, _ in places(p)}:
        here = [(c, rank) for c, m, rank in places(p) if m == month]
        platforms = Counter(c.split(":")[0] for c in {c for c, _ in here})
        highest = max(rank for _, rank in here)
        rows.append(
            (p.name, month, highest, platforms["facebook"], platforms["instagram"], platforms["x"],
             p.limit, highest / p.limit if p.limit else float("inf"), highest >= p.limit)
        )  # fmt: skip
    return rows


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
