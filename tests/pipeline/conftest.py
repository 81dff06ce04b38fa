"""What the tests of `dmstream up` share."""

from pathlib import Path

import pytest

from tests.pipeline.upping import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")
