"""Credentials by name: found when used, renewed without a restart, never shown."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.providers.credentials import (
    Credential,
    CredentialMissingError,
    Credentials,
    variable_name,
)

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
