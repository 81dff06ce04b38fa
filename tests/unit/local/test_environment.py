"""A child reads back exactly the settings that its parent had."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.limits import Limit
from streams.local.environment import as_environment
from streams.settings import Settings


def test_a_child_sees_what_its_parent_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Settings(
        _env_file=None,
        kafka="127.0.0.1:1",
        embedded=True,
        partitions=3,
        meta_app_secrets=(SecretStr("one"), SecretStr("two")),
        meta_verify_token=SecretStr("token"),
        meta_app_ids=("1", "2"),
        ready_file=Path("/run/ready"),
        month_zone="Europe/Madrid",
        auto_register=False,
        x_send_limits=(Limit(200, 900), Limit(1000, 86_400.5)),
        meta_send_limits=(),
    )
    for name, value in as_environment(ours).items():
        monkeypatch.setenv(name, value)
    theirs = Settings(_env_file=None)
    assert theirs == ours.model_copy(update={"data_dir": ours.data_dir.absolute()})


def test_a_relative_folder_is_the_same_one_for_a_child_elsewhere() -> None:
    assert Path(as_environment(Settings(_env_file=None))["DM_DATA_DIR"]).is_absolute()


def test_what_is_not_set_is_not_passed_on() -> None:
    assert "DM_READY_FILE" not in as_environment(Settings(_env_file=None))
