"""Secrets of a pipeline on this machine: there for every provider, kept, readable by us alone."""

import stat
from pathlib import Path

from pydantic import SecretStr

from streams.local.credentials import with_secrets
from streams.settings import Settings


def settings(folder: Path, **changes: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder, **changes)  # type: ignore[arg-type]


def test_every_provider_gets_a_secret_and_a_second_start_the_same(tmp_path: Path) -> None:
    first, second = with_secrets(settings(tmp_path)), with_secrets(settings(tmp_path))
    for made in (first.ayrshare_secrets, first.meta_app_secrets, first.x_consumer_secrets):
        assert len(made) == 1
        assert len(made[0].get_secret_value()) == 48
    assert first.meta_verify_token.get_secret_value()
    assert first == second


def test_the_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with_secrets(settings(tmp_path))
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


def test_a_secret_that_is_set_stays_and_is_not_written_down(tmp_path: Path) -> None:
    mine = with_secrets(settings(tmp_path, x_consumer_secrets=(SecretStr("mine"),)))
    assert mine.x_consumer_secrets == (SecretStr("mine"),)
    assert "DM_X_CONSUMER_SECRETS" not in (tmp_path / "secrets.env").read_text()


def test_nothing_is_written_where_all_are_set(tmp_path: Path) -> None:
    with_secrets(
        settings(
            tmp_path,
            ayrshare_secrets=(SecretStr("a"),),
            meta_app_secrets=(SecretStr("b"),),
            meta_verify_token=SecretStr("c"),
            x_consumer_secrets=(SecretStr("d"),),
        )
    )
    assert list(tmp_path.iterdir()) == []


def test_a_shell_can_read_the_file(tmp_path: Path) -> None:
    made = with_secrets(settings(tmp_path))
    lines = (tmp_path / "secrets.env").read_text().splitlines()
    assert f"DM_AYRSHARE_SECRETS={made.ayrshare_secrets[0].get_secret_value()}" in lines
