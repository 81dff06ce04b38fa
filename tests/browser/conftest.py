"""The dashboard as a real process on a simulated day, and a real Chromium to look at it.

The browser is Debian's `chromium`; without one these tests are skipped, as a machine may lack it.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.views import made_events
from sinks import facts
from streams.local import processes
from streams.simulator.demonstration import plan
from tests.conftest import ClickHouse
from tests.pipeline.simulated_archive import archive_simulation

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    folder: Path
    """For screenshots: DM_SCREENSHOTS, or a temporary one."""


def serve(clickhouse: ClickHouse, database: str, folder: Path) -> Iterator[Served]:
    port = processes.free_port()
    log_file = folder / f"dashboard-{port}.log"
    child = processes.start(
        [sys.executable, "-m", "streams.cli", "dashboard", "--port", str(port)],
        log_file=log_file,
        environment={
            "DM_CLICKHOUSE_READ_ONLY_URL": clickhouse.read_url,
            "DM_CLICKHOUSE_DATABASE": database,
            "DM_DASHBOARD_LOGIN": "none",
        },
    )
    deadline = time.monotonic() + 60
    while not processes.is_listening(port):
        assert child.poll() is None, log_file.read_text()
        assert time.monotonic() < deadline, log_file.read_text()
        time.sleep(0.05)
    shots = Path(os.environ.get("DM_SCREENSHOTS", folder))
    shots.mkdir(parents=True, exist_ok=True)
    yield Served(f"http://127.0.0.1:{port}", shots)
    processes.stop(child)


@pytest.fixture(scope="session")
def full(
    embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A day of ten profiles."""
    database = embedded_clickhouse.migrated()
    now = datetime.now(UTC)
    client = embedded_clickhouse.connect()
    day = plan(seed=7, until=now, webhooks=3_000)
    # In a thread of its own: a browser that is already there runs an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(archive_simulation, client, database, day, now, with_sends=True).result()
    client.close()
    yield from serve(embedded_clickhouse, database, tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="session")
def many(
    embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A hundred profiles, twelve of which have half of everything."""
    database = embedded_clickhouse.migrated()
    client = embedded_clickhouse.connect()
    client.command(
        made_events(database),
        parameters={
            "first": 0, "count": 64_000, "until": f"{datetime.now(UTC):%Y-%m-%d %H:00:00.000}",
        },
    )  # fmt: skip
    facts.refresh(client, database=database)
    client.close()
    yield from serve(embedded_clickhouse, database, tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="session")
def empty(
    embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Nothing has happened yet."""
    database = embedded_clickhouse.migrated()
    yield from serve(embedded_clickhouse, database, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module only: while it lives it keeps an event loop running in this thread, in which
    no other test could run its own.
    """
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Look:
    """A page, and everything that went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda told: self.errors.append(told.text) if told.type == "error" else None,
        )
        self.requests: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, url: str, once: str = "body[data-asked]") -> Page:
        """`once`: what is there when the page has its answers, and stays when it asks again."""
        self.page.goto(url)
        self.page.wait_for_selector(once, timeout=120_000)
        return self.page


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    yield Look(context.new_page())
    context.close()
