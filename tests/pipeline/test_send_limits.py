"""A flooded account keeps to its platform's limit, and nobody else hears of it."""

import time
from collections.abc import Iterator

import pytest

from schemas import events
from tests.engines import Broker
from tests.pipeline.talking import Talk, own_settings, talking

pytestmark = pytest.mark.pipeline

MOST, SECONDS = 10, 5


@pytest.fixture(scope="module")
def talk(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("limits")
    limits = {"meta_send_limits": f"{MOST}/{SECONDS}"}
    settings = own_settings(broker, folder)
    with talking(settings, folder, "conversations", "delivery", **limits) as found:
        yield found


def test_the_platform_never_sees_more_than_the_limit_and_another_account_is_not_slowed(
    talk: Talk,
) -> None:
    flooded, calm = talk.account("facebook"), talk.account("facebook")
    people = [talk.somebody_writes(flooded) for _ in range(5)]
    somebody = talk.somebody_writes(calm)
    texts = [f"number {number}" for number in range(8)]
    flood = talk.commands(
        *(
            (
                "SendMessage",
                flooded,
                {"conversation_id": flooded.conversation(person), "text": text},
            )
            for text in texts
            for person in people
        )
    )
    talk.running.wait(lambda: len(attempts_at(talk, flooded.id)) >= MOST // 2, 20, "the flood")

    begun = time.monotonic()
    assert isinstance(talk.outcome(talk.send(calm, somebody)), events.MessageSent)
    waited = time.monotonic() - begun
    assert len(attempts_at(talk, flooded.id)) < len(flood)  # it still waits

    for command_id in flood:
        assert isinstance(talk.outcome(command_id, 90), events.MessageSent)
    instants = attempts_at(talk, flooded.id)
    assert len(instants) == len(flood)
    length = SECONDS * 1000
    assert max(sum(a <= b < a + length for b in instants) for a in instants) <= MOST
    assert waited < (instants[-1] - instants[0]) / 1000 / 2
    for person in people:
        assert talk.texts_kept(person) == texts
    lines = (talk.running.folder / "delivery.log").read_text().splitlines()
    told = [line for line in lines if "sends_wait_for_limit" in line]
    assert len(told) == 1, told
    assert flooded.id in told[0]


def attempts_at(talk: Talk, account: str) -> list[int]:
    """When the platform saw a request of the account, in milliseconds, in order."""
    found = talk.box.get("attempts")
    return sorted(one["at_ms"] for one in found if one["account_id"] == account)
