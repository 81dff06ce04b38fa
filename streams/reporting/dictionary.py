"""Pages and files that are made of the views' own comments and of `metric_definitions`.

Made by `dmstream dictionary`; a test holds the files in the tree against what it makes.
"""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

Rows = Sequence[Sequence[Any]]


def metrics_page(client: Client, analytics: str) -> str:
    """docs/metrics.md. Raises the client's errors."""
    metrics = client.query(
        "SELECT name, definition, unit, timestamp_used, leaves_out, view"
        f" FROM {analytics}.metric_definitions ORDER BY name"
    ).result_rows
    lines = [
        "# Metrics",
        "",
        "Made from `metric_definitions` and the views' comments by `dmstream dictionary --metrics`; not",
        "written by hand. The same texts explain the numbers on the dashboard and in Grafana.",
        "",
    ]
    for name, definition, unit, timestamp, leaves_out, view in metrics:
        lines += [
            f"## {name}",
            "",
            definition,
            "",
            f"- **Unit**: {unit}",
            f"- **Placed by**: {timestamp}",
            f"- **Leaves out**: {leaves_out}",
            f"- **View**: `{view}`",
            "",
        ]
    lines += ["# Views", "", "In the database `dm_analytics`. Times are UTC.", ""]
    for table, columns in views(client, analytics):
        lines += [f"## `{table}`", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{n}` | `{kind.replace('|', ' ')}` | {text} |" for n, kind, text in columns]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def dbt_sources(client: Client, analytics: str) -> str:
    """sources.yml for dbt: every view with its comments, and tests of its key and values."""
    lines = [
        "# Made by `dmstream dictionary --dbt`; not written by hand.",
        "version: 2",
        "sources:",
        "  - name: dm_analytics",
        "    description: Direct messages, by dmstream. The views are the contract.",
        "    tables:",
    ]
    for table, columns in views(client, analytics):
        lines += [f"      - name: {table}"]
        if table in KEYS:
            key = f"({KEYS[table]})" if "," in KEYS[table] else KEYS[table]
            lines += [
                "        data_tests:",
                f"          - unique: {{name: {table}_key, arguments: {{column_name: '{key}'}}}}",
            ]
        lines += ["        columns:"]
        for name, _, text in columns:
            lines += [f"          - name: {name}", f"            description: {_quoted(text)}"]
            tests = _tests(table, name)
            if tests:
                lines += ["            data_tests:", *(f"              - {t}" for t in tests)]
    return "\n".join(lines) + "\n"


def views(client: Client, analytics: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """(view, its columns as (name, type, comment)), by name."""
    rows = client.query(
        "SELECT table, name, type, comment FROM system.columns"
        " WHERE database = {database:String} ORDER BY table, position",
        parameters={"database": analytics},
    ).result_rows
    found: dict[str, list[tuple[str, str, str]]] = {}
    for table, name, kind, comment in rows:
        found.setdefault(str(table), []).append((str(name), str(kind), str(comment)))
    return list(found.items())


_DAILY = "day, profile_id, platform"
_CONVERSATION = "profile_id, conversation_id"
KEYS = {
    "active_conversations": "profile_id, month",
    "attachments_daily": f"{_DAILY}, direction, attachment_type",
    "auto_response_effect": f"{_DAILY}, has_auto_response",
    "can_reply": _CONVERSATION,
    "closing_windows": _CONVERSATION,
    "completeness": "log, topic, partition",
    "completeness_daily": "day, log, topic, partition",
    "conversation_activity": f"{_CONVERSATION}, began_at",
    "conversations": _CONVERSATION,
    "conversations_started_daily": _DAILY,
    "correspondent_retention": "profile_id, cohort_month, month",
    "delivery_daily": _DAILY,
    "erasures": f"{_CONVERSATION}, erased_at",
    "failed_events": "failure_id",
    "failed_events_daily": "day, stage, reason",
    "first_response_times": _DAILY,
    "first_responses": _CONVERSATION,
    "ingestion_delays_daily": _DAILY,
    "messages": f"{_CONVERSATION}, message_id",
    "messages_daily": _DAILY,
    "messages_hourly": "profile_id, platform, day, hour, utc_day",
    "metric_definitions": "name",
    "profiles": "profile_id",
    "reactions_daily": f"{_DAILY}, reacted_by, emoji",
    "read_rates_daily": _DAILY,
    "reply_windows": f"{_CONVERSATION}, opened_at",
    "reply_windows_daily": _DAILY,
    "reporting_spans": f"{_CONVERSATION}, kind, started_at",
    "response_times_daily": f"{_DAILY}, kind",
    "send_outcomes_daily": f"{_DAILY}, origin, outcome, reason",
    "sends": "profile_id, command_id",
    "waiting_conversations": _CONVERSATION,
    "webhook_deliveries": "hook_id, event_id, replay_id, attempt",
}
"""What there is one row of, by view."""

_SPANS = "['first_response', 'next_response']"
_SENDS = "['sent', 'rejected', 'failed', 'unknown', 'pending']"
_VALUES = {
    ("", "platform"): "['facebook', 'instagram', 'x', '']",
    ("", "direction"): "['in', 'out']",
    ("reporting_spans", "kind"): _SPANS,
    ("response_times_daily", "kind"): _SPANS,
    ("reply_windows", "outcome"): "['replied', 'closed', 'open']",
    ("sends", "outcome"): _SENDS,
    ("send_outcomes_daily", "outcome"): _SENDS,
}
"""By view (empty: every one) and column."""

_OF_CONVERSATIONS = frozenset({
    "conversation_activity", "first_responses", "messages", "reply_windows", "reporting_spans",
    "waiting_conversations",
})  # fmt: skip
"""Each row is of a conversation that has a row in `conversations`."""


def _tests(table: str, name: str) -> list[str]:
    """Only tests that a row could fail: what the type forbids needs none."""
    tests = []
    values = _VALUES.get((table, name)) or _VALUES.get(("", name))
    if values:
        tests.append(f"accepted_values: {{arguments: {{values: {values}}}}}")
    if name == "conversation_id" and table in _OF_CONVERSATIONS:
        to = "source('dm_analytics', 'conversations')"
        tests.append(f'relationships: {{arguments: {{to: "{to}", field: conversation_id}}}}')
    return tests


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
