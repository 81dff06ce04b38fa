"""Settings whose default depends on another."""

import pytest

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
