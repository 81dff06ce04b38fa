"""Several commands of one request, one after another, under one Idempotency-Key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from schemas.commands import AnyCommand
from streams.api import performing, waiting
from streams.api.resources import Resources
from streams.api.sending import accepted
from streams.api.verdicts import answer_of

Make = Callable[[dict[str, Any]], AnyCommand]
"""A command from its envelope."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same for all commands of a request."""

    resources: Resources
    profile: str
    kind: str
    """Of the request: one key may be used for one request of each kind."""
    key: str | None
    prefer: str | None
    body: Mapping[str, Any]


async def carry_out(asked: Asked, *commands: Make) -> Response | None:
    """None once all were decided; else 202 for the first of which nothing was told in time. What
    comes after that one is not written: the request may be made again with the same key."""
    seconds = waiting.seconds(asked.prefer, asked.resources.settings)
    for number, make in enumerate(commands):
        name = f"{asked.kind}:{number}" if number else asked.kind
        identity = performing.identify(asked.profile, name, asked.key, asked.body, asked.resources)
        command = make(identity.envelope(asked.profile, asked.resources))
        if not await performing.perform(asked.resources, command, identity, seconds):
            return accepted(answer_of(identity.command_id, ()))
    return None
