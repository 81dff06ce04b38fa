"""How far a group has come, while its coordinator is on the move; ends that nobody tells."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import OffsetAndMetadata

from streams import log_positions
from streams.log_positions import NotToldError, committed, ends_now
from streams.settings import Settings

SETTINGS = Settings(_env_file=None)
PLACES = [TopicPartition("t", 0), TopicPartition("t", 1)]


class Admin:
    """Answers in turn as aiokafka's client does: it raises for some of a coordinator's errors, and
    gives nothing at all for the others."""

    def __init__(self, *answers: dict[TopicPartition, OffsetAndMetadata] | KafkaError) -> None:
        self._answers = list(answers)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def describe_topics(self) -> list[dict[str, Any]]:
        return [{"topic": "t", "partitions": [{}, {}]}]

    async def list_consumer_group_offsets(
        self, _group: str, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        assert partitions == PLACES
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, KafkaError):
            raise answer
        return answer


def asked(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> dict[TopicPartition, int]:
    monkeypatch.setattr(log_positions, "AIOKafkaAdminClient", lambda **_: admin)
    monkeypatch.setattr(log_positions, "_ASK_AGAIN_SECONDS", 0.0)
    return asyncio.run(committed(SETTINGS, "group", "t"))


def test_a_coordinator_that_moves_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {PLACES[0]: OffsetAndMetadata(7, ""), PLACES[1]: OffsetAndMetadata(-1, "")}
    admin = Admin({}, GroupCoordinatorNotAvailableError(), NotCoordinatorForGroupError(), {}, known)
    assert asked(admin, monkeypatch) == {PLACES[0]: 7, PLACES[1]: 0}


def test_a_group_that_nobody_answers_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_positions, "_PATIENCE_SECONDS", 0.05)
    with pytest.raises(TimeoutError, match="offsets of group group"):
        asked(Admin({}), monkeypatch)


class Mute:
    """A consumer whose fetches bring nothing."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 7)

    def assign(self, partitions: list[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None: ...

    async def getmany(self, *_: Any, **__: Any) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        return {}


def test_who_asks_for_ends_that_are_not_told_hears_so_and_of_which_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_positions, "_PATIENCE_SECONDS", 0.05)
    embedded = Settings(_env_file=None, embedded=True)
    with pytest.raises(NotToldError, match=r"2 partitions .*\(t/0, t/1\)"):
        asyncio.run(ends_now(embedded, Mute(), PLACES))  # type: ignore[arg-type]
