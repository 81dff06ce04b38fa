"""The tables of metrics, read from ClickHouse by SQL, and where everything is to be found."""

import asyncio
import time
from typing import Literal

from rich.markup import escape
from rich.table import Table

from streams.local.archive import Archive, Row
from streams.local.credentials import secrets_file
from streams.local.metrics import METRICS, Metric
from streams.local.pipeline import Pipeline
from streams.local.services import dashboard_url, gateway_url, sandbox_url
from streams.settings import Settings

_ANSWER = """\
dmstream send my-profile instagram:2:1 --text "Yes, in blue."
dmstream query "SELECT outcome, reason, text FROM sends LEFT JOIN messages USING (command_id)
WHERE sends.profile_id = 'my-profile'"
"""
_EXAMPLE = """\
. {secrets}
body='{{"action":"messages","subAction":"messageCreated","type":"received","platform":"instagram",
"refId":"my-profile","id":"m1","senderId":"1","recipientId":"2","message":"hello",
"hookId":"h1","created":"'$(date -u +%FT%TZ)'"}}'
curl -i {url}/webhooks/ayrshare --data-binary "$body" \\
  -H "X-Authorization-Timestamp: $(date +%s)" \\
  -H "X-Authorization-Content-SHA256: $(printf %s "$body" \\
      | openssl dgst -sha256 -hmac "$DM_AYRSHARE_SECRETS" -r | cut -d' ' -f1)"
"""


async def show(pipeline: Pipeline) -> None:
    """Asks the views and prints. Raises the client's errors."""
    began = time.monotonic()
    archive = Archive(pipeline.settings)
    answers = [await asyncio.to_thread(archive.rows, metric.sql) for metric in METRICS]
    for metric, rows in zip(METRICS, answers, strict=True):
        pipeline.screen.console.print()
        pipeline.screen.console.print(table(metric, rows))
    pipeline.screen.console.print()
    pipeline.screen.done("asked ClickHouse", f"{len(METRICS)} queries", time.monotonic() - began)


def table(metric: Metric, rows: list[Row]) -> Table | str:
    if not rows:
        return f"  [bold]{metric.title}[/bold]: {metric.when_empty}"
    title = metric.title
    if metric.shown_of is not None:
        every = int(str(rows[0][-1]))
        if every > len(rows):
            title += f": {len(rows)} of {every:,}, {metric.shown_of}"
        rows = [row[:-1] for row in rows]
    forms = [form for _, form in metric.columns]
    cells = [[escape(form(value)) for form, value in zip(forms, row, strict=True)] for row in rows]
    shown = Table(title=title, title_justify="left", title_style="bold", box=None)
    for place, (heading, _) in enumerate(metric.columns):
        # The first names the row, and gives way where the screen is narrow; numbers never do.
        widest = max(len(row[place]) for row in cells) if place else None
        justify: Literal["left", "right"] = "right" if place else "left"
        shown.add_column(heading, justify=justify, no_wrap=True, min_width=widest)
    for row in cells:
        shown.add_row(*row)
    return shown


def _where_sends_go(settings: Settings) -> str:
    if settings.sandbox:
        return f"the sandbox at {sandbox_url(settings)} (for real with --real-platforms)"
    return "the platforms, for real, with the credentials in DM_CREDENTIAL_..."


def show_addresses(pipeline: Pipeline) -> None:
    """Where to send and where to ask. Of the secrets it shows this machine's API key alone."""
    settings, console = pipeline.settings, pipeline.screen.console
    secrets = secrets_file(settings)
    addresses = {
        "gateway": f"{gateway_url(settings)}/webhooks/ayrshare, /webhooks/meta, /webhooks/x",
        "dashboard": dashboard_url(settings),
        "ClickHouse": settings.clickhouse_url,
        "ClickHouse, read only": settings.clickhouse_read_only_url,
        "Kafka": settings.kafka,
        "sends go to": _where_sends_go(settings),
        "logs": str(settings.log_dir),
    }
    if pipeline.api_key:
        addresses["REST API"] = f"{gateway_url(settings)}/openapi.json"
        addresses["API key"] = f"{pipeline.api_key} (all rights; also in {secrets})"
    if secrets.exists():
        addresses["webhook secrets"] = f"{secrets} (made here, readable by you alone)"
    console.print()
    for name, address in addresses.items():
        console.print(f"  {name:<24}{escape(address)}", soft_wrap=True)
    console.print("\n  Ask, in another terminal:", soft_wrap=True)
    console.print(
        '    dmstream query "SELECT * FROM dm_analytics.waiting_conversations LIMIT 5"',
        soft_wrap=True,
    )
    if secrets.exists():
        console.print("\n  Send a webhook of your own:\n", soft_wrap=True)
        example = _EXAMPLE.format(secrets=secrets, url=gateway_url(settings))
        console.print(example, soft_wrap=True, markup=False)
        console.print("  Answer it:\n", soft_wrap=True)
        console.print(_ANSWER, soft_wrap=True, markup=False)
    console.print("  Serving. Ctrl-C stops.", soft_wrap=True)
