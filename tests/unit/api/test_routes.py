"""The routes in process: what is let through, what is written, what is answered."""

import asyncio
from contextlib import nullcontext
from typing import Any

import orjson
import structlog
from aiokafka.errors import KafkaConnectionError

from schemas.commands import AnyCommand
from schemas.events import Event
from streams.gateway.app import Beside, create_app
from streams.gateway.keep import broker_slow, partitions_differ
from tests.unit.api.answering import GOOD, error, sends
from tests.unit.api.calls import Api
from tests.unit.gateway.calls import RecordingPublisher, call, settings_for_tests


def test_every_answer_tells_its_key_s_rate_and_is_for_no_cache() -> None:
    """Also a 202, and the document, which are made by hand."""
    api = Api(api_rate_max=5)
    replies = [
        api.call("GET", "/hook/webhook"),
        api.call("POST", "/messages/facebook", GOOD, prefer="wait=0"),
        api.call("POST", "/messages/facebook", {}),
        api.call("GET", "/messages/facebook"),
        api.call("DELETE", "/hook/webhook", {"action": "messages"}),
        api.call("POST", "/messages/facebook", GOOD),
    ]
    assert [reply.status for reply in replies] == [200, 202, 400, 503, 404, 429]
    counts = [int(reply.headers["x-ratelimit-count"]) for reply in replies]
    assert counts == list(range(1, 7))
    replies += [
        api.call("GET", "/openapi.json"),
        api.call("GET", "/openapi.json", authorization="Bearer nonsense"),
    ]
    assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}
    assert {reply.headers["x-content-type-options"] for reply in replies} == {"nosniff"}
    told = ["x-ratelimit-max" in reply.headers for reply in replies]
    assert told == [True] * 7 + [False]


def test_who_does_not_wait_for_a_new_profile_gets_its_key_and_all_that_was_asked() -> None:
    api = Api()
    body = {"title": "Shop", "messagingActive": True}
    reply = api.call("POST", "/profiles", body, prefer="respond-async")
    assert reply.status == 202
    register, activate = api.commands
    assert (register.type, activate.type) == ("RegisterProfile", "ActivateMessaging")
    content = orjson.loads(reply.body)
    assert content["profileKey"] == register.profileid == activate.profileid
    assert content["commandId"] == activate.command_id != register.command_id
    assert content["outcome"] == "pending"


def test_a_broker_that_is_away_is_503_and_says_when_to_come_back() -> None:
    api = Api()
    api.broker.trouble = broker_slow()
    reply = api.call("POST", "/messages/facebook", GOOD)
    error(reply, 503, "broker_timeout")
    assert reply.headers["retry-after"] == "2"
    api = Api()
    api.outcomes.trouble = KafkaConnectionError("away")
    error(api.call("POST", "/messages/facebook", GOOD), 503, "broker_unavailable")
    assert api.commands == []


def test_a_gateway_with_another_number_of_partitions_writes_nothing_and_asks_no_partition() -> None:
    """It would be the wrong one: who waits there hears of nothing."""
    api = Api()
    api.broker.trouble = partitions_differ("DM_PARTITIONS is 1")
    api.outcomes.trouble = AssertionError("asked for an outcome")
    reply = api.call("POST", "/messages/facebook", GOOD)
    assert error(reply, 503, "partitions_differ")["message"] == "DM_PARTITIONS is 1"
    assert reply.headers["retry-after"] == "60"
    assert api.commands == []


def test_an_archive_that_is_away_stops_questions_and_no_sends() -> None:
    api = Api(sends)
    for path in ("/messages/facebook", "/user", "/conversations/a", "/commands/a", "/profiles"):
        reply = api.call("GET", path)
        error(reply, 503, "archive_unavailable")
        assert reply.headers["retry-after"] == "5"
    assert api.call("POST", "/messages/facebook", GOOD).status == 200


def test_until_the_keys_are_known_nobody_is_let_in() -> None:
    api = Api(sends)
    api.keys.is_known = False
    error(api.call("POST", "/messages/facebook", GOOD), 503, "keys_unknown")


def test_a_failure_that_nobody_thought_of_has_the_shape_of_all_errors() -> None:
    """Invariant 11: what the exception says may be a text."""

    def breaks(command: AnyCommand) -> list[Event]:
        raise RuntimeError(command.model_dump_json())

    api = Api(breaks)
    beside = Beside(api.app, nullcontext)
    api.app = create_app(settings_for_tests(), RecordingPublisher(), beside=beside)
    with structlog.testing.capture_logs() as logs:
        reply = api.call("POST", "/messages/facebook", GOOD)
    content = error(reply, 500, "internal_error")
    assert content["code"] == 500
    assert content["message"]
    assert [entry["error"] for entry in logs] == ["RuntimeError"]
    assert GOOD["message"] not in str(logs)


def test_a_key_for_one_profile_names_no_credential() -> None:
    """It may be another's: sends would go out in its name."""
    api = Api()
    body = {"platform": "facebook", "accountId": "1", "provider": "meta", "credential": "OTHER"}
    key = api.add_key("admin", profiles=("shop",))
    reply = api.call("POST", "/profiles/social", body, key=key)
    assert error(reply, 403, "credential_not_allowed")["code"] == 403
    assert api.commands == []
    anyone = api.call("POST", "/profiles/social", body)
    error(anyone, 503, "archive_unavailable")  # it came further


def test_the_api_beside_the_webhooks_takes_all_paths_but_theirs() -> None:
    """And the gateway starts and stops what runs beside it."""
    api, ran = Api(), []

    class Running:
        async def __aenter__(self) -> None:
            ran.append("started")

        async def __aexit__(self, *_: object) -> None:
            ran.append("stopped")

    app = create_app(settings_for_tests(), RecordingPublisher(), beside=Beside(api.app, Running))
    assert call(app, "GET", "/healthz").status == 200
    assert call(app, "GET", "/webhooks/ayrshare").status == 405
    assert call(app, "POST", "/webhooks/ayrshare").status == 401
    assert call(app, "GET", "/nowhere").error["reason"] == "not_found"
    assert call(app, "GET", "/user").error["reason"] == "unauthorized"

    async def live() -> None:
        said: list[Any] = []
        inbox = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return inbox.pop(0)

        async def send(message: Any) -> None:
            said.append(message)

        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    asyncio.run(live())
    assert ran == ["started", "stopped"]


def test_a_method_that_a_path_does_not_take_is_told_with_those_that_it_takes() -> None:
    reply = Api().call("DELETE", "/messages/facebook")
    error(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, POST"
