"""A short soak in every build; `make soak` is the long one."""

import os
from pathlib import Path

import pytest

from tests.engines import Broker
from tests.faults.soak import soak, soaking

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

SECONDS = 60 * float(os.environ.get("DM_TEST_SOAK_MINUTES", "1"))
RATE = float(os.environ.get("DM_TEST_SOAK_RATE", "15"))


def test_a_minute_of_traffic_and_faults_drawn_at_random_keeps_every_promise(
    broker: Broker, tmp_path: Path
) -> None:
    """Whatever is hurt in whatever order, once it is quiet the checker finds nothing."""
    with soaking(broker.settings(tmp_path), tmp_path, None) as (field, door, clickhouse):
        findings, done = soak(field, door, clickhouse, (), seconds=SECONDS, rate=RATE, say=print)
        assert not findings, f"seed {field.seed}: {list(map(str, findings[:8]))}"
        assert done.hurt
        assert field.sends
