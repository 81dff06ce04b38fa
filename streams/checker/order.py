"""What belongs to one conversation happens in its order, without a step back."""

from collections.abc import Iterator
from itertools import pairwise

from schemas.events import SendAccepted, SendAttempted
from streams.checker.findings import Finding
from streams.checker.history import Place
from streams.checker.reading import Reading
from streams.conversation import codec
from streams.conversation.state import ConversationState
from streams.state_differences import parts_of


def order(reading: Reading) -> Iterator[Finding]:
    """Per conversation: what was read from webhooks is in the log in their order, sends are tried
    in the order of their acceptance, and the state never goes back to an earlier one.

    Repetitions are no steps back: a record that is read again writes the same events again.
    """
    yield from _webhooks(reading)
    yield from _sends(reading)
    yield from _state(reading)


def _webhooks(reading: Reading) -> Iterator[Finding]:
    newest: dict[tuple[str, str, int], Place] = {}
    known: set[tuple[str, str, Place]] = set()
    for record, event in reading.events:
        origin = reading.origin(event)
        if origin is None or event.subject is None:
            continue
        told = (event.profileid, event.subject, origin)
        if told in known:
            continue
        known.add(told)
        line = (event.profileid, event.subject, origin.partition)
        before = newest.get(line)
        if before is not None and origin.offset < before.offset:
            yield Finding(
                "order",
                f"what the webhook {origin.offset} told came after what {before.offset} told",
                event.profileid,
                record.place,
            )
        newest[line] = origin if before is None else max(before, origin)


def _sends(reading: Reading) -> Iterator[Finding]:
    accepted: dict[tuple[str, str], list[str]] = {}
    attempts: dict[tuple[str, str], list[str]] = {}
    for _, event in reading.events:
        line = (event.profileid, event.subject or "")
        if isinstance(event, SendAccepted):
            accepted.setdefault(line, []).append(event.data.command_id)
        elif isinstance(event, SendAttempted):
            attempts.setdefault(line, []).append(event.data.command_id)
    for line, commands in attempts.items():
        turn = {command: n for n, command in reversed(list(enumerate(accepted.get(line, ()))))}
        tried = [command for command in dict.fromkeys(commands) if command in turn]
        for one, two in pairwise(tried):
            if turn[two] < turn[one]:
                what = f"send {two} was accepted before {one}, and first tried after it"
                yield Finding("order", what, line[0])


def _state(reading: Reading) -> Iterator[Finding]:
    before: dict[bytes, ConversationState] = {}
    for key, value in reading.history.state_changes:
        if not key.startswith(b"c"):
            continue
        _, profile, name = parts_of(key)
        if value is None:
            before.pop(key, None)
            continue
        after = codec.conversation_from_bytes(value, name)
        earlier = before.get(key)
        if earlier is not None and after.erased_at is None:
            for field in _GROWING:
                if (getattr(earlier, field) or 0) > (getattr(after, field) or 0):
                    what = f"{field} of {name} went back in the state's changelog"
                    yield Finding("order", what, profile)
        before[key] = after


_GROWING = (
    "last_correspondent_message_at",
    "last_account_message_at",
    "last_button_press_at",
    "last_accepted_at",
)
"""Maxima over the log, so that an older state shows wherever they differ."""
