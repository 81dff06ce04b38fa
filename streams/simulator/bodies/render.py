"""The one door: what a POST tells, in which form, to its bytes. A pure function."""

from collections.abc import Callable
from dataclasses import dataclass

from streams.simulator.bodies import ayrshare, meta, x
from streams.simulator.happenings import Happening
from streams.simulator.world import Route


@dataclass(frozen=True, slots=True)
class Post:
    """Several happenings only where the route is Meta's; all of them of that route."""

    route: Route
    happenings: tuple[Happening, ...]
    sent_at: int
    """When the provider sends it, in ms. Not when it happened."""
    nonce: int
    """128 bits that are this delivery's own: its hookId, its event_uuid."""
    attempt: int = 0


def render(post: Post) -> bytes:
    return _BY_ROUTE[post.route](post)


def _messages(post: Post) -> bytes:
    return ayrshare.messages(post.happenings[0], post.nonce)


def _activity(post: Post) -> bytes:
    return ayrshare.account_activity(post.happenings[0], post.nonce, post.attempt)


def _page(post: Post) -> bytes:
    return meta.body("page", post.happenings, post.sent_at)


def _instagram(post: Post) -> bytes:
    return meta.body("instagram", post.happenings, post.sent_at)


def _aaa(post: Post) -> bytes:
    return x.account_activity(post.happenings[0])


def _xaa(post: Post) -> bytes:
    return x.activity(post.happenings[0], post.nonce)


_BY_ROUTE: dict[Route, Callable[[Post], bytes]] = {
    "messages": _messages,
    "activity": _activity,
    "page": _page,
    "instagram": _instagram,
    "aaa": _aaa,
    "xaa": _xaa,
}
