"""What became of each send and of each message that went out."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from tests.pipeline.metric_model.profile import Profile
from tests.pipeline.metric_model.rows import Rows, grouped, quantile, seconds
from tests.pipeline.read_model import kind_of


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
