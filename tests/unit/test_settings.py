"""Settings whose default depends on another."""

import pytest
from pydantic import SecretStr, ValidationError

from streams.cli.errors import USAGE, explain
from streams.settings import EMBEDDED_PARTITIONS, Settings


def test_the_embedded_broker_has_few_partitions_unless_they_are_said() -> None:
    assert Settings(_env_file=None).partitions == 8
    assert Settings(_env_file=None, embedded=True).partitions == EMBEDDED_PARTITIONS
    assert Settings(_env_file=None, embedded=True, partitions=8).partitions == 8


@pytest.mark.parametrize("said", [None, "3"])
def test_a_command_beside_up_counts_partitions_as_up_does(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds out which broker answers, `up` knows from the start; both look for a profile's
    partition."""
    if said is not None:
        monkeypatch.setenv("DM_PARTITIONS", said)
    found = Settings(_env_file=None).on_embedded_broker()
    assert found.embedded
    assert found.partitions == Settings(_env_file=None, embedded=True).partitions
    assert found.on_embedded_broker() == found


@pytest.mark.parametrize("security", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_who_signs_in_to_kafka_must_say_as_whom(security: str) -> None:
    """Without, a broker would refuse a client that says nothing of the reason."""
    with pytest.raises(ValidationError, match="set DM_KAFKA_USERNAME and DM_KAFKA_PASSWORD too"):
        Settings(_env_file=None, kafka_security=security)
    with pytest.raises(ValidationError, match="set DM_KAFKA_PASSWORD too"):
        Settings(_env_file=None, kafka_security=security, kafka_username="dmstream")
    word = SecretStr("a-word")
    Settings(
        _env_file=None, kafka_security=security, kafka_username="dmstream", kafka_password=word
    )


@pytest.mark.parametrize(
    "address", ["nonsense", "", "clickhouse:8123", "tcp://ch:9000", "http://", "http://ch:hidden"]
)
def test_an_address_of_clickhouse_that_is_none_is_refused_and_not_repeated(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker would wait for ever for a server that can't be."""
    for variable in ("DM_CLICKHOUSE_URL", "DM_CLICKHOUSE_READ_ONLY_URL"):
        with monkeypatch.context() as environment:
            environment.setenv(variable, address)
            with pytest.raises(ValidationError) as caught:
                Settings(_env_file=None)
        sentence, code = explain(caught.value)
        assert sentence == (
            f"wrong settings: {variable}: must be an address as http://127.0.0.1:8123 "
            "or https://host:8443"
        )
        assert code == USAGE


@pytest.mark.parametrize("address", ["http://[::1]:8123", "https://user:word@ch.example/path"])
def test_an_address_of_clickhouse_may_have_what_addresses_have(address: str) -> None:
    assert Settings(_env_file=None, clickhouse_url=address).clickhouse_url == address


@pytest.mark.parametrize("said", ["", "[]", "5,soon", "0", "5,-1", "nan", "inf", "86401"])
def test_waits_that_are_none_are_refused_in_one_sentence(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DM_HOOK_RETRY_SECONDS", said)
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None)
    sentence = "must be seconds, more than 0 and at most a day each, as 5,15,60"
    assert explain(caught.value) == (f"wrong settings: DM_HOOK_RETRY_SECONDS: {sentence}", USAGE)


def test_waits_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DM_HOOK_RETRY_SECONDS", "0.2, 5,86400")
    assert Settings(_env_file=None).hook_retry_seconds == (0.2, 5.0, 86400.0)


@pytest.mark.parametrize("said", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_no_setting(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a wait would never end, or end at once."""
    floats = [
        name for name, field in Settings.model_fields.items() if "float" in str(field.annotation)
    ]
    assert "hook_timeout_seconds" in floats
    for name in floats:
        with monkeypatch.context() as environment:
            environment.setenv(f"DM_{name.upper()}", said)
            with pytest.raises(ValidationError) as caught:
                Settings(_env_file=None)
        sentence, code = explain(caught.value)
        assert sentence.startswith(f"wrong settings: DM_{name.upper()}: "), sentence
        assert code == USAGE


@pytest.mark.parametrize("name", ["hook_give_up_hours", "hook_disable_hours"])
def test_a_receiver_is_waited_for_a_year_at_most(name: str) -> None:
    assert getattr(Settings(_env_file=None, **{name: 8784}), name) == 8784
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **{name: 8785})
