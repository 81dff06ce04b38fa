"""The routes in process: what is let through, what is written, what is answered."""

import asyncio
from contextlib import nullcontext
from typing import Any

import orjson
import pytest
import structlog
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st

from schemas import data, events
from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event
from streams.gateway.app import Beside, create_app
from streams.gateway.keep import broker_slow
from tests.unit.api.calls import NOW, Api
from tests.unit.gateway.calls import RecordingPublisher, Reply, call, settings_for_tests

PERSON = "5678"
GOOD = {"recipientId": PERSON, "message": "Yes, in blue."}
_SEND = {"provider": "meta", "account_id": "1234", "correspondent_id": PERSON}


def envelope(command: AnyCommand, **more: Any) -> dict[str, Any]:
    return {
        "id": "e" * 32,
        "source": "/dmstream/commands/shop",
        "time": NOW,
        "receivedat": NOW,
        "profileid": command.profileid,
        "subject": f"facebook:1234:{PERSON}",
        "platform": "facebook",
        "correlationid": command.correlationid,
        "causationid": command.command_id,
        **more,
    }


def sends(command: AnyCommand) -> list[Event]:
    assert isinstance(command, SendMessage)
    body = data.Message(
        **_SEND, message_id="m_1", text=command.text, command_id=command.command_id, origin="api"
    )
    return [events.MessageSent(**envelope(command), data=body)]


def rejects(command: AnyCommand) -> list[Event]:
    body = data.SendRejected(
        **_SEND,
        command_id=command.command_id,
        reason="reply_window_closed",
        message="The reply window is closed until the correspondent writes again.",
        expires_at=NOW,
    )
    return [events.SendRejected(**envelope(command), data=body)]


def fails(reason: str, platform: str = "facebook") -> Any:
    def worker(command: AnyCommand) -> list[Event]:
        body = data.SendFailed(
            **_SEND, command_id=command.command_id, reason=reason, message="The platform said no."
        )
        return [events.SendFailed(**envelope(command, platform=platform), data=body)]

    return worker


def error(reply: Reply, status: int, reason: str) -> dict[str, Any]:
    assert reply.status == status, reply.body
    content: dict[str, Any] = orjson.loads(reply.body)
    assert (content["status"], content["reason"]) == ("error", reason)
    assert reply.headers["x-content-type-options"] == "nosniff"
    return content


def test_a_send_is_answered_as_ayrshare_does_with_the_command_beside_it() -> None:
    api = Api(sends)
    reply = api.call("POST", "/messages/facebook", GOOD)
    assert reply.status == 200
    (command,) = api.commands
    assert orjson.loads(reply.body) == {
        "status": "success",
        "recipientId": PERSON,
        "messageId": "m_1",
        "message": "Yes, in blue.",
        "conversationId": f"facebook:1234:{PERSON}",
        "commandId": command.command_id,
    }
    assert isinstance(command, SendMessage)
    assert (command.profileid, command.platform) == ("shop", "facebook")
    assert (command.recipient_id, command.text) == (PERSON, "Yes, in blue.")


def test_a_refusal_tells_why_and_until_when() -> None:
    content = error(
        Api(rejects).call("POST", "/messages/facebook", GOOD), 409, "reply_window_closed"
    )
    assert content["expiresAt"] == "2026-11-22T14:33:07.120Z"
    assert content["code"] == 409


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("token_invalid", 400, 161),
        ("bad_request", 400, 400),
        ("window_closed", 409, 409),
        ("transient", 502, 502),
        ("account_restricted", 409, 409),
        ("expired", 504, 504),
        ("a_reason_of_tomorrow", 502, 502),
    ],
)
def test_what_the_platform_refused_has_its_own_number(reason: str, status: int, code: int) -> None:
    content = error(Api(fails(reason)).call("POST", "/messages/facebook", GOOD), status, reason)
    assert content["code"] == code


def test_a_lost_authorisation_on_x_has_the_number_of_x() -> None:
    reply = Api(fails("token_invalid", "x")).call("POST", "/messages/twitter", GOOD)
    assert error(reply, 400, "token_invalid")["code"] == 272


def test_without_an_outcome_in_time_it_is_202_with_the_command_s_address() -> None:
    api = Api()
    reply = api.call("POST", "/messages/facebook", GOOD, prefer="wait=0")
    assert reply.status == 202
    assert reply.headers["location"] == f"/commands/{api.commands[0].command_id}"
    assert orjson.loads(reply.body)["outcome"] == "pending"


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


def test_one_idempotency_key_is_one_command_id_whatever_the_gateway() -> None:
    first, second = Api(), Api()
    for api in (first, second):
        api.call("POST", "/messages/facebook", GOOD, idempotency_key="k", prefer="wait=0")
    first.call("POST", "/messages/instagram", GOOD, idempotency_key="k", prefer="wait=0")
    (one, elsewhere), (two,) = first.commands, second.commands
    assert one.command_id == two.command_id != elsewhere.command_id
    assert "k" not in (one.correlationid or "").removeprefix("api:")


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


def test_a_key_that_was_used_for_another_body_is_told_by_what_its_events_carry() -> None:
    def decided_before(command: AnyCommand) -> list[Event]:
        earlier = command.model_copy(update={"correlationid": "api:" + "0" * 32})
        return sends(earlier)

    reply = Api(decided_before).call("POST", "/messages/facebook", GOOD, idempotency_key="k")
    error(reply, 422, "idempotency_key_reused")


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


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    body=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("recipientId", "conversationId", "message", "mediaUrls", "expiresAt"), _VALUES
        ),
    )
)
def test_whatever_the_body_is_it_is_refused_or_one_command_of_the_contract(
    body: dict[str, Any],
) -> None:
    """And never a fault of ours: no 5xx."""
    api = Api()
    try:
        content = orjson.dumps(body)
    except TypeError:
        return
    reply = api.call("POST", "/messages/facebook", content, prefer="wait=0")
    assert reply.status in {202, 400}, reply.body
    assert len(api.commands) == (1 if reply.status == 202 else 0)


@pytest.mark.parametrize(
    "instant", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00Z"]
)
def test_an_instant_of_no_year_of_utc_is_refused(instant: str) -> None:
    api = Api()
    reply = api.call("POST", "/messages/facebook", {**GOOD, "expiresAt": instant}, prefer="wait=0")
    if instant.endswith("Z"):
        assert reply.status == 202
    else:
        assert "expiresAt" in error(reply, 400, "invalid_request")["message"]
        assert api.commands == []


@pytest.mark.parametrize("value", [0, 900, 1.5, True, "0", "1700000000", "now", "2026-11-22"])
def test_what_may_be_taken_for_another_instant_is_refused(value: Any) -> None:
    """900 may mean a quarter of an hour, and is one of 1970 to whoever takes it for an instant."""
    api = Api()
    reply = api.call("POST", "/messages/facebook", {**GOOD, "expiresAt": value})
    assert "expiresAt" in error(reply, 400, "invalid_request")["message"]
    assert api.commands == []


@pytest.mark.parametrize("value", [True, "5", 5.5, -1])
@pytest.mark.parametrize(
    ("method", "path", "member"),
    [
        ("PATCH", "/profiles", "messagingConversationMonthlyLimit"),
        ("POST", "/messages/autoresponse", "autoResponseWaitSeconds"),
    ],
)
def test_a_number_is_a_number(method: str, path: str, member: str, value: Any) -> None:
    """`true` was a limit of 1."""
    reply = Api().call(method, path, {member: value})
    assert member in error(reply, 400, "invalid_request")["message"]


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


@given(content=st.binary(max_size=200))
def test_bytes_that_are_no_json_are_refused(content: bytes) -> None:
    api = Api()
    assert api.call("POST", "/messages/facebook", content).status == 400
    assert api.commands == []


def test_the_error_names_the_member_and_never_its_value() -> None:
    reply = Api().call(
        "POST", "/messages/facebook", {"recipientId": "a\nsecret", "message": "secret" * 2000}
    )
    content = error(reply, 400, "invalid_request")
    assert "recipientId" in content["message"]
    assert "secret" not in content["message"]


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
