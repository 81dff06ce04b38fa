"""Requests that are not meant to come through, each with the answer that it must get.

Bodies behind a wrong signature tell a message that never was. If one gets in, the archive shows a
message more than was meant: the comparison finds what the status alone could hide.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from schemas.base import Provider
from streams.simulator import platform_ids
from streams.simulator.bodies import Post, render
from streams.simulator.delivery import PROVIDER, Broken
from streams.simulator.happenings import Happening, Written
from streams.simulator.intention import ExpectedFailure

_REASONS = ("unknown_shape", "missing_account", "bad_value")

# JSON objects of no shape that the provider has: accepted, kept, and one failure each. The number
# makes each body another one, so that a failure can be told by its bytes.
_WRONG_SHAPES: dict[Provider, Callable[[str], dict[str, Any]]] = {
    "ayrshare": lambda number: {
        "action": "messages",
        "subAction": "messageCreated",
        "type": "received",
        "platform": "facebook",
        "hookId": number,
    },
    "meta": lambda number: {"object": "page", "entry": f"none-{number}"},
    "x": lambda number: {"for_user_id": number, "direct_message_events": "none"},
}


def broken_requests(
    rng: random.Random, happenings: Sequence[Happening], providers: Sequence[Provider], count: int
) -> list[Broken]:
    """`count` of them, the kinds in turn."""
    written = [one for one in happenings if isinstance(one, Written)]
    kinds = (_cut_off, _wrong_shape, _wrong_signature, _no_object, _wrong_shape, _stale)
    return [
        kinds[number % len(kinds)](rng, written, providers[int(rng.random() * len(providers))])
        for number in range(count)
    ]


def expected_failure(broken: Broken) -> ExpectedFailure | None:
    """None where the gateway refuses it: then nothing of it is kept."""
    if broken.expected_status != _ACCEPTED:
        return None
    sha256 = hashlib.sha256(broken.body).hexdigest()
    return ExpectedFailure(provider=broken.provider, sha256=sha256, reasons=_REASONS)


_ACCEPTED = 200


def _cut_off(rng: random.Random, written: Sequence[Written], _: Provider) -> Broken:
    """No JSON: the connection broke, and somebody signed what was there."""
    provider, body = _never_said(rng, written)
    return Broken(provider, body[: len(body) * 2 // 3], 400, rng.getrandbits(128))


def _no_object(rng: random.Random, _: Sequence[Written], provider: Provider) -> Broken:
    body = orjson.dumps([platform_ids.digits(rng, 12)])
    return Broken(provider, body, 400, rng.getrandbits(128))


def _wrong_shape(rng: random.Random, _: Sequence[Written], provider: Provider) -> Broken:
    body = orjson.dumps(_WRONG_SHAPES[provider](platform_ids.digits(rng, 12)))
    return Broken(provider, body, _ACCEPTED, rng.getrandbits(128))


def _wrong_signature(rng: random.Random, written: Sequence[Written], _: Provider) -> Broken:
    provider, body = _never_said(rng, written)
    return Broken(provider, body, 401, rng.getrandbits(128), "wrong_secret")


def _stale(rng: random.Random, written: Sequence[Written], _: Provider) -> Broken:
    """Rightly signed, long ago: a replayed request. Only Ayrshare tells a time beside it."""
    provider, body = _never_said(rng, written)
    forgery = "stale" if provider == "ayrshare" else "wrong_secret"
    return Broken(provider, body, 401, rng.getrandbits(128), forgery)  # type: ignore[arg-type]


def _never_said(rng: random.Random, written: Sequence[Written]) -> tuple[Provider, bytes]:
    one = written[int(rng.random() * len(written))]
    forged = replace(one, message_id=one.message_id[:-6] + platform_ids.digits(rng, 6), text="no")
    route = one.conversation.account.route
    post = Post(route, (forged,), one.at, rng.getrandbits(128))
    return PROVIDER[route], render(post)
