"""What is exported, what is written about it, and what alerts ask of it."""

import re
import timeit
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

from streams.monitoring import metrics

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/operations.md").read_text()
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "docs/prometheus/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]

OURS: dict[str, MetricWrapperBase] = {
    one._name + {Counter: "_total", Info: "_info"}.get(type(one), ""): one
    for one in vars(metrics).values()
    if isinstance(one, MetricWrapperBase)
}


def rows() -> dict[str, list[str]]:
    found = re.findall(r"^\| `(dmstream_\w+)` \| ([\w, ]*) \| [\w ]+ \| .+ \|$", PAGE, re.MULTILINE)
    return {name: [label for label in labels.split(", ") if label] for name, labels in found}


def test_the_table_of_the_page_is_what_is_exported_with_its_labels() -> None:
    assert rows() == {name: list(one._labelnames) for name, one in OURS.items()}


def test_what_a_process_exports_is_ours_and_what_every_python_process_has() -> None:
    exported = {family.name for family in REGISTRY.collect()}
    ours = {one._name for one in OURS.values()}
    others = {name for name in exported - ours if not name.startswith(("python_", "process_"))}
    assert ours <= exported
    assert not {name for name in others if name.startswith("dmstream")}


@pytest.mark.parametrize("name", sorted(OURS))
def test_names_follow_the_conventions_of_prometheus(name: str) -> None:
    one = OURS[name]
    assert name.startswith(metrics.PREFIX)
    assert one._documentation.endswith(".")
    if isinstance(one, Histogram):
        assert name.endswith(("_seconds", "_records", "_rows")), "the unit is the name's end"
        assert not one._labelnames or len(one._labelnames) == 1
    elif isinstance(one, Gauge):
        assert not name.endswith("_total")
    assert not set(one._labelnames) & {"profile", "profile_id", "account", "conversation", "person"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_asks_what_is_exported_and_the_page_says_what_to_do(rule: Any) -> None:
    for name in re.findall(r"dmstream_\w+", rule["expr"]):
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        assert name in OURS or base in OURS, name
    for labels in re.findall(r"(dmstream_\w+)\{([^}]*)\}", rule["expr"]):
        known = OURS[re.sub(r"_(bucket|count|sum)$", "", labels[0])]._labelnames
        assert set(re.findall(r"(\w+)[=!]", labels[1])) <= set(known)
    assert re.search(rf"^\| {rule['alert']} \| .+ \| .+ \|$", PAGE, re.MULTILINE)
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_page_tells_of_no_alert_that_is_not_there() -> None:
    section = PAGE.partition("## Alerts")[2]
    told = re.findall(r"^\| ([A-Z]\w+) \|", section, re.MULTILINE)
    assert told == [rule["alert"] for rule in RULES]


def test_a_count_costs_microseconds() -> None:
    """Beside about 100 us of a webhook and some ms of a batch; ten times what was measured."""
    times = 5_000
    seconds = timeit.timeit(lambda: metrics.WEBHOOKS_ACCEPTED.labels("test").inc(), number=times)
    assert seconds / times < 30e-6
