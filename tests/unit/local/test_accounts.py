"""Which accounts the log told of, read back for `dm.accounts.v1`."""

from datetime import UTC, datetime
from typing import Any

import orjson

from schemas import data
from schemas.accounts import AccountRecord
from schemas.events import AccountLinked, AccountUnlinked, MessageReceived, ProfileRegistered
from streams.local.accounts import AccountBook

AT = datetime(2026, 11, 22, 14, 33, 7, tzinfo=UTC)


def registered(profile: str, reference: str, source: str) -> bytes:
    return ProfileRegistered(
        id=f"r{profile}", source=source, time=AT, receivedat=AT, profileid=profile,
        data=data.ProfileRegistered(reference=reference),
    ).to_json()  # fmt: skip


def linked(profile: str, source: str = "/dmstream/x/1", **link: Any) -> bytes:
    return AccountLinked(
        id=f"l{profile}", source=source, time=AT, receivedat=AT, profileid=profile,
        data=data.AccountLink(**link),
    ).to_json()  # fmt: skip


def book(*values: bytes) -> dict[str, AccountRecord]:
    accounts = AccountBook()
    for value in values:
        accounts.note(value)
    return {
        key.decode(): AccountRecord.model_validate_json(record)
        for key, record in accounts.records()
    }


def test_a_profile_registered_by_its_first_webhook_and_its_accounts_come_back_as_they_were() -> (
    None
):
    records = book(
        registered("ref-1", "ref-1", "/dmstream/ayrshare/ref-1"),
        linked("ref-1", provider="ayrshare", platform="instagram", account_id="ig-1",
               reason="auto_register"),
        linked("ref-1", provider="ayrshare", platform="facebook", account_id="fb-1",
               reason="auto_register"),
    )  # fmt: skip
    assert records == {
        "ayrshare:ref-1": AccountRecord(
            provider="ayrshare", reference="ref-1", profileid="ref-1", origin="auto",
            linked_at=AT,
        )
    }  # fmt: skip


def test_an_account_linked_by_a_command_belongs_to_the_profile_it_named() -> None:
    records = book(
        registered("p", "shop", "/dmstream/api/p"),
        linked("p", provider="meta", platform="facebook", account_id="page", credential="main"),
        linked("p", provider="x", platform="x", account_id="44"),
    )
    assert records["meta:page"].profileid == "p"
    assert records["meta:page"].credential == "main"
    assert records["meta:page"].origin == "command"
    assert set(records) == {"meta:page", "x:44"}


def test_the_last_profile_that_linked_an_account_owns_it() -> None:
    link = {"provider": "x", "platform": "x", "account_id": "44"}
    assert book(linked("p", **link), linked("q", **link))["x:44"].profileid == "q"


def test_an_unlinked_account_still_says_whose_it_was() -> None:
    link = {"provider": "x", "platform": "x", "account_id": "44"}
    gone = AccountUnlinked(
        id="u", source="/dmstream/x/44", time=AT, receivedat=AT, profileid="p",
        data=data.AccountLink(**link),
    ).to_json()  # fmt: skip
    assert book(linked("p", **link), gone)["x:44"].profileid == "p"


def test_other_events_are_passed_over_even_when_their_text_speaks_of_links() -> None:
    message = MessageReceived(
        id="m", source="/dmstream/x/44", time=AT, receivedat=AT, profileid="p",
        data=data.Message(
            provider="x", account_id="44", correspondent_id="5", message_id="m",
            text='"type":"dm.account.linked.v1"',
        ),
    ).to_json()  # fmt: skip
    assert book(message, orjson.dumps({"type": "dm.other.v1"})) == {}


def test_a_profile_registered_by_command_is_found_by_its_ayrshare_reference_again() -> None:
    records = book(registered("shop", "ref-1", "/dmstream/commands/shop"))
    assert records["ayrshare:ref-1"].profileid == "shop"
    assert records["ayrshare:ref-1"].origin == "command"


def test_an_account_of_a_profile_that_registered_itself_keeps_the_credential_of_its_link() -> None:
    """A send looks for it by the account, as it was written when the command was decided."""
    records = book(
        registered("ref-1", "ref-1", "/dmstream/ayrshare/ref-1"),
        linked("ref-1", "/dmstream/commands/ref-1", provider="ayrshare", platform="facebook",
               account_id="fb-1", credential="shop"),
    )  # fmt: skip
    assert records["ayrshare:fb-1"].credential == "shop"
    assert records["ayrshare:ref-1"].origin == "auto"
