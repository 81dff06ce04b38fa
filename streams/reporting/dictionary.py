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
    """sources.yml for dbt: every view with its comments, and tests that hold for all of them."""
    lines = [
        "# Made by `dmstream dictionary --dbt`; not written by hand.",
        "version: 2",
        "sources:",
        "  - name: dm_analytics",
        "    description: Direct messages, by dmstream. The views are the contract.",
        "    tables:",
    ]
    for table, columns in views(client, analytics):
        lines += [f"      - name: {table}", "        columns:"]
        for name, kind, text in columns:
            lines += [f"          - name: {name}", f"            description: {_quoted(text)}"]
            tests = _tests(name, kind)
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


_VALUES = {
    "platform": "['facebook', 'instagram', 'x', '']",
    "direction": "['in', 'out']",
}


def _tests(name: str, kind: str) -> list[str]:
    tests = [] if kind.startswith("Nullable") else ["not_null"]
    if name in _VALUES:
        tests.append(f"accepted_values: {{arguments: {{values: {_VALUES[name]}}}}}")
    return tests


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
