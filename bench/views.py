"""How long analysts wait: the dashboard's questions on 20 million events.

    python bench/views.py [--events 20000000] [--data FOLDER] [--tail 5000]

The events are made inside ClickHouse (embedded, in a temporary folder unless --data keeps it): 100
profiles of which twelve have half of everything, 32 events a conversation, three months. The facts
are computed as the history worker does it; then `--tail` more events come and are left uncomputed,
as they are between two rounds of it. Each question is asked five times; the middle time counts.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
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


def fill(client: Client, first: int, count: int, until: str) -> None:
    for at in range(first, first + count, CHUNK):
        size = min(CHUNK, first + count - at)
        for statement in (MAKE, LOG):
            client.command(statement, parameters={"first": at, "count": size, "until": until})


def fill_tail(client: Client, conversations: int, until: str) -> None:
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


def milliseconds(
    client: Client, sql: str, parameters: Mapping[str, Any], server: psutil.Process
) -> tuple[float, float, int]:
    """The middle time on the clock, the least processor time of the server, and the rows."""
    clock, work, rows = [], [], 0
    for _ in range(5):
        used, began = sum(server.cpu_times()[:2]), time.perf_counter()
        rows = len(client.query(sql, parameters=parameters).result_rows)
        clock.append((time.perf_counter() - began) * 1000)
        work.append((sum(server.cpu_times()[:2]) - used) * 1000)
    return statistics.median(clock), min(work), rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--tail", type=int, default=300)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.data or Path(temporary)
        with processes.clickhouse(folder) as (url, read_url):
            (server,) = psutil.Process().children()
            ask_all(clickhouse.connect(url, answer_seconds=3600), read_url, server, arguments)


def ask_all(
    client: Client, read_url: str, server: psutil.Process, arguments: argparse.Namespace
) -> None:
    migrate.apply(client, defaults=migrate.business_defaults(monthly_limit=100, month_zone="UTC"))
    known = int(str(client.command("SELECT count() FROM dm.events WHERE version < 1000000000")))
    until = time.strftime("%Y-%m-%d %H:00:00.000", time.gmtime())
    began = time.perf_counter()
    if known < arguments.events:
        fill(client, known, arguments.events - known, until)
    made = time.perf_counter() - began
    computed = compute(client)
    if arguments.tail:
        # Parts of conversations that are known, somewhere among the others.
        fill_tail(client, arguments.tail, until)
    conversations = client.command("SELECT count() FROM dm.fact_heads")
    size = client.command(
        "SELECT formatReadableSize(sum(bytes_on_disk)) FROM system.parts"
        " WHERE database = 'dm' AND active AND startsWith(table, 'fact_')",
    )
    print(f"{arguments.events:,} events in {made:.0f} s, {conversations:,} conversations,")
    print(f"facts computed in {computed:.0f} s, {size}; {facts.waiting(client)} uncomputed;")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before the questions\n")
    reader = clickhouse.connect(read_url, database="dm_analytics", answer_seconds=600)
    biggest = client.command(
        "SELECT profile_id FROM dm.fact_heads GROUP BY 1 ORDER BY count() DESC LIMIT 1"
    )
    talk = client.command(
        "SELECT conversation_id FROM dm.fact_heads WHERE profile_id = {p:String} LIMIT 1",
        parameters={"p": biggest},
    )
    print(f"{'':<26} {'biggest profile':>19} {'all profiles':>19}")
    print(f"{'question':<26} {'clock':>10} {'work':>8} {'clock':>10} {'work':>8} {'rows':>5}  ms")
    slow = 0
    for question in questions.ALL:
        most = DRILL_DOWN_MS if question.is_drill_down else CHART_MS
        line, rows = f"{question.name:<26}", 0
        for profile in (str(biggest), ""):
            if question.needs_conversation and not profile:
                line += f" {'':>10} {'':>8}"
                continue
            parameters = questions.parameters(
                profile=profile, platform="", days=30, conversation=str(talk)
            )
            clock, work, rows = milliseconds(reader, question.sql, parameters, server)
            slow += clock > most
            line += f" {clock:>10.0f} {work:>8.0f}"
        print(f"{line} {rows:>5}{'' if not question.is_drill_down else '  drill-down'}", flush=True)
    print(f"\n{slow} slower than {CHART_MS} ms (drill-down {DRILL_DOWN_MS} ms)")


if __name__ == "__main__":
    main()
