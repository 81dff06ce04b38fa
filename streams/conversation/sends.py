"""Open sends of a conversation, and which echo is theirs.

Messenger echoes our command's id, and mostly the send's answer names the message. What is left is
a send whose outcome is unknown on a platform that echoes neither: its echo is recognised by the
conversation and the text. A wrong match would call a lost message sent, so that it is made only
where nothing else explains the echo:

- Only echoes newer than any message the account had when the attempt was recorded count, so that
  an older message with the same text, delivered once more, is never taken for the send.
- An echo belongs to one command. Once told which, it is taken for all others.
- While another send with the same text is on its way, an echo may be that one's: it waits. Where
  more sends were accepted than are kept apart, no echo is recognised until those have expired.
- Only text alone is recognised. What came with media is of a send with media.

The log has a send's accept, attempt and echo in that order, because each is durable before the
next can happen. Only between those three does the order of application matter here.
"""

from collections.abc import Callable
from dataclasses import replace

from schemas import data
from streams.conversation import fingerprints
from streams.conversation.instants import MINUTE, SECOND, to_ms
from streams.conversation.merging import earlier, later
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, OpenSend, Stamp

MOST_OPEN = 16
"""Open sends of one conversation that can be recognised by text: as many as X's limit lets wait for
each other in a quarter of an hour. Each adds 150 bytes to the conversation's state and 9 us to its
reading and writing (measured), until its end is told; what is above is recognised by ids alone."""
_MOST_ECHOES = 3
_MOST_TAKEN = 8
_KEPT_AFTER_EXPIRY = 60 * MINUTE
"""Longer than an unknown outcome can be resolved after the last possible attempt."""
_ECHOED_AFTER_EXPIRY = 15 * MINUTE
"""Longer than the echo of the last possible attempt can be dated after it."""
_CLOCKS_APART = 5 * SECOND
"""How far a platform's clock may be behind ours. Ayrshare cuts its times to whole seconds."""


def has_room(conversation: ConversationState, at: int) -> bool:
    """Whether one more open send can be recognised by its text."""
    return sum(send.until >= at for send in conversation.open) < MOST_OPEN


def accepted(
    conversation: ConversationState, body: data.SendAccepted, at: int, *, has_left: bool
) -> ConversationState:
    """After a send was accepted, and whatever it may have come to already.

    What became stale by now goes, whichever was told first.
    """
    clock = later(conversation.last_accepted_at, at)
    known = {send.command_id: send for send in conversation.open}
    fingerprint = fingerprints.of_text(body.text)
    crowded_until = conversation.crowded_until
    until = to_ms(body.expires_at) + _KEPT_AFTER_EXPIRY
    if not body.echo_by_text and fingerprint is not None and not body.media_urls:
        crowded_until = later(crowded_until, to_ms(body.expires_at) + _ECHOED_AFTER_EXPIRY)
    if body.echo_by_text and fingerprint is not None and not has_left:
        send = OpenSend(body.command_id, body.origin, at, until, fingerprint)
        known[body.command_id] = _joined(known.get(body.command_id, send), send)
    kept = tuple(
        known[command_id] for command_id in sorted(known) if known[command_id].until >= clock
    )
    return erased(
        conversation._replace(last_accepted_at=clock, open=kept, crowded_until=crowded_until)
    )


def attempted(conversation: ConversationState, command_id: str, at: int) -> ConversationState:
    def change(send: OpenSend) -> OpenSend:
        first = send.first_attempt_at is None
        return replace(
            send,
            first_attempt_at=earlier(send.first_attempt_at, at),
            last_attempt_at=later(send.last_attempt_at, at),
            newer_than=(conversation.last_account_message_at or 0) if first else send.newer_than,
        )

    return _with(conversation, command_id, change)


def became_unknown(conversation: ConversationState, command_id: str, at: int) -> ConversationState:
    return _with(
        conversation,
        command_id,
        lambda send: replace(send, unknown_at=earlier(send.unknown_at, at)),
    )


def ended(conversation: ConversationState, command_id: str) -> ConversationState:
    kept = tuple(send for send in conversation.open if send.command_id != command_id)
    return conversation if len(kept) == len(conversation.open) else conversation._replace(open=kept)


def as_it_was(
    conversation: ConversationState, before: ConversationState, command_id: str
) -> ConversationState:
    """With the command's own send as `before` had it, whatever was told of a former life of its id.

    Without it a late repetition of the former end would take the send that is open now for done.
    """
    own = [send for send in before.open if send.command_id == command_id]
    others = [send for send in conversation.open if send.command_id != command_id]
    kept = tuple(sorted([*others, *own], key=lambda send: send.command_id))
    return conversation if kept == conversation.open else conversation._replace(open=kept)


def erased(conversation: ConversationState) -> ConversationState:
    kept = tuple(send for send in conversation.open if not _is_erased(send, conversation))
    return conversation if len(kept) == len(conversation.open) else conversation._replace(open=kept)


def echoed(conversation: ConversationState, body: data.Message, at: int) -> ConversationState:
    """With a message of the account that no command is known for."""
    fingerprint = None if _has_media(body) else fingerprints.of_text(body.text)
    echo = (at, body.message_id)
    return _with_each(
        conversation,
        lambda send: (
            replace(send, echoes=tuple(sorted({*send.echoes, echo})[:_MOST_ECHOES]))
            if send.text == fingerprint and _may_be_of(send, at)
            else send
        ),
    )


def claimed(conversation: ConversationState, at: int, message_id: str) -> ConversationState:
    """With a message of the account that belongs to a command: no other send's echo."""
    fingerprint = fingerprints.of_id(message_id)
    return _with_each(
        conversation,
        lambda send: (
            replace(send, taken=tuple(sorted({*send.taken, fingerprint})[-_MOST_TAKEN:]))
            if _may_be_of(send, at)
            else send
        ),
    )


def recognised(
    conversation: ConversationState, heard_at: int, rules: Rules
) -> list[tuple[OpenSend, Stamp]]:
    """Unknown sends and the echo (time, message id) that shows each was delivered after all.

    Oldest first, one echo each. `heard_at`: when (ms) the latest news was received.
    """
    on_their_way = [
        send
        for send in conversation.open
        if send.last_attempt_at is not None and send.unknown_at is None
    ]
    spoken_for = {echo for send in on_their_way for echo in send.echoes}
    found = []
    for send in sorted(conversation.open, key=lambda send: (send.accepted_at, send.command_id)):
        if send.unknown_at is None or heard_at > send.unknown_at + rules.unknown_after:
            continue
        for echo in send.echoes:
            if (
                echo not in spoken_for
                and echo[0] > (conversation.crowded_until or 0)
                and fingerprints.of_id(echo[1]) not in send.taken
                and _is_in_time(send, echo[0], rules)
            ):
                found.append((send, echo))
                spoken_for.add(echo)
                break
    return found


def _joined(known: OpenSend, told: OpenSend) -> OpenSend:
    """One command that two workers accepted (one was taken for dead): the later expiry counts.

    Text and origin are the command's, so they are alike; if they were not, the choice would still
    not depend on who was told first.
    """
    until, accepted_at = max((known.until, known.accepted_at), (told.until, told.accepted_at))
    text, origin = min((known.text, known.origin), (told.text, told.origin))
    return replace(known, accepted_at=accepted_at, until=until, text=text, origin=origin)


def _has_media(body: data.Message) -> bool:
    """Previews of links come as attachments of a text; all else was sent as such."""
    return any(attachment.type not in {"fallback", "share"} for attachment in body.attachments)


def _is_in_time(send: OpenSend, echo_at: int, rules: Rules) -> bool:
    attempt = send.last_attempt_at
    return (
        attempt is not None
        and attempt - _CLOCKS_APART <= echo_at <= attempt + rules.echo_match_window
    )


def _may_be_of(send: OpenSend, at: int) -> bool:
    return (
        send.first_attempt_at is not None
        and at > send.newer_than
        and at >= send.first_attempt_at - _CLOCKS_APART
    )


def _is_erased(send: OpenSend, conversation: ConversationState) -> bool:
    return conversation.erased_at is not None and send.accepted_at <= conversation.erased_at


def _with(
    conversation: ConversationState, command_id: str, change: Callable[[OpenSend], OpenSend]
) -> ConversationState:
    return _with_each(
        conversation, lambda send: change(send) if send.command_id == command_id else send
    )


def _with_each(
    conversation: ConversationState, change: Callable[[OpenSend], OpenSend]
) -> ConversationState:
    if not conversation.open:
        return conversation
    changed = tuple(change(send) for send in conversation.open)
    return conversation if changed == conversation.open else conversation._replace(open=changed)
