"""The one door: (provider, raw body, receipt time) to events and failures. Knows no Kafka."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NamedTuple

from schemas.base import Provider, to_milliseconds
from schemas.events import Event
from schemas.failures import Failure
from schemas.webhooks import ayrshare, meta, x
from schemas.webhooks.building import Outcome, collected, guarded
from schemas.webhooks.common import BadValueError, JsonObject, parse_body


class Normalised(NamedTuple):
    """Never empty: a body gives at least one event or one failure (invariant 2)."""

    events: tuple[Event, ...] = ()
    failures: tuple[Failure, ...] = ()
    """At most one for each reason: a failure is stored with the whole body. Its message names the
    first item and counts the rest."""


def normalise(
    provider: Provider,
    body: bytes,
    received_at: datetime,
    *,
    own_app_ids: AbstractSet[str] = frozenset(),
) -> Normalised:
    """The events that one body tells of, in its order. Never raises on any body.

    `profileid` is the provider's reference of the account (Ayrshare's refId, else the page,
    Instagram account or X user id): who reads knows which profile that is. It is empty on an
    `unrecognised.received` from a body that names no account at all.
    `own_app_ids` are the Meta apps that are ours: they tell control gained from control lost.
    `received_at` needs a zone (ValueError).
    """
    at = to_milliseconds(received_at)
    return Normalised(*collected(guarded("", _outcomes(provider, body, at, own_app_ids))))


def _outcomes(
    provider: str, body: bytes, received_at: datetime, own_app_ids: AbstractSet[str]
) -> Iterator[Outcome]:
    if provider == "meta":
        yield from meta.read(parse_body(body), received_at, own_app_ids)
    elif provider == "ayrshare":
        yield from ayrshare.read(parse_body(body), received_at)
    elif provider == "x":
        yield from x.read(parse_body(body), received_at)
    else:
        raise BadValueError("", "came from a provider that has no reader", "unknown_provider")


_REFERENCES: dict[str, Callable[[JsonObject], str]] = {
    "ayrshare": ayrshare.reference,
    "meta": meta.reference,
    "x": x.reference,
}


def account_reference(provider: Provider, body: bytes) -> str:
    """The key of the record on `dm.webhooks.v1`: the first account that the body names, else "".

    Raises ValueError where the body is not a JSON object.
    """
    parsed = parse_body(body)
    try:
        return _REFERENCES[provider](parsed) if provider in _REFERENCES else ""
    except BadValueError:
        return ""  # normalising says what is wrong; the record only needs a key
