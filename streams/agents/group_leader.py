"""A member of a consumer group on the embedded broker, where a group can lose its leader for ever.

Its leader is the only one whose word on who gets which partitions counts. When a leader leaves
while the group forms anew, the embedded broker (Tansu 0.6) takes it out of the members and goes on
naming it as the leader: `leave` of a forming group, in its administrator.rs, alone forgets to. From
then on everybody who joins waits for somebody who is not there, also after a new start (met: a
worker was told to stop a second after another had woken up; no worker of that group became ready
again). Two things mend it, both in what a consumer's client sends:

* A leader leaves only a group that has formed. Else it goes in silence, and is struck off after a
  session, as who was killed is: that is done right.
* Who finds such a group joins it once under the leader's name, and is silent under it: the name is
  struck off with its session, and the next to join leads.
"""

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka.errors import NoError, RebalanceInProgressError, UnknownMemberIdError, for_code
from aiokafka.protocol.group import (
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    SyncGroupRequest,
)

_log = structlog.get_logger()

_TURNED_AWAY = 2
"""Times in a row under one leader. Between them lies more than a session: one who died is struck
off by then, one who lives has spoken."""

Send = Callable[..., Awaitable[Any]]


class GroupMember:
    """One client's `send`: of a consumer, so of one group, which asks one thing after another."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._joining: Any = None
        """The last request to join, and what it led to:"""
        self._me = ""
        self._leader = ""
        self._generation = -1
        self._is_formed = False
        self._turned_away = 0

    async def send(self, node: Any, request: Any, **more: Any) -> Any:
        if isinstance(request, LeaveGroupRequest) and not await self._may_leave(node, more):
            return None  # aiokafka does not look at the answer
        answer = await self._send(node, request, **more)
        if isinstance(request, JoinGroupRequest):
            self._joined(request, answer)
        elif isinstance(request, SyncGroupRequest):
            await self._synced(node, answer, more)
        return answer

    def _joined(self, request: Any, answer: Any) -> None:
        self._is_formed = False
        if for_code(answer.error_code) is not NoError:
            return
        if answer.leader_id != self._leader:
            self._turned_away = 0
        self._joining, self._me = request, answer.member_id
        self._leader, self._generation = answer.leader_id, answer.generation_id

    async def _synced(self, node: Any, answer: Any, more: dict[str, Any]) -> None:
        error = for_code(answer.error_code)
        self._is_formed = error is NoError
        if error is not RebalanceInProgressError or self._leader == self._me:
            self._turned_away = 0
            return
        self._turned_away += 1
        if self._turned_away < _TURNED_AWAY:
            return
        self._turned_away = 0
        if await self._beat(node, self._leader, more) is UnknownMemberIdError:
            _log.warning(
                "group_without_leader",
                sentence="the leader of this worker's group is gone and the broker still names it:"
                " it is struck off, which takes some ten seconds",
            )
            request = copy.copy(self._joining)
            request._member_id = self._leader  # noqa: SLF001 - it has no other name
            await self._send(node, request, **more)

    async def _may_leave(self, node: Any, more: dict[str, Any]) -> bool:
        if self._leader != self._me:
            return True
        return self._is_formed and await self._beat(node, self._me, more) is NoError

    async def _beat(self, node: Any, member: str, more: dict[str, Any]) -> Any:
        """The class of aiokafka's error."""
        group = self._joining._group  # noqa: SLF001 - it has no other name
        answer = await self._send(node, HeartbeatRequest(group, self._generation, member), **more)
        return for_code(answer.error_code)
