"""The month of a profile: a page that needs nothing, and files that tools read."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from streams.reporting.exporting import export
from streams.reporting.month import Month, parameters
from streams.reporting.sections import EXPORTS, SECTIONS
from streams.settings import Settings
from streams.simulator.demonstration import plan
from tests.conftest import ClickHouse
from tests.pipeline.days import Day
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


def asked(environment: dict[str, str], *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "report", environment["PROFILE"], *more],
        check=False,
        cwd=Path(__file__).parents[2],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )


def report(environment: dict[str, str], *more: str) -> str:
    done = asked(environment, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sections(path: Path) -> dict[str, str]:
    """What stands under each title."""
    page = path.read_text()
    titles = {section.title.replace("'", "&#x27;"): section.title for section in SECTIONS}
    parts = re.split(r"<h2>(.*?)</h2>", page[page.index("<body>") :])
    return {titles[title]: text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


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


def test_the_page_is_headed_by_the_profile_and_the_month(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "month.html"
    report(environment, "--output", str(path))
    assert f"<h1>{environment['PROFILE']}, {NOW:%Y-%m}</h1>" in path.read_text()


def test_a_name_that_the_archive_never_heard_of_is_an_error_and_makes_no_page(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "month.html"
    done = asked(environment | {"PROFILE": "nobody"}, "--output", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "profile 'nobody'" in done.stderr
    assert not path.exists()


def test_every_number_that_is_drawn_is_explained_by_its_own_definition(
    environment: dict[str, str], embedded_clickhouse: ClickHouse
) -> None:
    client = embedded_clickhouse.connect(
        database=f"{environment['DM_CLICKHOUSE_DATABASE']}_analytics"
    )
    definitions = client.query("SELECT name FROM metric_definitions").result_rows
    values = parameters("anybody", Month.parse("2026-11"))
    for section in SECTIONS:
        described = client.query(f"DESCRIBE ({section.sql})", parameters=values)
        columns = [row[0] for row in described.result_rows]
        assert set(section.explained) <= set(columns), section.title
        assert {(metric,) for metric in section.explained.values()} <= set(definitions)
        if section.draw is not None:
            assert set(columns[1:]) - {"hour"} <= set(section.explained), section.title


def test_a_month_without_anything_says_so_in_place_of_every_chart(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "quiet.html"
    report(environment, "--month", "2019-04", "--output", str(path))
    assert "Plotly.newPlot(" not in path.read_text()
    for title, text in sections(path).items():
        assert "Nothing in this month." in text, title


def test_the_sections_of_a_profile_in_another_zone_are_of_one_month_or_say_of_which(
    environment: dict[str, str], embedded_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    """On Kiritimati the message is of November, in UTC of October."""
    day = Day()
    at = datetime(2026, 10, 31, 10, tzinfo=UTC)
    day.received("m", at)
    day.zone("Pacific/Kiritimati", at - timedelta(days=1))
    day.activated("ada", "2026-11", 1)
    day.store(embedded_clickhouse.connect(), environment["DM_CLICKHOUSE_DATABASE"])
    told = {}
    for month in ("2026-10", "2026-11"):
        path = tmp_path / f"{month}.html"
        report(environment | {"PROFILE": day.profile}, "--month", month, "--output", str(path))
        told[month] = sections(path)
    limit = "Active conversations and the limit"
    nothing = {
        month: {title for title, text in of.items() if "Nothing in this month." in text}
        for month, of in told.items()
    }
    assert set(told["2026-11"]) - nothing["2026-11"] == {limit}
    assert limit in nothing["2026-10"]
    assert {"Messages per day", "Busiest hours, in the profile's zone"}.isdisjoint(
        nothing["2026-10"]
    )
    assert "month in the profile&#x27;s zone" in told["2026-11"][limit]


def test_waits_that_nobody_had_in_business_hours_are_no_answer_at_once(
    environment: dict[str, str], embedded_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    day = Day()
    sunday = datetime(2026, 11, 15, 10, tzinfo=UTC)
    day.received("m", sunday)
    day.sent("r", sunday + timedelta(minutes=5))
    day.store(embedded_clickhouse.connect(), environment["DM_CLICKHOUSE_DATABASE"])
    path = tmp_path / "sunday.html"
    report(environment | {"PROFILE": day.profile}, "--month", "2026-11", "--output", str(path))
    table = sections(path)["Response times"]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", table)[-3:] == ["5 min", "5 min", "\N{EN DASH}"]


def test_the_progress_says_of_what_when_it_is_piped(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = asked(
        environment, "--output", str(tmp_path / "month.html"),
        "--export", "csv", "--folder", str(tmp_path),
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in done.stderr.splitlines() if line.strip()]
    assert lines[0] == f"month.html {len(SECTIONS)} questions answered"
    assert len(lines) == 1 + len(EXPORTS)
    size = (tmp_path / "messages.csv").stat().st_size
    assert f"messages.csv {size:,} bytes" in lines


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
    assert frame_of(path)["received_count"].sum() > 0
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("month", ["1970-01", f"{NOW:%Y-%m}"])
def test_the_first_and_the_last_month_that_can_be_asked_for_are_answered(
    environment: dict[str, str], tmp_path: Path, month: str
) -> None:
    report(environment, "--month", month, "--output", str(tmp_path / "month.html"))


def test_an_error_of_clickhouse_is_no_missing_answer_and_shows_none_of_the_question(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Invariant 11."""
    done = asked(
        environment | {"DM_CLICKHOUSE_DATABASE": "elsewhere"},
        "--month", "2026-10", "--output", str(tmp_path / "month.html"),
    )  # fmt: skip
    assert done.returncode == 1
    (sentence,) = filter(None, map(str.strip, done.stderr.splitlines()))
    assert "error 81 UNKNOWN_DATABASE" in sentence
    assert environment["PROFILE"] in sentence
    assert "2026-10" in sentence
    assert "SELECT" not in done.stderr
    assert "no answer" not in done.stderr


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_view_of_more_rows_than_an_answer_may_have_is_one_file_with_each_row_once(
    environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    settings = Settings(
        _env_file=None,
        clickhouse_read_only_url=environment["DM_CLICKHOUSE_READ_ONLY_URL"],
        clickhouse_database=environment["DM_CLICKHOUSE_DATABASE"],
    )
    values = parameters(environment["PROFILE"], Month.parse(f"{NOW:%Y-%m}"))
    folder = tmp_path / "in {one} or *"
    found = {}
    for piece_rows in (10, 1_000_000):
        files = export(
            settings, folder, values, kind=kind, told=lambda *_: None, piece_rows=piece_rows
        )
        assert sorted(folder.iterdir()) == sorted(files)
        found[piece_rows] = [frame_of(file) for file in files]
    assert len(found[10][0]) > 20
    for in_pieces, at_once in zip(*found.values(), strict=True):
        pd.testing.assert_frame_equal(in_order(in_pieces), in_order(at_once))


def frame_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pq.read_table(path).to_pandas()


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    place = frame.astype(str).sort_values(list(frame.columns)).index
    return frame.loc[place].reset_index(drop=True)
