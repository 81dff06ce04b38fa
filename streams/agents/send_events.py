"""What became of a send, as events: built from the accepted send and the platform's answer."""

from datetime import datetime, timedelta
from typing import Any

from schemas import data
from schemas.base import to_milliseconds
from schemas.events import (
    AccountUnlinked,
    Event,
    MessageSent,
    SendAttempted,
    SendFailed,
    SendUnknown,
)
from schemas.ids import event_id, profile_event_id
from streams.agents.outgoing import Outgoing
from streams.providers.protocol import SendError, Sent
from streams.providers.retry import StopAccount, Unknown


def attempted(item: Outgoing, at: datetime) -> Event:
    """A request is about to be written."""
    return SendAttempted(
        **_envelope(item, at, "attempted", str(item.attempts)),
        data=data.SendAttempted(**_send(item), attempt=item.attempts),
    )


def sent(item: Outgoing, result: Sent, at: datetime) -> tuple[Event, ...]:
    """One message per platform message, with the ids that their echoes will have.

    Text and media may have become several messages: the text is in the first, media in the rest,
    and the last one tells that the command is done (a command has one end). A platform that names
    no message gets an id made from the command.

    Their time is the attempt's: the platform's own lies between that and the answer, and its
    receipts "up to an instant" name the platform's. A later time would leave them unread.
    """
    accepted = item.accepted
    ids = result.message_ids or (f"dm:{accepted.data.command_id}",)
    external = result.external_conversation_id or accepted.data.external_conversation_id
    return tuple(
        MessageSent(
            **_envelope(item, item.attempted_at or at)
            | {
                "receivedat": to_milliseconds(at),
                "id": event_id(
                    accepted.data.provider, accepted.data.account_id, "message", message_id
                ),
            },
            data=data.Message(
                **_place(item) | {"external_conversation_id": external},
                message_id=message_id,
                text=accepted.data.text if number == 1 else None,
                attachments=_attachments(item, number - 1, len(ids)),
                command_id=accepted.data.command_id if number == len(ids) else None,
                origin=accepted.data.origin,
            ),
        )
        for number, message_id in enumerate(ids, start=1)
    )


def failed(
    item: Outgoing, reason: str, message: str, error: SendError | None, at: datetime
) -> Event:
    return SendFailed(
        **_envelope(item, at, "failed"),
        data=data.SendFailed(
            **_send(item),
            reason=reason,
            message=message,
            attempts=item.attempts,
            http_status=error.http_status if error else None,
            code=error.code if error else None,
            subcode=error.subcode if error else None,
        ),
    )


def unknown(item: Outgoing, step: Unknown, at: datetime) -> Event:
    return SendUnknown(
        **_envelope(item, at, "unknown"),
        data=data.SendUnknown(
            **_send(item),
            text=item.accepted.data.text,
            reason=step.reason,
            message=step.message,
            attempts=item.attempts,
        ),
    )


def interrupted(item: Outgoing, at: datetime) -> tuple[Event, ...]:
    """The worker ended between writing a request and noting its answer.

    With the attempt itself, at its own time: the crash may have come between the two records that
    tell of it, and an echo is only recognised after an attempt.
    """
    step = Unknown("interrupted", "the worker ended while the request was under way")
    return attempted(item, item.attempted_at or at), unknown(item, step, at)


def account_stopped(
    item: Outgoing, error: SendError, step: StopAccount, at: datetime
) -> tuple[Event, ...]:
    """This send fails; an account whose credential is dead is unlinked until linked again."""
    failure = failed(item, step.reason, step.message, error, at)
    accepted = item.accepted
    if step.until is not None or accepted.platform is None:
        return (failure,)
    moment = to_milliseconds(at)
    own = event_id(
        accepted.data.provider,
        accepted.data.account_id,
        "unlinked",
        accepted.platform,
        str(round(moment.timestamp() * 1000)),
    )
    unlinked = AccountUnlinked(
        **_envelope(item, at) | {"id": own, "subject": None},
        data=data.AccountLink(
            provider=accepted.data.provider,
            platform=accepted.platform,
            account_id=accepted.data.account_id,
            reason=step.reason,
        ),
    )
    return (unlinked, failure)


def pause_end(result: Sent, now: datetime) -> datetime | None:
    """Until when the platform's headers ask the account to rest."""
    if result.pause_until is not None:
        return result.pause_until
    if result.pause_seconds is not None:
        return now + timedelta(seconds=result.pause_seconds)
    return None


def _envelope(item: Outgoing, at: datetime, kind: str = "", *parts: str) -> dict[str, Any]:
    """Of what we did for a command: `kind` and the command name it."""
    accepted = item.accepted
    moment = to_milliseconds(at)
    return {
        "id": profile_event_id(accepted.profileid, kind, accepted.data.command_id, *parts),
        "source": f"/dmstream/delivery/{accepted.data.account_id}",
        "time": moment,
        "receivedat": moment,
        "subject": accepted.subject,
        "profileid": accepted.profileid,
        "platform": accepted.platform,
        "correlationid": accepted.correlationid or accepted.data.command_id,
        "causationid": accepted.id,
    }


def _place(item: Outgoing) -> dict[str, Any]:
    accepted = item.accepted.data
    return {
        "provider": accepted.provider,
        "account_id": accepted.account_id,
        "correspondent_id": accepted.correspondent_id,
        "external_conversation_id": accepted.external_conversation_id,
    }


def _send(item: Outgoing) -> dict[str, Any]:
    accepted = item.accepted.data
    return _place(item) | {"command_id": accepted.command_id, "origin": accepted.origin}


def _attachments(item: Outgoing, number: int, count: int) -> tuple[data.Attachment, ...]:
    urls = item.accepted.data.media_urls
    if item.accepted.data.text and count > 1:
        urls = () if number == 0 else urls[number - 1 : number] if count - 1 == len(urls) else urls
    return tuple(data.Attachment(type="other", platform_type="url", url=url) for url in urls)
