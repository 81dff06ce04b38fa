"""What the doctor says, and what it advises."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiokafka import TopicPartition

from schemas.topics import COMMANDS, TOPICS
from streams.local.diagnosis import Finding, judge_reader, of_broker, of_topics, of_webhooks_out
from streams.local.processes import free_port
from streams.settings import Settings

A, B = TopicPartition("dm.events.v1", 0), TopicPartition("dm.events.v1", 1)
SETTINGS = Settings(_env_file=None, partitions=8)


def answers(
    *offsets: dict[TopicPartition, int],
) -> Callable[[], Awaitable[dict[TopicPartition, int]]]:
    left = list(offsets)

    async def answer() -> dict[TopicPartition, int]:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def judged(*reached: dict[TopicPartition, int], end: dict[TopicPartition, int]) -> tuple[str, str]:
    finding = asyncio.run(
        judge_reader("dmstream-history", reached=answers(*reached), ends=answers(end), wait=0)
    )
    return finding.state, finding.found + finding.remedy


def test_a_reader_at_the_end_is_well() -> None:
    assert judged({A: 5, B: 0}, end={A: 5, B: 0}) == ("ok", "0 records behind")


def test_a_reader_that_is_behind_and_moves_is_at_work() -> None:
    state, said = judged({A: 1, B: 0}, {A: 4, B: 0}, end={A: 9, B: 0})
    assert state == "note"
    assert "8 records behind in 1 partitions" in said


def test_a_reader_that_is_behind_and_stands_still_is_told_which_worker_to_look_at() -> None:
    state, said = judged({A: 1}, end={A: 9, B: 3})
    assert state == "wrong"
    assert "11 records behind in 2 partitions" in said
    assert "dmstream worker history" in said


def test_a_missing_topic_is_told_with_the_command_that_makes_it() -> None:
    counts = {topic.name: 8 for topic in TOPICS if topic.name != COMMANDS}
    finding = of_topics(SETTINGS, counts)
    assert finding.state == "wrong"
    assert COMMANDS in finding.found
    assert "topics --create" in finding.remedy


def test_unequal_partitions_are_wrong() -> None:
    counts = {topic.name: 8 for topic in TOPICS} | {COMMANDS: 4}
    finding = of_topics(SETTINGS, counts)
    assert finding.state == "wrong"
    assert f"{COMMANDS} has 4" in finding.found


def test_all_topics_as_configured_are_well() -> None:
    assert of_topics(SETTINGS, {topic.name: 8 for topic in TOPICS}).state == "ok"


def test_the_webhooks_worker_is_missed_by_those_who_have_webhooks_and_by_nobody_else() -> None:
    still = Finding("wrong", "reader dmstream-webhooks", "9 records behind", "is it running?")
    assert of_webhooks_out(still, 0).state == "note"
    missed = of_webhooks_out(still, 3)
    assert (missed.state, missed.remedy) == ("wrong", "is it running?")
    assert "3 webhooks" in missed.found
    well = Finding("ok", "reader dmstream-webhooks", "0 records behind")
    assert of_webhooks_out(well, 0) is of_webhooks_out(well, 3) is well


def test_no_broker_is_one_finding_with_its_address() -> None:
    address = f"127.0.0.1:{free_port()}"
    (finding,) = asyncio.run(of_broker(Settings(_env_file=None, kafka=address)))
    assert finding.state == "wrong"
    assert address in finding.found


def test_a_worker_that_never_ran_and_need_not_is_not_called_wrong() -> None:
    """Who only keeps and asks runs neither the delivery nor the webhooks worker."""

    def of(reached: dict[TopicPartition, int]) -> str:
        finding = asyncio.run(
            judge_reader(
                "dmstream-webhooks",
                reached=answers(reached),
                ends=answers({A: 9}),
                wait=0,
                is_optional=True,
            )
        )
        return finding.state

    assert of({A: 0}) == "note"
    assert of({A: 3}) == "wrong", "it ran, and somebody waits for it"


def test_how_long_the_oldest_record_waits_is_told() -> None:
    async def written_at(offsets: dict[TopicPartition, int]) -> dict[TopicPartition, float]:
        assert offsets == {A: 1, B: 0}
        return {A: time.time() - 10, B: time.time() - 3661}

    finding = asyncio.run(
        judge_reader(
            "dmstream-history",
            reached=answers({A: 1}),
            ends=answers({A: 9, B: 3}),
            wait=0,
            written_at=written_at,
        )
    )
    assert "the oldest since 1:01:0" in finding.found
