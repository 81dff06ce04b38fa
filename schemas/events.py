"""The event vocabulary: one class a kind, named in the past tense. `type` is `dm.<name>.v1`."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from schemas import backfills, data
from schemas.envelope import Envelope


class MessageReceived(Envelope):
    """The correspondent wrote."""

    type: Literal["dm.message.received.v1"] = "dm.message.received.v1"
    data: data.Message


class MessageSent(Envelope):
    """The profile's side wrote: through us (`command_id`), or elsewhere, seen as an echo."""

    type: Literal["dm.message.sent.v1"] = "dm.message.sent.v1"
    data: data.Message


class MessageEdited(Envelope):
    """The text was replaced; earlier versions are kept."""

    type: Literal["dm.message.edited.v1"] = "dm.message.edited.v1"
    data: data.MessageEdit


class MessageDeleted(Envelope):
    """The message keeps its place and loses its content."""

    type: Literal["dm.message.deleted.v1"] = "dm.message.deleted.v1"
    data: data.MessageDeletion


class MessageDelivered(Envelope):
    """It reached the correspondent's device."""

    type: Literal["dm.message.delivered.v1"] = "dm.message.delivered.v1"
    data: data.Receipt


class MessageRead(Envelope):
    """It was seen."""

    type: Literal["dm.message.read.v1"] = "dm.message.read.v1"
    data: data.Receipt


class ReactionAdded(Envelope):
    type: Literal["dm.reaction.added.v1"] = "dm.reaction.added.v1"
    data: data.Reaction


class ReactionRemoved(Envelope):
    type: Literal["dm.reaction.removed.v1"] = "dm.reaction.removed.v1"
    data: data.Reaction


class PostbackReceived(Envelope):
    """The correspondent pressed a button."""

    type: Literal["dm.postback.received.v1"] = "dm.postback.received.v1"
    data: data.Postback


class ReferralReceived(Envelope):
    """The correspondent came by a link or an advert."""

    type: Literal["dm.referral.received.v1"] = "dm.referral.received.v1"
    data: data.ReferralReceived


class TypingStarted(Envelope):
    type: Literal["dm.typing.started.v1"] = "dm.typing.started.v1"
    data: data.Typing


class ThreadControlLost(Envelope):
    """Another app controls the thread."""

    type: Literal["dm.thread.control_lost.v1"] = "dm.thread.control_lost.v1"
    data: data.ThreadControl


class ThreadControlGained(Envelope):
    """We control the thread."""

    type: Literal["dm.thread.control_gained.v1"] = "dm.thread.control_gained.v1"
    data: data.ThreadControl


class ThreadControlRequested(Envelope):
    """Another app asks for the thread."""

    type: Literal["dm.thread.control_requested.v1"] = "dm.thread.control_requested.v1"
    data: data.ThreadControl


class SendAccepted(Envelope):
    """A command passed all rules."""

    type: Literal["dm.send.accepted.v1"] = "dm.send.accepted.v1"
    data: data.SendAccepted


class SendRejected(Envelope):
    """A command broke a rule. Terminal."""

    type: Literal["dm.send.rejected.v1"] = "dm.send.rejected.v1"
    data: data.SendRejected


class SendAttempted(Envelope):
    """A request is about to be written."""

    type: Literal["dm.send.attempted.v1"] = "dm.send.attempted.v1"
    data: data.SendAttempted


class SendFailed(Envelope):
    """The platform refused for good, or the time ran out. Terminal."""

    type: Literal["dm.send.failed.v1"] = "dm.send.failed.v1"
    data: data.SendFailed


class SendUnknown(Envelope):
    """It may have been delivered; an echo resolves it."""

    type: Literal["dm.send.unknown.v1"] = "dm.send.unknown.v1"
    data: data.SendUnknown


class ConversationStarted(Envelope):
    """The correspondent wrote for the first time. Derived."""

    type: Literal["dm.conversation.started.v1"] = "dm.conversation.started.v1"
    data: data.ConversationStarted


class ConversationActivated(Envelope):
    """It took its place in the month. Derived."""

    type: Literal["dm.conversation.activated.v1"] = "dm.conversation.activated.v1"
    data: data.ConversationActivated


class ConversationArchived(Envelope):
    type: Literal["dm.conversation.archived.v1"] = "dm.conversation.archived.v1"
    data: data.ConversationArchived


class ConversationUnarchived(Envelope):
    type: Literal["dm.conversation.unarchived.v1"] = "dm.conversation.unarchived.v1"
    data: data.ConversationArchived


class CorrespondentErased(Envelope):
    """Their content is to go everywhere."""

    type: Literal["dm.correspondent.erased.v1"] = "dm.correspondent.erased.v1"
    data: data.CorrespondentErased


class UnrecognisedReceived(Envelope):
    """A kind we do not know, kept whole."""

    type: Literal["dm.unrecognised.received.v1"] = "dm.unrecognised.received.v1"
    data: data.Unrecognised


class ProfileRegistered(Envelope):
    type: Literal["dm.profile.registered.v1"] = "dm.profile.registered.v1"
    data: data.ProfileRegistered


class AccountLinked(Envelope):
    type: Literal["dm.account.linked.v1"] = "dm.account.linked.v1"
    data: data.AccountLink


class AccountUnlinked(Envelope):
    type: Literal["dm.account.unlinked.v1"] = "dm.account.unlinked.v1"
    data: data.AccountLink


class MessagingActivated(Envelope):
    type: Literal["dm.messaging.activated.v1"] = "dm.messaging.activated.v1"
    data: data.MessagingSwitched


class MessagingDeactivated(Envelope):
    type: Literal["dm.messaging.deactivated.v1"] = "dm.messaging.deactivated.v1"
    data: data.MessagingSwitched


class LimitChanged(Envelope):
    type: Literal["dm.limit.changed.v1"] = "dm.limit.changed.v1"
    data: data.LimitChanged


class LimitReached(Envelope):
    """At 80 % and at 100 % of the month's limit. Derived."""

    type: Literal["dm.limit.reached.v1"] = "dm.limit.reached.v1"
    data: data.LimitReached


class AutoResponseConfigured(Envelope):
    type: Literal["dm.autoresponse.configured.v1"] = "dm.autoresponse.configured.v1"
    data: data.AutoResponseConfigured


class HistoryBackfilled(Envelope):
    """What existed before the link was fetched."""

    type: Literal["dm.history.backfilled.v1"] = "dm.history.backfilled.v1"
    data: backfills.HistoryBackfilled


Event = Annotated[
    MessageReceived
    | MessageSent
    | MessageEdited
    | MessageDeleted
    | MessageDelivered
    | MessageRead
    | ReactionAdded
    | ReactionRemoved
    | PostbackReceived
    | ReferralReceived
    | TypingStarted
    | ThreadControlLost
    | ThreadControlGained
    | ThreadControlRequested
    | SendAccepted
    | SendRejected
    | SendAttempted
    | SendFailed
    | SendUnknown
    | ConversationStarted
    | ConversationActivated
    | ConversationArchived
    | ConversationUnarchived
    | CorrespondentErased
    | UnrecognisedReceived
    | ProfileRegistered
    | AccountLinked
    | AccountUnlinked
    | MessagingActivated
    | MessagingDeactivated
    | LimitChanged
    | LimitReached
    | AutoResponseConfigured
    | HistoryBackfilled,
    Field(discriminator="type"),
]

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(value: bytes | str) -> Event:
    """The event in a record of `dm.events.v1`. Raises pydantic.ValidationError."""
    return _EVENT.validate_json(value)


def event_json_schema() -> dict[str, Any]:
    """The JSON Schema of every event, for other teams."""
    return _EVENT.json_schema()
