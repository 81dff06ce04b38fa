"""Tokens that name their account, and ids that are for ever."""

import pytest

from streams.sandbox.config import Account, named_by
from streams.sandbox.store import Store


@pytest.mark.parametrize(
    ("token", "named"),
    [
        ("sandbox.44", ("44", "")),
        ("sandbox.44.my-profile", ("44", "my-profile")),
        ("sandbox.44.a%20b.c", ("44", "a b.c")),
        ("a-real-token", None),
        (None, None),
    ],
)
def test_a_token_names_its_account_or_nobody(
    token: str | None, named: tuple[str, str] | None
) -> None:
    assert named_by(token) == named


def test_a_sandbox_that_starts_again_gives_no_message_an_id_it_gave_before() -> None:
    """Else the archive would take the new message for the old one, told once more."""
    account = Account("meta", "facebook", "1")
    first = Store(clock=lambda: 1_795_000_000.0).add(account, "2", "account", text="a")
    second = Store(clock=lambda: 1_795_000_060.0).add(account, "2", "account", text="a")
    assert first.message_id != second.message_id
