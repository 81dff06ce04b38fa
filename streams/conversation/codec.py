"""State as bytes for a store: a version digit, then compact JSON without what is at its default.

The bytes are a pure function of the state, so equal states are equal bytes. A store's old bytes are
lifted by upcasters, one a version step, next to the reader that they lift for.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from streams.conversation.state import (
    AccountLinks,
    CommandOutcome,
    ConversationState,
    MonthTally,
    OpenSend,
    OutcomeEvent,
    ProfileState,
)

VERSION = 1

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""By kind (`profile`, `conversation`, `outcome`) and the version that it lifts from. Version 1 is
the first, so there is none yet; a kind without one did not change in that step."""


class StateVersionError(ValueError):
    """The bytes were written by a newer version: start that, or rebuild the state from the log."""


def conversation_to_bytes(state: ConversationState) -> bytes:
    """Without the id, which is the key in any store."""
    parts: dict[str, Any] = {
        "p": state.provider or None,
        "c": _span(state.first_correspondent_message_at, state.last_correspondent_message_at),
        "a": _span(state.first_account_message_at, state.last_account_message_at),
        "b": state.last_button_press_at,
        "s": 1 if state.started else None,
        "m": [[_number(month), *ranks] for month, ranks in sorted(state.months.items())] or None,
        "t": state.thread,
        "r": state.archived,
        "x": state.external,
        "l": state.last_accepted_at,
        "u": state.last_auto,
        "f": state.failed_auto,
        "n": state.unavailable_at,
        "e": state.erased_at,
        "k": state.crowded_until,
        "o": [_open_parts(send) for send in state.open] or None,
    }
    return _written(parts)


def conversation_from_bytes(value: bytes, conversation_id: str) -> ConversationState:
    """Raises StateVersionError for bytes of a newer version."""
    parts = _read("conversation", value)
    first_received, last_received = parts.get("c", (None, None))
    first_sent, last_sent = parts.get("a", (None, None))
    return ConversationState(
        id=conversation_id,
        provider=parts.get("p", ""),
        first_correspondent_message_at=first_received,
        last_correspondent_message_at=last_received,
        first_account_message_at=first_sent,
        last_account_message_at=last_sent,
        last_button_press_at=parts.get("b"),
        started="s" in parts,
        months={_month(number): tuple(ranks) for number, *ranks in parts.get("m", ())},
        thread=_tuple(parts.get("t")),
        archived=_tuple(parts.get("r")),
        external=_tuple(parts.get("x")),
        last_accepted_at=parts.get("l"),
        last_auto=_tuple(parts.get("u")),
        failed_auto=_tuple(parts.get("f")),
        unavailable_at=parts.get("n"),
        erased_at=parts.get("e"),
        crowded_until=parts.get("k"),
        open=tuple(map(_open_send, parts.get("o", ()))),
    )


def profile_to_bytes(state: ProfileState) -> bytes:
    again = state.last_registered_at
    parts: dict[str, Any] = {
        "r": state.registered_at,
        "l": None if again == state.registered_at else again,
        "e": _one_or_all(state.deletions),
        "o": state.messaging,
        "d": state.deactivated_at,
        "n": state.activations or None,
        "s": state.settings or None,
        "a": [[*key, *_links_parts(links)] for key, links in sorted(state.accounts.items())]
        or None,
        "m": [[_number(month), *tally] for month, tally in sorted(state.months.items())] or None,
        "h": [
            [_number(month), b64encode(held).decode()]
            for month, held in sorted(state.holders.items())
        ]
        or None,
    }
    return _written(parts)


# Measured: 2.7 kB each with a limit of 100 conversations a month, 15 kB with 1,000.
@lru_cache(maxsize=4_000)
def profile_from_bytes(value: bytes) -> ProfileState:
    """Raises StateVersionError for bytes of a newer version.

    What was read is kept: most batches meet profiles that did not change since the one before, and
    a state is never changed in place.
    """
    parts = _read("profile", value)
    settings = {name: _tuple(register) for name, register in parts.get("s", {}).items()}
    return ProfileState(
        registered_at=parts.get("r"),
        last_registered_at=parts.get("l", parts.get("r")),
        deletions=_all(parts.get("e")),
        messaging=_tuple(parts.get("o")),
        deactivated_at=parts.get("d"),
        activations=tuple(parts.get("n", ())),
        settings=settings,
        accounts={
            (provider, platform, account_id): AccountLinks(_tuple(linked), _tuple(unlinked), *more)
            for provider, platform, account_id, linked, unlinked, *more in parts.get("a", ())
        },
        months={_month(number): MonthTally(*tally) for number, *tally in parts.get("m", ())},
        holders={_month(number): b64decode(held) for number, held in parts.get("h", ())},
    )


def outcome_to_bytes(state: CommandOutcome) -> bytes:
    return _written({"t": state.at, "e": [list(event) for event in state.events] or None})


def outcome_from_bytes(value: bytes) -> CommandOutcome:
    """Raises StateVersionError for bytes of a newer version."""
    parts = _read("outcome", value)
    events = tuple(OutcomeEvent(*event) for event in parts.get("e", ()))
    return CommandOutcome(at=parts["t"], events=events)


def _written(parts: dict[str, Any]) -> bytes:
    said = {name: part for name, part in parts.items() if part is not None}
    return b"%d" % VERSION + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def _read(kind: str, value: bytes) -> dict[str, Any]:
    digits, _, body = value.partition(b"{")
    version = int(digits)
    if version > VERSION:
        raise StateVersionError(
            f"the {kind} state is of version {version}, this program reads up to {VERSION}: "
            "start the newer program, or rebuild the state from the log"
        )
    parts: dict[str, Any] = orjson.loads(b"{" + body)
    for step in range(version, VERSION):
        lift = UPCASTERS.get((kind, step))
        parts = parts if lift is None else lift(parts)
    return parts


def _links_parts(links: AccountLinks) -> list[Any]:
    asked = [] if links.history is None else [links.history]
    return [links.linked, links.unlinked, *asked]


def _open_parts(send: OpenSend) -> list[Any]:
    return [
        send.command_id,
        send.origin,
        send.accepted_at,
        send.until,
        send.text,
        send.first_attempt_at,
        send.last_attempt_at,
        send.newer_than,
        send.unknown_at,
        send.echoes,
        send.taken,
    ]


def _open_send(parts: list[Any]) -> OpenSend:
    """The reverse of `_open_parts`, in its order."""
    *plain, echoes, taken = parts
    fields = (*plain, tuple(tuple(echo) for echo in echoes), tuple(taken))
    return OpenSend(*fields)


def _span(first: int | None, last: int | None) -> tuple[int, int] | None:
    return None if first is None or last is None else (first, last)


def _one_or_all(instants: tuple[int, ...]) -> int | tuple[int, ...] | None:
    """Mostly there is none or one, and the first version knew of one."""
    return instants if len(instants) > 1 else next(iter(instants), None)


def _all(instants: int | list[int] | None) -> tuple[int, ...]:
    if instants is None:
        return ()
    return (instants,) if isinstance(instants, int) else tuple(instants)


def _tuple(value: list[Any] | None) -> Any:
    return None if value is None else tuple(value)


@lru_cache(maxsize=1024)
def _number(month: str) -> int:
    """Months since the year 0: five digits where the name has nine characters."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


@lru_cache(maxsize=1024)
def _month(number: int) -> str:
    year, month = divmod(number, 12)
    return f"{year:04}-{month + 1:02}"
