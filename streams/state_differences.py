"""Two states of the conversations worker, key by key and field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from streams.conversation import codec

_KINDS = {"p": "profile", "c": "conversation", "o": "command", "x": "provider's id"}
_ABSENT = "(absent)"


class Difference(NamedTuple):
    """One field of one state. Neither value holds a text: state has fingerprints of them."""

    kind: str
    profile: str
    name: str
    """The conversation's or command's id; empty for a profile."""
    field: str
    live: object
    rebuilt: object


def differences(
    live: Mapping[bytes, bytes], rebuilt: Mapping[bytes, bytes]
) -> Iterator[Difference]:
    """In the order of the keys. Equal bytes are equal states, so few are decoded."""
    for key in differing(live, rebuilt):
        kind, profile, name = parts_of(key)
        one, two = (_fields(key, store.get(key)) for store in (live, rebuilt))
        for field in sorted(one.keys() | two.keys()):
            if one.get(field, _ABSENT) != two.get(field, _ABSENT):
                yield Difference(
                    _KINDS[kind], profile, name, field,
                    one.get(field, _ABSENT), two.get(field, _ABSENT),
                )  # fmt: skip


def differing(live: Mapping[bytes, bytes], rebuilt: Mapping[bytes, bytes]) -> list[bytes]:
    return sorted(key for key in live.keys() | rebuilt.keys() if live.get(key) != rebuilt.get(key))


def parts_of(key: bytes) -> tuple[str, str, str]:
    """Kind, profile and name of a key as `working_set.table_key` makes them."""
    text = key.decode()
    profile, _, name = text[1:].partition("\x1f")
    return text[0], profile, name


def _fields(key: bytes, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {}
    kind, _, name = parts_of(key)
    match kind:
        case "p":
            return codec.profile_from_bytes(value)._asdict()
        case "c":
            return codec.conversation_from_bytes(value, name)._asdict()
        case "o":
            return asdict(codec.outcome_from_bytes(value))
        case _:
            return {"conversation": value.decode()}
