"""On the embedded broker: a group whose leader left while it formed anew finds another."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import MemberIdRequired, NoError, for_code
from aiokafka.protocol.group import JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from streams.local import processes
from streams.settings import Settings
from tests.pipeline.test_batched_delivery import noted, produce, start_worker, until_done

pytestmark = [pytest.mark.pipeline, pytest.mark.anyio]

SESSION_MS = 4000
METADATA = ConsumerProtocolMemberMetadata(
    2,
    [],
    ClientMetadata(
        assignment=ClientAssignment(actives={}, standbys={}),
        url="http://nowhere",
        changelog_distribution={},
        topic_groups={},
    ).dumps(),
).encode()
"""As of a worker that reads nothing."""


@dataclass
class Member:
    """Of the workers' group, one request at a time: what aiokafka's consumer does by itself."""

    client: AIOKafkaClient
    node: int
    group: str
    id: str = ""

    async def join(self, member_id: str | None = None) -> Any:
        own = self.id if member_id is None else member_id
        answer = await self.client.send(
            self.node,
            JoinGroupRequest(
                self.group,
                SESSION_MS,
                SESSION_MS,
                own,
                None,
                "consumer",
                [("faust", METADATA)],  # type: ignore[arg-type]
            ),
        )
        self.id = answer.member_id
        return answer

    async def sync(self, joined: Any) -> Any:
        is_leader = joined.leader_id == self.id
        given = [(member[0], b"\0\0\0\0\0\0\0\0\0\0") for member in joined.members]
        return await self.client.send(
            self.node,
            SyncGroupRequest(
                self.group,
                joined.generation_id,
                self.id,
                None,
                given if is_leader else [],  # type: ignore[arg-type]
            ),
        )

    async def leave(self) -> None:
        await self.client.send(self.node, LeaveGroupRequest(self.group, self.id))


@asynccontextmanager
async def member(settings: Settings) -> AsyncIterator[Member]:
    client = AIOKafkaClient(bootstrap_servers=settings.kafka)
    await client.bootstrap()
    group = settings.topic("dmstream-noting")
    try:
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        yield Member(client, node, group)
    finally:
        await client.close()


async def lead(member: Member) -> None:
    """The group has formed when it returns."""
    assert for_code((await member.join()).error_code) is MemberIdRequired
    joined = await member.join()
    assert joined.leader_id == member.id
    assert for_code((await member.sync(joined)).error_code) is NoError


async def a_leader_leaves_while_the_group_forms(settings: Settings) -> None:
    async with member(settings) as leader, member(settings) as other:
        await lead(leader)
        await other.join()
        await leader.leave()


async def a_group_was_there(settings: Settings) -> None:
    """aiokafka never leaves a group's first generation."""
    async with member(settings) as only:
        await lead(only)
        await only.leave()


async def test_a_worker_gets_its_partitions_where_a_leader_that_is_gone_is_still_named(
    settings: Settings, tmp_path: Path
) -> None:
    await produce(settings, 400)
    await a_leader_leaves_while_the_group_forms(settings)
    path = tmp_path / "notes"
    worker = start_worker(settings, path, seed=1, limit=37)
    try:
        for _ in until_done(path, 100, 60):
            await asyncio.sleep(0)
        log = path.with_suffix(".log").read_text()
    finally:
        processes.stop(worker)
    assert "group_without_leader" in log


async def test_a_worker_that_stops_while_its_group_forms_leaves_no_leader_behind(
    settings: Settings, tmp_path: Path
) -> None:
    await produce(settings, 400)
    await a_group_was_there(settings)
    path = tmp_path / "notes"
    worker = start_worker(settings, path, seed=1, limit=37)
    for _ in until_done(path, 100, 30):
        await asyncio.sleep(0)
    async with member(settings) as others, member(settings) as next_one:
        worker.terminate()
        while worker.poll() is None:
            await others.join("")  # so the group forms, and forms
            await asyncio.sleep(0.1)
        assert worker.returncode == 0
        assert sum(map(len, noted(path).values())) == 400
        deadline = time.monotonic() + 5 * SESSION_MS / 1000
        while True:
            joined = await next_one.join()
            if for_code(joined.error_code) is NoError and joined.leader_id == next_one.id:
                break
            assert time.monotonic() < deadline, "the worker is still named as the leader"
