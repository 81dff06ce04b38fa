"""Every metric that a process tells Prometheus of, and how each is counted.

They are module-level, as prometheus_client is made to be used: a count is one line where something
happens, and nothing has to be handed through ten constructors to be counted. Each process has all
names; what it does not do stays at nothing. `docs/operations.md` has the table, and
tests/unit/monitoring/test_metrics.py holds it against this file.

No label holds a profile, a person or an account: their number has no bound, and one names somebody.
Where something happens per record it is counted per batch.
"""

from functools import cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, Info

PREFIX = "dmstream_"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LONG_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_RECORDS = (1, 2, 5, 10, 50, 100, 500, 1_000, 2_000, 10_000, 50_000)

# Of every process
PROCESS = Info("dmstream_process", "What this process is: its name and version.")
RESTARTS = Gauge(
    "dmstream_restarts",
    "How often `dmstream up` has started this process anew; elsewhere 0, see process_start_time.",
)
READY = Gauge("dmstream_ready", "1 once recovered and able to work, else 0.")
LIVE = Gauge("dmstream_live", "1 while there is progress, else 0.")
TROUBLES = Counter(
    "dmstream_troubles_total",
    "Failed tries at a server that are waited out and tried again, by server.",
    ["server"],
)
LOG_LINES_LOST = Counter(
    "dmstream_log_lines_lost_total", "Log lines that could not be written, to a full disk say."
)

# Of the gateway
WEBHOOKS_ACCEPTED = Counter(
    "dmstream_webhooks_accepted_total", "Webhooks answered 2xx: durable on the log.", ["provider"]
)
WEBHOOKS_REFUSED = Counter(
    "dmstream_webhooks_refused_total",
    "Webhooks not answered 2xx, by the reason.",
    ["provider", "reason"],
)
WEBHOOK_KEEP_SECONDS = Histogram(
    "dmstream_webhook_keep_seconds",
    "From a webhook's body read to its record durable.",
    buckets=_SECONDS,
)

# Of every worker: what it reads
PARTITIONS = Gauge("dmstream_reader_partitions", "Partitions held, by topic.", ["topic"])
LAG = Gauge(
    "dmstream_reader_lag_records",
    "Records of a partition after the committed offset.",
    ["topic", "partition"],
)
COMMITTED_AGE = Gauge(
    "dmstream_reader_committed_age_seconds",
    "Age of the oldest record that is read and not committed; 0 where there is none.",
    ["topic", "partition"],
)
STALLED = Gauge(
    "dmstream_reader_stalled_seconds",
    "How long there has been lag and no commit; 0 where there is progress.",
    ["topic", "partition"],
)
BATCH_RECORDS = Histogram(
    "dmstream_batch_records", "Records of a delivered batch.", ["topic"], buckets=_RECORDS
)
REBALANCES = Counter("dmstream_rebalances_total", "Assignments of partitions to this worker.")
FAILURES = Counter(
    "dmstream_failures_total",
    "Records put on dm.failures.v1, by stage and reason.",
    ["stage", "reason"],
)

# Of the conversations worker
COMMANDS_DECIDED = Counter(
    "dmstream_sends_decided_total",
    "Commands to send, by what was decided: accepted, or rejected with its reason.",
    ["decision", "reason"],
)

# Of the delivery worker
SENDS_ENDED = Counter(
    "dmstream_sends_ended_total",
    "Accepted sends, by what became of them: sent, failed or unknown, and why.",
    ["platform", "outcome", "reason"],
)
SENDS_DELAYED = Counter(
    "dmstream_sends_delayed_total",
    "Times that a send was put on the delayed topic, to wait for its account or platform.",
    ["platform"],
)
SEND_SECONDS = Histogram(
    "dmstream_send_seconds",
    "From a send's acceptance to the platform's answer that it was sent.",
    ["platform"],
    buckets=_LONG_SECONDS,
)
SEND_ATTEMPT_SECONDS = Histogram(
    "dmstream_send_attempt_seconds",
    "One request to a platform, answered or not.",
    ["provider"],
    buckets=_LONG_SECONDS,
)

# Of the history worker
INSERT_SECONDS = Histogram(
    "dmstream_archive_insert_seconds",
    "From an insert's first try to its acknowledgement.",
    ["topic"],
    buckets=_SECONDS,
)
INSERT_ROWS = Histogram(
    "dmstream_archive_insert_rows", "Rows of an insert.", ["topic"], buckets=_RECORDS
)
ARCHIVE_DELAY_SECONDS = Histogram(
    "dmstream_archive_delay_seconds",
    "From a record's time on the log to its row in the archive; the newest of each insert.",
    ["topic"],
    buckets=_LONG_SECONDS,
)
WINDOWS_CLOSING = Gauge(
    "dmstream_windows_closing_within_hour",
    "Correspondents who wait for a reply in a window that ends within the hour. As of the last "
    "look at the archive; the same at each history worker.",
)
SENDS_UNKNOWN = Gauge(
    "dmstream_sends_unknown",
    "Sends of the last 7 days whose outcome is unknown. As of the last look at the archive.",
)
LIMIT_USE = Gauge(
    "dmstream_profiles_limit_use",
    "Profiles by their share of this month's limit: under_50, 50_to_80, 80_to_100, reached.",
    ["share"],
)
ARCHIVE_LOOKED_AT = Gauge(
    "dmstream_archive_looked_at_timestamp_seconds",
    "When the archive was last asked for the three above.",
)

# Of the webhooks worker
HOOK_ATTEMPTS = Counter(
    "dmstream_hook_attempts_total",
    "Attempts to deliver a webhook to a subscriber: delivered, failed, given_up or disabled.",
    ["outcome"],
)
HOOK_SECONDS = Histogram(
    "dmstream_hook_seconds", "One request to a subscriber, answered or not.", buckets=_SECONDS
)


@cache
def child(metric: Any, *labels: str) -> Any:
    """`metric.labels(...)`, remembered: 3 us a count instead of 5 (measured beside other work). For
    what is counted often; label values are few."""
    return metric.labels(*labels)
