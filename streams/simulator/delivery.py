"""From happenings to requests: grouped, delayed, doubled, out of order, a few of them broken.

A schedule holds happenings and not bodies: bodies are made as they are sent, so that 100,000
webhooks need the memory of their happenings alone.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from schemas.base import Provider
from streams.simulator.bodies import Post, render
from streams.simulator.happenings import Happening, Unknown, Written
from streams.simulator.world import HOUR_MS, Route

Forgery = Literal["none", "wrong_secret", "stale"]
"""How the signature is made: rightly, with another secret, or with a time long past."""

PROVIDER: dict[Route, Provider] = {
    "messages": "ayrshare",
    "activity": "ayrshare",
    "page": "meta",
    "instagram": "meta",
    "aaa": "x",
    "xaa": "x",
}
_OTHER_PRODUCT: dict[Route, Route] = {"aaa": "xaa", "xaa": "aaa"}
_BATCHED: tuple[Route, ...] = ("page", "instagram")

_NEIGHBOURS_MS = 600_000
"""What a platform sends in one POST happened within minutes."""
_ROW = 120
"""Meta may put up to 1,000 updates into one POST: a large schedule has one of this many."""
_ROW_FROM = 600
_OUT_OF_ORDER = 0.03
_SAME_BYTES = 0.5
_ALONE = 0.5
_AGAIN_AFTER_MS = (5_000, 30_000, 15 * 60_000, 3 * HOUR_MS)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to be made, and the answer that it is meant to get."""

    number: int
    provider: Provider
    body: bytes
    nonce: int
    """The delivery's own number: its id, where the provider tells one, is made from it."""
    attempt: int
    expected_status: int = 200
    forgery: Forgery = "none"


@dataclass(frozen=True, slots=True)
class Broken:
    """A request that is not meant to come through."""

    provider: Provider
    body: bytes
    expected_status: int
    nonce: int
    forgery: Forgery = "none"


@dataclass(frozen=True, slots=True)
class Planned:
    at: int
    """When it is sent, in simulated ms: the order of sending."""
    request: Post | Broken
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Requests in the order of their sending."""

    planned: list[Planned]

    def __len__(self) -> int:
        return len(self.planned)

    def deliveries(self) -> Iterator[Delivery]:
        """Made one by one, the same each time."""
        for number, planned in enumerate(self.planned):
            request = planned.request
            if isinstance(request, Post):
                provider, body = PROVIDER[request.route], render(request)
                yield Delivery(number, provider, body, request.nonce, planned.attempt)
            else:
                yield Delivery(
                    number,
                    request.provider,
                    request.body,
                    request.nonce,
                    planned.attempt,
                    request.expected_status,
                    request.forgery,
                )


def schedule(
    rng: random.Random,
    happenings: Sequence[Happening],
    *,
    firsts: int,
    duplicates: int,
    late: int,
    broken: Sequence[Broken],
    until: int,
) -> Schedule:
    """`firsts` requests that tell all happenings once, and the others beside them.

    Raises ValueError where the happenings can't be told in exactly so many requests.
    """
    groups = _group(rng, sorted(happenings, key=lambda one: one.at), firsts)
    posts = [_post(rng, group) for group in groups]
    _make_late(rng, posts, late, until)
    planned = [Planned(post.sent_at, post) for post in posts]
    planned += [_again(rng, post) for post in rng.choices(posts, k=duplicates)]
    planned += [Planned(rng.choice(posts).sent_at, one) for one in broken]
    planned.sort(key=lambda one: one.at)
    return Schedule(planned)


def _group(
    rng: random.Random, happenings: list[Happening], wanted: int
) -> list[tuple[Happening, ...]]:
    """As many groups as wanted: neighbours in time, of one of Meta's objects, are joined."""
    joins = len(happenings) - wanted
    runs: dict[Route, list[Happening]] = {}
    for happening in happenings:
        runs.setdefault(happening.conversation.account.route, []).append(happening)
    places = [(route, at) for route in _BATCHED for at in range(1, len(runs.get(route, ())))]
    if not 0 <= joins <= len(places):
        raise ValueError(f"{len(happenings)} happenings can't be told in {wanted} webhooks")
    chosen = set(_joined(rng, runs, places, joins))
    groups: list[tuple[Happening, ...]] = []
    for route, told in runs.items():
        begin = 0
        for at in range(1, len(told) + 1):
            if (route, at) not in chosen:
                groups.append(tuple(told[begin:at]))
                begin = at
    return groups


def _joined(
    rng: random.Random,
    runs: dict[Route, list[Happening]],
    places: list[tuple[Route, int]],
    count: int,
) -> list[tuple[Route, int]]:
    """The places between two neighbours that are joined: near ones first, now and then a row."""
    row: list[tuple[Route, int]] = []
    if count > _ROW_FROM:
        begin = int(rng.random() * (len(places) - _ROW))
        row = places[begin : begin + _ROW]
        places = places[:begin] + places[begin + _ROW :]
    near: list[tuple[Route, int]] = []
    far: list[tuple[Route, int]] = []
    for route, at in places:
        told = runs[route]
        apart = told[at].at - told[at - 1].at
        (near if apart < _NEIGHBOURS_MS else far).append((route, at))
    rng.shuffle(near)
    return [*row, *near, *far][:count]


def _post(rng: random.Random, group: tuple[Happening, ...]) -> Post:
    """Sent within a second or two; some come tens of seconds later, behind their followers."""
    delay = 0.2 + rng.expovariate(2)
    if rng.random() < _OUT_OF_ORDER:
        delay += 5 + rng.random() * 85
    return Post(
        route=group[0].conversation.account.route,
        happenings=group,
        sent_at=group[-1].at + int(delay * 1_000),
        nonce=rng.getrandbits(128),
    )


def _make_late(rng: random.Random, posts: list[Post], late: int, until: int) -> None:
    """Some hours late. What happened in the last hour can't be, before the day is over."""
    old = [place for place, post in enumerate(posts) if post.sent_at <= until - HOUR_MS]
    for place in rng.sample(old, min(late, len(old))):
        post = posts[place]
        hours = 1 + rng.expovariate(1 / 3)
        sent_at = min(post.sent_at + int(hours * HOUR_MS), until)
        posts[place] = replace(post, sent_at=sent_at)


def _again(rng: random.Random, post: Post) -> Planned:
    """The same once more: the same bytes, or the same happening in another notice."""
    at = post.sent_at + rng.choice(_AGAIN_AFTER_MS)
    # An unknown kind is known by its content alone: another notice of it would be another event.
    if rng.random() < _SAME_BYTES or any(isinstance(one, Unknown) for one in post.happenings):
        return Planned(at, post, attempt=1)
    nonce = rng.getrandbits(128)
    if post.route in _OTHER_PRODUCT and isinstance(post.happenings[0], Written):
        return Planned(at, Post(_OTHER_PRODUCT[post.route], post.happenings, at, nonce))
    told = post.happenings
    if rng.random() < _ALONE:
        told = (told[int(rng.random() * len(told))],)
    return Planned(at, Post(post.route, told, at, nonce, attempt=1), attempt=1)
