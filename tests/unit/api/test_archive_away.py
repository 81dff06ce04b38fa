"""ClickHouse is away while a profile is made."""

import orjson

from schemas.commands import AnyCommand
from schemas.events import Event
from streams.conversation.decide import decide
from streams.conversation.rules import Rules
from streams.conversation.state import State
from tests.unit.api.calls import NOW, Api


def test_a_profile_that_was_made_is_answered_with_its_key_though_the_archive_is_away() -> None:
    """Nobody could ask for its key again, and a repetition would make a second one."""

    def worker(command: AnyCommand) -> tuple[Event, ...]:
        return tuple(decide(State(), command, NOW, Rules()))

    api = Api(worker)
    reply = api.call("POST", "/profiles", {"title": "The shop"})
    assert reply.status == 200, reply
    made = orjson.loads(reply.body)
    assert (made["title"], len(made["profileKey"])) == ("The shop", 32)
    assert len(api.commands) == 1
