"""Settings whose default depends on another."""

import pytest
from pydantic import SecretStr, ValidationError

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
