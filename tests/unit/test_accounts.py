"""What is known of accounts, and what a provider calls a profile."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.accounts import AccountRecord, account_key
from streams.accounts import AccountDirectory
from streams.settings import Settings


@pytest.fixture
def directory() -> AccountDirectory:
    """Not started: what it reads is put into it."""
    return AccountDirectory(Settings(_env_file=None))


def put(directory: AccountDirectory, reference: str, profile: str, **more: Any) -> None:
    record = AccountRecord(
        provider=more.pop("provider", "ayrshare"),
        reference=reference,
        profileid=profile,
        linked_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    directory.put(account_key(record.provider, reference), record)


def test_a_profile_is_called_by_its_own_id_first_then_by_its_other_references(
    directory: AccountDirectory,
) -> None:
    for reference in ("page", "ref-1", "a-page"):
        put(directory, reference, "ref-1")
    put(directory, "other", "ref-2")
    put(directory, "44", "ref-1", provider="x")
    assert directory.references("ayrshare", "ref-1") == ["ref-1", "a-page", "page"]
    assert directory.references("meta", "ref-1") == []


def test_a_reference_that_came_to_another_profile_is_the_first_one_s_no_more(
    directory: AccountDirectory,
) -> None:
    put(directory, "page", "old")
    put(directory, "page", "new")
    assert directory.references("ayrshare", "old") == []
    assert directory.references("ayrshare", "new") == ["page"]
