"""What stands for the workers, which answer a command with events, and the shape of an error."""

from typing import Any

import orjson

from schemas import data, events
from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event
from tests.unit.api.calls import NOW
from tests.unit.gateway.calls import Reply

PERSON = "5678"
GOOD = {"recipientId": PERSON, "message": "Yes, in blue."}
_SEND = {"provider": "meta", "account_id": "1234", "correspondent_id": PERSON}


def envelope(command: AnyCommand, **more: Any) -> dict[str, Any]:
    return {
        "id": "e" * 32,
        "source": "/dmstream/commands/shop",
        "time": NOW,
        "receivedat": NOW,
        "profileid": command.profileid,
        "subject": f"facebook:1234:{PERSON}",
        "platform": "facebook",
        "correlationid": command.correlationid,
        "causationid": command.command_id,
        **more,
    }


def sends(command: AnyCommand) -> list[Event]:
    assert isinstance(command, SendMessage)
    body = data.Message(
        **_SEND, message_id="m_1", text=command.text, command_id=command.command_id, origin="api"
    )
    return [events.MessageSent(**envelope(command), data=body)]


def rejects(command: AnyCommand) -> list[Event]:
    body = data.SendRejected(
        **_SEND,
        command_id=command.command_id,
        reason="reply_window_closed",
        message="The reply window is closed until the correspondent writes again.",
        expires_at=NOW,
    )
    return [events.SendRejected(**envelope(command), data=body)]


def fails(reason: str, platform: str = "facebook") -> Any:
    def worker(command: AnyCommand) -> list[Event]:
        body = data.SendFailed(
            **_SEND, command_id=command.command_id, reason=reason, message="The platform said no."
        )
        return [events.SendFailed(**envelope(command, platform=platform), data=body)]

    return worker


def error(reply: Reply, status: int, reason: str) -> dict[str, Any]:
    assert reply.status == status, reply.body
    content: dict[str, Any] = orjson.loads(reply.body)
    assert (content["status"], content["reason"]) == ("error", reason)
    assert reply.headers["x-content-type-options"] == "nosniff"
    return content
