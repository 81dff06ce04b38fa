"""Workers that end without a word, at the worst moments."""

from pathlib import Path

import pytest

from streams.settings import Settings
from tests.conftest import ClickHouse
from tests.faults.field import ALL, under_fire

pytestmark = [pytest.mark.pipeline, pytest.mark.faults]


def test_sound(settings: Settings, embedded_clickhouse: ClickHouse, tmp_path: Path) -> None:
    archive = (embedded_clickhouse.url, embedded_clickhouse.migrated())
    with under_fire(settings, tmp_path, *ALL, clickhouse=archive) as field:
        feeding = field.feeding(300, 60)
        field.wait_for_people()
        field.answer(30)
        feeding.result()
        field.answer(10)
        field.drain()
        field.assert_clean()
