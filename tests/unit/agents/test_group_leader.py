"""Who is struck off as a leader, and who leaves: tests/pipeline/test_group_leader.py has the broker
itself; here are the cases in which nothing may be done."""

from typing import Any

import pytest
from aiokafka.protocol.group import (
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupResponse_v5,
    LeaveGroupRequest,
    SyncGroupRequest,
    SyncGroupResponse_v3,
)
from structlog.testing import capture_logs

from streams.agents.group_leader import GroupMember

pytestmark = pytest.mark.anyio

OK, UNKNOWN_MEMBER, REBALANCING = 0, 25, 27
ME, OTHER = "me", "other"


class Broker:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.leader = OTHER
        self.synced = REBALANCING
        self.beaten = OK
        self.asked: list[tuple[str, str]] = []
        self.member = GroupMember(self.answer)

    async def answer(self, _node: int, request: Any, **_more: Any) -> Any:
        self.asked.append((type(request).__name__, request._member_id))
        if isinstance(request, JoinGroupRequest):
            return JoinGroupResponse_v5(0, OK, 7, "faust", self.leader, request._member_id, [])
        if isinstance(request, SyncGroupRequest):
            return SyncGroupResponse_v3(0, self.synced, b"")
        if isinstance(request, HeartbeatRequest):
            return SyncGroupResponse_v3(0, self.beaten, b"")
        return None

    async def round(self) -> None:
        join = JoinGroupRequest("group", 4000, 4000, ME, None, "consumer", [])  # type: ignore[arg-type]
        await self.member.send(0, join)
        sync = SyncGroupRequest("group", 7, ME, None, [])  # type: ignore[arg-type]
        await self.member.send(0, sync)

    async def leave(self) -> None:
        self.asked.clear()
        await self.member.send(0, LeaveGroupRequest("group", ME))

    @property
    def struck_off(self) -> list[str]:
        return [name for kind, name in self.asked if kind == "JoinGroupRequest" and name != ME]


async def test_a_leader_that_nobody_knows_is_struck_off_the_second_time_and_that_is_told() -> None:
    broker = Broker()
    broker.beaten = UNKNOWN_MEMBER
    with capture_logs() as logs:
        await broker.round()
        assert not broker.struck_off
        await broker.round()
    assert broker.struck_off == [OTHER]
    assert [line["event"] for line in logs] == ["group_without_leader"]


@pytest.mark.parametrize("beaten", [OK, REBALANCING])
async def test_a_leader_that_the_broker_knows_is_left_alone(beaten: int) -> None:
    broker = Broker()
    broker.beaten = beaten
    for _ in range(9):
        await broker.round()
    assert not broker.struck_off
    asked = [name for kind, name in broker.asked if kind == "HeartbeatRequest"]
    assert len(asked) == 4, "each question is a sign of life, so there are few"


async def test_another_leader_gets_its_own_time() -> None:
    broker = Broker()
    broker.beaten = UNKNOWN_MEMBER
    await broker.round()
    broker.leader = "a third"
    await broker.round()
    assert not broker.struck_off


async def test_a_leader_leaves_a_group_that_has_formed() -> None:
    broker = Broker()
    broker.leader, broker.synced = ME, OK
    await broker.round()
    await broker.leave()
    assert [kind for kind, _ in broker.asked] == ["HeartbeatRequest", "LeaveGroupRequest"]


@pytest.mark.parametrize(
    ("synced", "beaten"), [(REBALANCING, OK), (OK, REBALANCING), (OK, UNKNOWN_MEMBER)]
)
async def test_a_leader_goes_in_silence_from_a_group_that_forms(synced: int, beaten: int) -> None:
    broker = Broker()
    broker.leader, broker.synced, broker.beaten = ME, synced, beaten
    await broker.round()
    await broker.leave()
    assert "LeaveGroupRequest" not in [kind for kind, _ in broker.asked]


async def test_who_does_not_lead_leaves_at_once() -> None:
    broker = Broker()
    await broker.round()
    await broker.leave()
    assert [kind for kind, _ in broker.asked] == ["LeaveGroupRequest"]
