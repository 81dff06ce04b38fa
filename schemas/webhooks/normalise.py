"""The one door: (provider, raw body, receipt time) to events and failures. Knows no Kafka."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from schemas.base import Provider
from schemas.events import Event
from schemas.failures import Failure


@dataclass(frozen=True, slots=True)
class Normalised:
    """Never empty: a body gives at least one event or one failure (invariant 2)."""

    events: tuple[Event, ...] = ()
    failures: tuple[Failure, ...] = ()


def normalise(
    provider: Provider,
    body: bytes,
    received_at: datetime,
    *,
    own_app_ids: AbstractSet[str] = frozenset(),
) -> Normalised:
    """The events that one body tells of, in its order. Never raises on any input.

    `profileid` is the provider's reference of the account (Ayrshare's refId, else the page,
    Instagram account or X user id): who reads knows which profile that is.
    `own_app_ids` are the Meta apps that are ours: they tell control gained from control lost.
    """
    raise NotImplementedError


def account_reference(provider: Provider, body: bytes) -> str:
    """The key of the record on `dm.webhooks.v1`: the first account that the body names, else "".

    Raises ValueError where the body is not a JSON object.
    """
    raise NotImplementedError
