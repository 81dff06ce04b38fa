"""How much a platform takes of one account, as it documents it, and what a send counts there.

- Meta: 300 messages a second, 10 of audio or video, per page or Instagram account; and in 24 hours
  200 calls for each engaged person of a page (Meta's rate limiting page). Who is engaged it counts
  by its own data; whom we wrote to is engaged for certain, so that we count those.
- X: 15 messages in 15 minutes and 1,440 in 24 hours per user (X's rate limit page). Its migration
  page says 200 and 1,000, and an answer was seen that said 99: what the headers of an answer say
  replaces the 15 minutes' figure. The 1,440 in 24 hours of a whole app are left to the headers.
- Ayrshare: 300 calls in 5 minutes per profile, on all its networks together (its docs). History
  counts there as well: the answers' headers tell how many calls are left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.base import Provider
from streams.limits import Limit
from streams.providers.meta import requests
from streams.providers.protocol import OutboundSend
from streams.settings import Settings

Counted = Literal["sends", "media", "per person"]


@dataclass(frozen=True, slots=True)
class Rate:
    limit: Limit
    counts: Counted = "sends"
    told: bool = False
    """Headers of the provider's answers speak of this one, and replace its number."""


def rates_of(settings: Settings) -> Mapping[Provider, tuple[Rate, ...]]:
    """By provider; one without limits has none."""
    return {
        "meta": (
            *(Rate(limit) for limit in settings.meta_send_limits),
            *(Rate(limit, "media") for limit in settings.meta_media_limits),
            *(Rate(limit, "per person") for limit in settings.meta_person_limits),
        ),
        "x": _first_is_told(settings.x_send_limits),
        "ayrshare": _first_is_told(settings.ayrshare_send_limits),
    }


def weight(provider: Provider, rate: Rate, send: OutboundSend) -> int:
    """How much an attempt of the send counts there."""
    if provider != "meta":
        return 1
    bodies = requests.messages(send)[len(send.delivered) :]
    if rate.counts == "media":
        return sum(requests.is_played(body) for body in bodies)
    return len(bodies)


def _first_is_told(limits: tuple[Limit, ...]) -> tuple[Rate, ...]:
    return tuple(Rate(limit, told=number == 0) for number, limit in enumerate(limits))
