"""The month of a profile: a page that needs nothing, and files that tools read."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from streams.reporting.month import Month, NoSuchMonthError
from streams.reporting.sections import EXPORTS, SECTIONS
from streams.simulator.demonstration import plan
from tests.conftest import ClickHouse
from tests.pipeline.simulated_archive import archive_simulation

pytestmark = pytest.mark.pipeline

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def environment(embedded_clickhouse: ClickHouse) -> dict[str, str]:
    database = embedded_clickhouse.migrated()
    client = embedded_clickhouse.connect()
    day = plan(seed=3, until=NOW, webhooks=1_200)
    archive_simulation(client, database, day, NOW, with_sends=True)
    profile = max(
        day.intention.profiles.values(), key=lambda p: sum(p.active_conversations.values())
    )
    return {
        "DM_CLICKHOUSE_READ_ONLY_URL": embedded_clickhouse.read_url,
        "DM_CLICKHOUSE_DATABASE": database,
        "PROFILE": profile.profile_id,
    }


def report(environment: dict[str, str], *more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "report", environment["PROFILE"], *more],
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_the_page_is_one_file_with_every_section(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "month.html"
    report(environment, "--output", str(path))
    page = path.read_text()
    for section in SECTIONS:
        assert section.title.replace("'", "&#x27;") in page
    assert page.count("Plotly.newPlot(") >= 3
    body = page[page.index("<body>") :]
    assert not re.search(r"(?:src|href)=.https?:", body)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_rows_are_files_that_tools_read(
    environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    files = report(
        environment, "--output", str(tmp_path / "month.html"),
        "--export", kind, "--folder", str(tmp_path),
    ).split()  # fmt: skip
    assert len(files) == len(EXPORTS) + 1
    path = tmp_path / f"messages_daily.{kind}"
    frame = pd.read_csv(path) if kind == "csv" else pq.read_table(path).to_pandas()
    assert frame["received_count"].sum() > 0
    assert not list(tmp_path.glob("*.partial"))


def test_a_month_is_written_as_a_month() -> None:
    assert Month.parse("2026-12").after == "2027-01-01"
    with pytest.raises(NoSuchMonthError, match="2026-11"):
        Month.parse("November")
