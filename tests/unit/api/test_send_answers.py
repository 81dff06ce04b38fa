"""What became of a send, as its answer tells it."""

import orjson
import pytest

from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event
from tests.unit.api.answering import GOOD, PERSON, error, fails, rejects, sends
from tests.unit.api.calls import Api


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


def test_one_idempotency_key_is_one_command_id_whatever_the_gateway() -> None:
    first, second = Api(), Api()
    for api in (first, second):
        api.call("POST", "/messages/facebook", GOOD, idempotency_key="k", prefer="wait=0")
    first.call("POST", "/messages/instagram", GOOD, idempotency_key="k", prefer="wait=0")
    (one, elsewhere), (two,) = first.commands, second.commands
    assert one.command_id == two.command_id != elsewhere.command_id
    assert "k" not in (one.correlationid or "").removeprefix("api:")


def test_a_key_that_was_used_for_another_body_is_told_by_what_its_events_carry() -> None:
    def decided_before(command: AnyCommand) -> list[Event]:
        earlier = command.model_copy(update={"correlationid": "api:" + "0" * 32})
        return sends(earlier)

    reply = Api(decided_before).call("POST", "/messages/facebook", GOOD, idempotency_key="k")
    error(reply, 422, "idempotency_key_reused")
