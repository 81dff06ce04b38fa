"""The automatic answer to a correspondent who writes."""

from schemas import events
from schemas.commands import SendMessage
from schemas.events import Event
from streams.conversation import settings
from streams.conversation.instants import to_ms
from streams.conversation.keys import conversation_of
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, ProfileState, State


def auto_response(state: State, event: Event, rules: Rules) -> SendMessage | None:
    """The command that answers a message by itself; None where none is due.

    `state` already holds the event. The command's id is a pure function of the event's, so that
    the same message, processed twice, is answered once. The command passes the same checks as any
    other; `decide` also refuses it where an answer was accepted in the meantime.

    Never for the account's own messages, for fetched history, for what was received before answers
    were turned on (a restarted worker looks at the last messages once more), for messages on the
    standby channel (another app has the thread and answers), or for those received long after they
    happened.
    """
    if not isinstance(event, events.MessageReceived) or state.conversation is None:
        return None
    body = event.data
    heard_at = to_ms(event.receivedat)
    if body.backfilled or body.standby or heard_at - to_ms(event.time) > rules.auto_latest:
        return None
    answer = settings.auto_response(state.profile, rules)
    if not answer.active or heard_at < answer.since:
        return None
    if not is_due(state.profile, state.conversation, heard_at, rules):
        return None
    return SendMessage(
        command_id=f"auto-{event.id}",
        profileid=event.profileid,
        issued_at=event.receivedat,
        correlationid=event.correlationid or event.id,
        conversation_id=conversation_of(event),
        text=answer.message,
        origin="auto",
    )


def is_due(profile: ProfileState, conversation: ConversationState, at: int, rules: Rules) -> bool:
    """Whether no automatic answer went to them in the wait before `at` (ms).

    One that is under way or whose outcome is unknown went; one that failed for good did not.
    """
    last, failed = conversation.last_auto, conversation.failed_auto
    if last is None or (failed is not None and failed[1] == last[1]):
        return True
    return at - last[0] >= settings.auto_response(profile, rules).wait
