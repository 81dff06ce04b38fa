"""How long analysts wait: the dashboard's questions on 20 million events.

    make bench-views, or python -m bench.views [--events 20000000] [--data FOLDER] [--tail 100] [--write]

The events are made inside ClickHouse (embedded, in a temporary folder unless --data keeps it): 100
profiles of which twelve have half of everything, 32 events a conversation, three months. The facts
are computed as the history worker does it; then `--tail` conversations get one more message, which
is left uncomputed, as between two rounds of the worker. Each question is asked five times of the
read-only port, of the biggest profile and of all; the middle time counts.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from clickhouse_connect.driver.client import Client

from bench import processes
from sinks import clickhouse, facts, migrate
from streams.dashboard import questions

CHUNK = 2_000_000
EVENTS_A_CONVERSATION = 32
CHART_MS, DRILL_DOWN_MS = 300, 500

MAKE = """
INSERT INTO dm.events
    (profile_id, conversation_id, message_id, slot, event_id, version, kind, platform, provider,
     account_id, correspondent_id, command_id, occurred_at, received_at, logged_at, text, origin,
     party, person_id, emoji, watermark_at, attachments, details, month, rank, reason)
WITH
    intDiv(number, 32) AS talk, number % 32 AS step,
    toUInt32(floor(100 * pow((cityHash64(talk) % 1000000) / 1000000, 3))) AS owner,
    ['instagram', 'facebook', 'x'][talk % 3 + 1] AS platform_,
    -- A conversation's messages lie within some days of its beginning.
    toUInt64(1000 * floor((cityHash64(talk, 'begins') % 7000000))) AS begins,
    toUInt64(pow((cityHash64(talk, step) % 1000) / 1000, 3) * 500000000) AS after,
    {until:DateTime64(3, 'UTC')} - toIntervalMillisecond(7776000000) + toIntervalMillisecond(begins + after) AS at,
    step < 11 AS is_in, step BETWEEN 11 AND 19 AS is_out,
    lower(hex(cityHash64(talk, 'c'))) AS person
SELECT
    concat('profile-', toString(owner)),
    concat(platform_, ':page', toString(owner), ':', person),
    if(step < 20 OR step = 28, concat('m', toString(talk), '-', toString(step % 20)), ''),
    if(step < 20, '', toString(number)),
    lower(hex(cityHash64(number, 'e'))),
    number,
    multiIf(is_in, 'message.received', is_out, 'message.sent', step < 25, 'message.read', step < 28, 'message.delivered',
        step = 28, 'reaction.added', step = 29, 'conversation.activated', step = 30, 'send.accepted', 'send.attempted'),
    platform_, 'meta', concat('page', toString(owner)), person,
    if(step IN (11, 30, 31), concat('cmd', toString(talk)), ''),
    at, at + toIntervalMillisecond(cityHash64(number) % 4000), at + toIntervalMillisecond(5000),
    if(step < 20, 'how much is the blue one, and do you deliver?', ''),
    if(is_out, if(step = 12, 'auto', if(step = 11, 'api', 'elsewhere')), if(step >= 30, 'api', '')),
    if(step BETWEEN 20 AND 28, 'correspondent', ''),
    if(step = 28, person, ''), if(step = 28, '❤', ''),
    if(step BETWEEN 20 AND 27, at, toDateTime64(0, 3, 'UTC')),
    if(is_in AND cityHash64(number, 'a') % 8 = 0, '[{"type":"image","platform_type":"image","url":"u"}]', ''),
    '',
    if(step IN (29, 30), formatDateTime(at, '%Y-%m'), ''), if(step IN (29, 30), talk % 3000 + 1, 0), ''
FROM numbers({first:UInt64}, {count:UInt64})
"""

LOG = """
INSERT INTO dm.event_log
    (_log, _topic, _partition, _offset, event_id, type, profile_id, conversation_id, occurred_at,
     received_at, logged_at, key, payload, restored_from)
SELECT 'bench', 'dm.events.v1', number % 8, intDiv(number, 8), '', 'dm.message.received.v1', '', '',
    0, 0, {until:DateTime64(3, 'UTC')} - toIntervalMillisecond((20000000 - number) * 388), '', '', ''
FROM numbers({first:UInt64}, {count:UInt64})
"""


def made_events(database: str) -> str:
    """The statement that makes them; parameters `first`, `count` and `until`, a UTC time."""
    return MAKE.replace("INSERT INTO dm.", f"INSERT INTO {database}.")


def fill(client: Client, first: int, count: int, until: str) -> None:
    for at in range(first, first + count, CHUNK):
        size = min(CHUNK, first + count - at)
        for statement in (MAKE, LOG):
            client.command(statement, parameters={"first": at, "count": size, "until": until})


def fill_tail(client: Client, conversations: int) -> None:
    """One late message for each of so many conversations of all ages, as they come between two
    rounds of computing."""
    client.command(
        "INSERT INTO dm.events (profile_id, conversation_id, message_id, event_id, version, kind,"
        " platform, provider, account_id, correspondent_id, occurred_at, received_at, logged_at)"
        " SELECT profile_id, conversation_id, concat('late-', event_id), concat('late-', event_id),"
        " 1000000000 + version, kind, platform, provider, account_id, correspondent_id,"
        " now64(3), now64(3), now64(3) FROM dm.events"
        " WHERE kind = 'message.received' AND slot = '' AND message_id LIKE 'm%-0'"
        " ORDER BY cityHash64(event_id) LIMIT {count:UInt32}",
        parameters={"count": conversations},
    )


def compute(client: Client) -> float:
    began = time.perf_counter()
    while facts.refresh(client).conversations:
        pass
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Measured:
    """One question, of one profile or of all."""

    rows_read: int
    clock_ms: float
    """The middle of five."""
    work_ms: float
    """Processor time of the server, the least of five."""


def measured(
    client: Client, sql: str, parameters: Mapping[str, Any], server: psutil.Process
) -> Measured:
    clock, work, rows = [], [], 0
    for _ in range(5):
        used, began = sum(server.cpu_times()[:2]), time.perf_counter()
        answer = client.query(sql, parameters=parameters)
        clock.append((time.perf_counter() - began) * 1000)
        work.append((sum(server.cpu_times()[:2]) - used) * 1000)
        rows = int(answer.summary.get("read_rows", 0))
    return Measured(rows, statistics.median(clock), min(work))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--tail", type=int, default=100)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.data or Path(temporary)
        with processes.clickhouse(folder) as (url, read_url):
            (server,) = psutil.Process().children()
            client = clickhouse.connect(url, answer_seconds=3600)
            told = prepare(client, arguments.events, arguments.tail)
            rows = ask_all(client, read_url, server)
    met = sum(row.endswith("| yes |") for row in rows)
    told += f" {met} of {len(rows)} within their goal."
    print(f"\n{told}")
    if arguments.write:
        PAGE.write_text(
            PAGE.read_text().split(MARK)[0] + MARK + "\n".join([told, "", *HEAD, *rows]) + "\n"
        )


PAGE = Path(__file__).parents[1] / "docs/performance-views.md"
MARK = "<!-- written by make bench-views -->\n\n"
HEAD = (
    "| question | rows, one profile | ms | processor ms | rows, all | ms | processor ms | goal | met |",
    "|---|--:|--:|--:|--:|--:|--:|--:|---|",
)


def prepare(client: Client, events: int, tail: int) -> str:
    """An archive of so many events, computed but for the tail; what it is, in a sentence."""
    migrate.apply(client, defaults=migrate.business_defaults(monthly_limit=100, month_zone="UTC"))
    known = int(str(client.command("SELECT count() FROM dm.events WHERE version < 1000000000")))
    until = time.strftime("%Y-%m-%d %H:00:00.000", time.gmtime())
    if known < events:
        fill(client, known, events - known, until)
    waiting = facts.waiting(client)
    computed = compute(client)
    if waiting > 1000:
        print(f"{waiting:,} conversations computed in {computed:.0f} s", flush=True)
    # As it is an hour later, when the worker has tidied up.
    facts.tidy(client, above=0, safe_after_seconds=-1)
    if tail:
        fill_tail(client, tail)
    conversations = int(str(client.command("SELECT count() FROM dm.fact_heads")))
    size = client.command(
        "SELECT formatReadableSize(sum(bytes_on_disk)) FROM system.parts"
        " WHERE database = 'dm' AND active AND startsWith(table, 'fact_')"
    )
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} processors, load"
        f" {os.getloadavg()[0]:.1f} at the beginning: {events:,} events,"
        f" {conversations:,} conversations, facts {size}, {facts.waiting(client)} conversations with"
        " an event that came after their facts were computed."
    )


def ask_all(client: Client, read_url: str, server: psutil.Process) -> list[str]:
    reader = clickhouse.connect(read_url, database="dm_analytics", answer_seconds=600)
    biggest = str(
        client.command(
            "SELECT profile_id FROM dm.fact_heads GROUP BY 1 ORDER BY count() DESC LIMIT 1"
        )
    )
    talk = str(
        client.command(
            "SELECT conversation_id FROM dm.fact_heads WHERE profile_id = {p:String} LIMIT 1",
            parameters={"p": biggest},
        )
    )
    print(*HEAD, sep="\n")
    lines = []
    for question in questions.ALL:
        goal = DRILL_DOWN_MS if question.is_drill_down else CHART_MS
        line, is_met = f"| {question.name} |", True
        for profile in (biggest, ""):
            if question.needs_conversation and not profile:
                line += " | | |"
                continue
            parameters = questions.parameters(
                profile=profile, platform="", days=30, conversation=talk
            )
            one = measured(reader, question.sql, parameters, server)
            is_met = is_met and one.clock_ms <= goal
            line += f" {one.rows_read:,} | {one.clock_ms:.0f} | {one.work_ms:.0f} |"
            print(f"{question.name:<28} {one}", file=sys.stderr, flush=True)
        lines.append(f"{line} {goal} | {'yes' if is_met else 'no'} |")
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
