"""What can't be a command is wrong usage, told before anything is asked of a broker."""

import pytest
from typer.testing import CliRunner

from streams.cli import app

SHOP = "instagram:2:1"


@pytest.fixture(autouse=True)
def nobody_carries_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that got so far is told by its exit code; a broker would be asked by `agreed`."""

    def reached(*_: object) -> None:
        raise SystemExit(99)

    for command in ("send", "account", "profile"):
        monkeypatch.setattr(f"streams.cli.{command}.carry_out", reached)
    monkeypatch.setattr("streams.agreed.agreed", reached)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (("send", "shop", SHOP, "--text", "hi", "--command-id", ""), "--command-id"),
        (("send", "shop", SHOP, "--text", "hi", "--command-id", "c" * 201), "--command-id"),
        (("send", "shop", SHOP, "--text", "hi", "--expires-in", "nan"), "--expires-in"),
        (("send", "shop", SHOP, "--text", "hi", "--expires-in", "1e12"), "--expires-in"),
        (("send", "shop", SHOP, "--text", "hi", "--expires-in", "-1"), "--expires-in"),
        (("send", "shop", SHOP, "--text", "hi", "--wait", "nan"), "--wait"),
        (("send", "", SHOP, "--text", "hi"), "PROFILE"),
        (("send", "shop", "", "--text", "hi"), "CONVERSATION"),
        (("profile", "activate", ""), "PROFILE"),
        (("account", "link", "shop", "", "--provider", "x", "--platform", "x"), "ACCOUNT"),
        (("account", "unlink", "shop", "", "--provider", "x", "--platform", "x"), "ACCOUNT"),
        (("backfill", "shop", "--command-id", ""), "--command-id"),
        (("backfill", ""), "PROFILE"),
        (("erase", "", SHOP), "PROFILE"),
        (("erase", "shop", ""), "CONVERSATION"),
    ],
)
def test_what_can_not_be_is_refused_as_usage_and_named(line: tuple[str, ...], named: str) -> None:
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 2, done.output
    assert f"Invalid value for {named}: " in done.stderr.replace("'", "")
    assert "fault" not in done.stderr


@pytest.mark.parametrize(
    "more", [(), ("--command-id", "c" * 200), ("--expires-in", "0.5"), ("--wait", "0")]
)
def test_what_can_be_is_carried_out(more: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ("send", "shop", SHOP, "--text", "hi", *more)).exit_code == 99
