"""Credentials by name: found when used, renewed without a restart, never shown."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.base import Provider
from streams.providers.credentials import (
    Credential,
    CredentialMissingError,
    Credentials,
    variable_name,
)
from streams.providers.made_up import MadeUpCredentials
from streams.sandbox.config import named_by

SECRET = "EAAB-very-secret"


def test_a_bare_value_is_the_token_and_an_object_names_its_parts() -> None:
    found = Credentials(
        {
            "DM_CREDENTIAL_SHOP": SECRET,
            "DM_CREDENTIAL_ACME_2": json.dumps({"token": SECRET, "profile_key": "pk"}),
        },
        env_file=None,
    )
    assert found.find("shop", "meta").token.get_secret_value() == SECRET
    profile_key = found.find("acme-2", "ayrshare").profile_key
    assert profile_key is not None
    assert profile_key.get_secret_value() == "pk"


def test_an_account_without_a_credential_s_name_uses_the_provider_s() -> None:
    found = Credentials({"DM_CREDENTIAL_X": SECRET}, env_file=None)
    assert found.find(None, "x").token.get_secret_value() == SECRET


def test_a_missing_one_says_which_variable_to_set() -> None:
    with pytest.raises(CredentialMissingError, match=r"set DM_CREDENTIAL_ACME_SHOP$"):
        Credentials({}, env_file=None).find("acme shop", "meta")
    assert variable_name("acme shop") == "DM_CREDENTIAL_ACME_SHOP"


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"token": SECRET, "login": SECRET}),
        json.dumps({"token": SECRET, SECRET: 1})[:-1],
        json.dumps({"profile_key": SECRET}),
        json.dumps({"token": f"{SECRET}\n"}),
        f"{SECRET}\n{SECRET}",
        "ключ",
    ],
)
def test_an_unusable_one_is_refused_without_being_shown(value: str) -> None:
    """Invariant 11."""
    with pytest.raises(CredentialMissingError) as caught:
        Credentials({"DM_CREDENTIAL_A": value}, env_file=None).find("a", "meta")
    assert "DM_CREDENTIAL_A" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "ключ" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_is_read_again_at_each_look_up(tmp_path: Path) -> None:
    """Whoever renews short-lived tokens only writes the file."""
    file = tmp_path / "token"
    found = Credentials({"DM_CREDENTIAL_X_FILE": str(file)}, env_file=None)
    file.write_text("first\n")
    assert found.find(None, "x").token.get_secret_value() == "first"
    file.write_text("second\n")
    assert found.find(None, "x").token.get_secret_value() == "second"
    file.unlink()
    with pytest.raises(CredentialMissingError, match="DM_CREDENTIAL_X_FILE names a file"):
        found.find(None, "x")


def test_the_env_file_counts_and_the_environment_comes_first(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('DM_CREDENTIAL_A=from-file\nDM_CREDENTIAL_B={"token": "$not {expanded}"}\n')
    found = Credentials({}, env_file=file)
    assert found.find("a", "meta").token.get_secret_value() == "from-file"
    over = Credentials({"DM_CREDENTIAL_A": "from-environment"}, env_file=file)
    assert over.find("a", "meta").token.get_secret_value() == "from-environment"


def test_no_representation_shows_a_secret() -> None:
    """Invariant 11."""
    value = json.dumps({"token": SECRET, "profile_key": SECRET, "x_api_key": SECRET})
    credential = Credentials({"DM_CREDENTIAL_A": value}, env_file=None).find("a", "ayrshare")
    shown = f"{credential!r} {credential} {credential.model_dump()} {credential.model_dump_json()}"
    assert SECRET not in shown


def test_a_validation_error_that_escapes_shows_no_secret_either() -> None:
    """Invariant 11."""
    with pytest.raises(ValidationError) as caught:
        Credential.model_validate({"token": SECRET, "login": SECRET})
    assert SECRET not in str(caught.value)


REF = "6f16d1dd2525114d0aa9433532412cb7dd6f17ac"


def found(**variables: str) -> Credentials:
    return Credentials(
        {f"DM_CREDENTIAL_{name.upper()}": value for name, value in variables.items()}, env_file=None
    )


def token(credential: Credential) -> str:
    return credential.token.get_secret_value()


def test_an_account_that_registered_itself_uses_the_credential_of_its_own_id() -> None:
    known = found(x="somebody", x_4694460607="own")
    assert token(known.find(None, "x", account_id="4694460607")) == "own"
    known = found(meta="all-pages", meta_803818576789052="page")
    assert token(known.find(None, "meta", account_id="803818576789052")) == "page"
    assert token(known.find(None, "meta", account_id="803818576789053")) == "all-pages"


def test_a_name_that_was_given_wins_over_the_account_s_own() -> None:
    known = found(shop="named", x_4694460607="own")
    assert token(known.find("shop", "x", account_id="4694460607")) == "named"


def test_an_ayrshare_profile_has_its_key_by_its_reference_and_the_api_key_of_all() -> None:
    known = found(**{"ayrshare": "api-key", f"ayrshare_{REF}": json.dumps({"profile_key": "pk"})})
    credential = known.find(None, "ayrshare", account_id="123456", references=["shop", REF])
    assert token(credential) == "api-key"
    assert credential.profile_key is not None
    assert credential.profile_key.get_secret_value() == "pk"


def test_the_api_key_of_all_may_be_an_object_and_a_named_credential_may_leave_it_out() -> None:
    known = found(
        ayrshare=json.dumps({"token": "api-key", "x_api_key": "mine"}),
        shop=json.dumps({"profile_key": "pk"}),
    )
    credential = known.find("shop", "ayrshare")
    assert token(credential) == "api-key"
    assert credential.x_api_key is None


@pytest.mark.parametrize("provider", ["ayrshare", "x"])
@pytest.mark.parametrize("own", ["abcdef123456", "70003", "my_profile"])
def test_once_accounts_have_their_own_nobody_is_sent_for_in_another_one_s_name(
    own: str, provider: Provider
) -> None:
    """Without its profile key a send would leave from the Primary Profile, without its user token
    from whoever the provider's token belongs to."""
    known = found(**{provider: "somebody", f"{provider}_{own}": "another"})
    with pytest.raises(CredentialMissingError, match=f"DM_CREDENTIAL_{provider.upper()}_4711$"):
        known.find(None, provider, account_id="4711")


def test_the_file_of_the_provider_s_own_credential_is_no_account_s(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("somebody")
    assert token(found(x_file=str(file)).find(None, "x", account_id="4711")) == "somebody"


def test_an_account_without_an_id_is_told_the_provider_s_variable() -> None:
    with pytest.raises(CredentialMissingError, match=r"DM_CREDENTIAL_X$"):
        found(x="somebody", x_123456="own").find(None, "x")


def test_made_up_ones_name_the_account_and_ayrshare_s_profile() -> None:
    credential = MadeUpCredentials().find("real", "ayrshare", account_id="2", references=["a b.c"])
    assert token(credential) == "sandbox.2"
    assert credential.profile_key is not None
    key = credential.profile_key.get_secret_value()
    assert named_by(key) == ("2", "a b.c")
    assert named_by(token(credential)) == ("2", "")
    assert MadeUpCredentials().find(None, "x", account_id="2").profile_key is None
