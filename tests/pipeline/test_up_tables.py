"""The tables that `up` prints, asked of a real engine."""

import pytest

from streams.local.metrics import METRICS
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline


def test_a_new_archive_answers_each_question_with_no_row(
    embedded_clickhouse: ClickHouse,
) -> None:
    views = f"{embedded_clickhouse.migrated()}_analytics"
    client = embedded_clickhouse.connect()
    for metric in METRICS:
        found = client.query(metric.sql.replace("{views}", views))
        assert found.result_rows == [], metric.title
    client.close()


def test_this_month_is_the_month_in_each_profile_s_own_zone(
    embedded_clickhouse: ClickHouse,
) -> None:
    """`conversations` says which it is; here one of another year, as no clock can be turned."""
    client = embedded_clickhouse.connect()
    client.command("CREATE DATABASE months")
    client.command(
        "CREATE TABLE months.conversations ENGINE = Memory AS"
        " SELECT 'east' AS profile_id, '1999-12' AS month"
    )
    client.command(
        "CREATE TABLE months.active_conversations ENGINE = Memory AS SELECT *, 0 AS facebook_count,"
        " 0 AS instagram_count, 1 AS x_count, 1 AS active_count, 100 AS monthly_limit,"
        " 0.01 AS limit_share, false AS is_limit_reached FROM values("
        "'profile_id String, month String',"
        " ('east', '1999-11'), ('east', '1999-12'), ('west', '1999-12'))"
    )
    (metric,) = (one for one in METRICS if one.title == "Active conversations this month")
    rows = client.query(metric.sql.replace("{views}", "months")).result_rows
    client.close()
    assert [row[0] for row in rows] == ["east"]
