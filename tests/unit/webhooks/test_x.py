"""Each kind of body that X sends, and what it must become. Values are written by hand."""

from typing import Any

import pytest

from schemas.webhooks import account_reference
from tests.unit.webhooks import reading

ME, YOU = "3300110022", "1450880990"
THREAD = f"x:{ME}:{YOU}"
AT, LATER, READ_AT = (
    "2026-10-29T14:33:07.120Z",
    "2026-10-29T14:34:07.120Z",
    "2026-10-29T14:34:37.120Z",
)
TOME = {
    "name": "Tomé",
    "username": "tome_pt",
    "picture_url": "https://media.example.com/x/tome_normal.jpg",
}
RECEIVED, SENT, KEPT = "message.received", "message.sent", "unrecognised.received"
SNOWFLAKE = {number: str(2115814188491210752 + number) for number in range(7, 19)}
REPLY = "2115814440149450755"


def x(kind: str, /, **said: Any) -> dict[str, Any]:
    return {"type": kind, "time": AT, "platform": "x", "subject": THREAD} | said


def received(number: int, text: str, **said: Any) -> dict[str, Any]:
    message_id = SNOWFLAKE[number]
    return x(RECEIVED, message_id=message_id, text=text, correspondent=TOME, **said)


def media(kind: str, word: str, url: str) -> dict[str, Any]:
    return {"type": kind, "platform_type": word, "url": url, "id": "2110283746501928374"}


SENT_REPLY = x(
    SENT, message_id=REPLY, text="Until six.", time=LATER, app_id="13090192", correspondent=TOME
)
READ = x("message.read", message_id=REPLY, time=READ_AT, watermark_at="2026-10-29T14:34:07.120Z")

EXPECTED: dict[str, list[dict[str, Any]]] = {
    "aaa_text_received": [received(7, "Open on Sunday? &amp; until when")],
    "aaa_text_sent": [SENT_REPLY],
    "aaa_text_received_from_an_app": [received(8, "from an app")],
    "aaa_photo": [
        received(
            9,
            "look https://t.co/abc",
            attachments=[media("image", "photo", "https://media.example.com/x/m.jpg")],
        )
    ],
    "aaa_animated_gif": [
        received(
            10,
            " https://t.co/abc",
            attachments=[media("image", "animated_gif", "https://media.example.com/x/m.jpg")],
        )
    ],
    "aaa_video": [
        received(
            11,
            "https://t.co/abc",
            attachments=[media("video", "video", "https://media.example.com/x/high.mp4")],
        )
    ],
    "aaa_quick_reply_response": [
        received(
            12,
            "Blue Bird",
            quick_reply_payload="external_id_2",
            referral={"ref": "1230000000000000001", "source": "tweet"},
        )
    ],
    "aaa_welcome_message": [
        received(13, "hi", referral={"ref": "456789", "source": "welcome_message"})
    ],
    "aaa_typing": [x("typing.started")],
    "aaa_typing_of_strangers": [x("typing.started", subject=f"x:{ME}:111")],
    "aaa_mark_read": [READ],
    "aaa_mark_read_by_the_account": [
        x(
            "message.read",
            message_id=SNOWFLAKE[7],
            time=READ_AT,
            watermark_at=AT,
            by="account",
        )
    ],
    "aaa_revoke": [
        {
            "type": "account.unlinked",
            "time": "2026-10-29T14:33:07.000Z",
            "platform": "x",
            "reason": "revoked",
        }
    ],
    "aaa_numeric_ids_in_a_batch": [
        x(RECEIVED, message_id=SNOWFLAKE[17], text="one"),
        x(
            SENT,
            message_id=str(((1793284387125 - 1288834974657) << 22) + 18),
            text="two",
            time="2026-10-29T14:33:07.125Z",
        ),
    ],
    "xaa_dm_received": [
        received(7, "Open on Sunday? &amp; until when", correlationid="5934540941047412905")
    ],
    "xaa_dm_sent": [SENT_REPLY | {"correlationid": "-3577827201104920132"}],
    "xaa_dm_read": [READ | {"correlationid": "-3577827201104920132"}],
    "xaa_dm_indicate_typing": [x("typing.started", correlationid="-3577827201104920132")],
    "xaa_chat_received": [
        x(
            RECEIVED,
            message_id="0d9b2f6e-1111-4222-8333-444455556666",
            is_unreadable=True,
            external_conversation_id=f"{YOU}:{ME}",
            correlationid="8511582263942905822",
        )
    ],
    "xaa_chat_sent": [
        x(
            SENT,
            message_id="0d9b2f6e-1111-4222-8333-444455557777",
            is_unreadable=True,
            external_conversation_id=f"{YOU}:{ME}",
            correlationid="-3577827201104920132",
        )
    ],
    "xaa_oauth_revoke": [
        {
            "type": "account.unlinked",
            "time": "2026-10-29T14:33:07.000Z",
            "platform": "x",
            "reason": "revoked",
            "correlationid": "4734540941047412905",
        }
    ],
}

KEPT_WHOLE: dict[str, tuple[str, tuple[str | int, ...]]] = {
    # name: (kind, where in the body the kept item stands)
    "aaa_group_message": ("message_create", ("direct_message_events", 0)),
    "aaa_participants_join": ("participants_join", ("direct_message_events", 0)),
    "aaa_tweet_create": ("tweet_create_events", ("tweet_create_events", 0)),
    "aaa_empty": ("direct_message_events", ()),
    "xaa_chat_received_in_a_group": ("chat.received", ("data",)),
    "xaa_chat_conversation_join": ("chat.conversation_join", ("data",)),
    "xaa_unknown_type": ("profile.update.bio", ("data",)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_kind_of_body_gives_its_events(name: str) -> None:
    found = reading.events("x", reading.body("x", name))
    assert [reading.essence(event) for event in found] == EXPECTED[name]


@pytest.mark.parametrize("name", KEPT_WHOLE)
def test_what_is_no_message_between_two_is_kept_whole(name: str) -> None:
    kind, path = KEPT_WHOLE[name]
    item: Any = reading.tree("x", name)
    for step in path:
        item = item[step]
    event = reading.event("x", reading.body("x", name))
    said = reading.essence(event)
    assert (said["type"], said["kind"], said["item"]) == (KEPT, kind, item)
    assert event.profileid == ME


def test_no_fixture_is_without_an_expectation() -> None:
    assert EXPECTED.keys() | KEPT_WHOLE.keys() == set(reading.names("x"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("aaa_text_received", "xaa_dm_received"),
        ("aaa_text_sent", "xaa_dm_sent"),
        ("aaa_mark_read", "xaa_dm_read"),
        ("aaa_typing", "xaa_dm_indicate_typing"),
        ("aaa_revoke", "xaa_oauth_revoke"),
    ],
)
def test_one_happening_through_both_products_has_one_id(one: str, other: str) -> None:
    """Invariant 3."""
    first = reading.event("x", reading.body("x", one))
    second = reading.event("x", reading.body("x", other))
    assert first.id == second.id
    assert first.data == second.data


def test_two_subscribed_users_in_one_talk_have_an_event_each() -> None:
    body = reading.tree("x", "aaa_text_received")
    mine = reading.event("x", body)
    theirs = reading.event("x", body | {"for_user_id": YOU})
    assert mine.id != theirs.id
    assert (mine.type, theirs.type) == ("dm.message.received.v1", "dm.message.sent.v1")
    assert theirs.subject == f"x:{YOU}:{ME}"


def test_a_message_without_a_time_takes_that_of_its_id() -> None:
    body = reading.tree("x", "aaa_text_received")
    del body["direct_message_events"][0]["created_timestamp"]
    said = reading.essence(reading.event("x", body))
    assert said == EXPECTED["aaa_text_received"][0] | {"time_estimated": True}


def test_a_message_without_any_time_takes_that_of_the_receipt() -> None:
    body = reading.tree("x", "aaa_text_received")
    event = body["direct_message_events"][0]
    del event["created_timestamp"]
    event["id"] = "4711"  # counted, from before ids held a time
    said = reading.essence(reading.event("x", body))
    assert (said["time"], said["time_estimated"]) == ("2026-10-29T14:33:09.500Z", True)


def test_an_event_to_nobody_is_a_failure_that_names_its_place() -> None:
    body = reading.tree("x", "aaa_typing")
    body["direct_message_indicate_typing_events"][0] = {"sender_id": ME}
    result = reading.normalised("x", body)
    assert result.events == ()
    assert result.failures[0].message.startswith(
        "direct_message_indicate_typing_events[0].target.recipient_id is missing"
    )


def test_without_an_account_a_message_is_a_failure() -> None:
    body = reading.tree("x", "aaa_text_received")
    del body["for_user_id"]
    result = reading.normalised("x", body)
    assert [failure.reason for failure in result.failures] == ["missing_account"]


@pytest.mark.parametrize(
    "attachment",
    [
        {"type": "location", "location": {"type": "shared_place"}},
        {"type": "card"},
        {"type": "media", "media": {"type": "photo", "id_str": None, "media_url_https": 5}},
        {"type": "media", "media": None},
        {},
    ],
)
def test_an_odd_attachment_does_not_cost_the_message(attachment: dict[str, Any]) -> None:
    body = reading.tree("x", "aaa_photo")
    data = body["direct_message_events"][0]["message_create"]["message_data"]
    data["attachment"] = attachment
    event = reading.event("x", body)
    assert event.data.text == "look https://t.co/abc"
    assert len(event.data.attachments) == 1


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("aaa_text_received", ME),
        ("aaa_numeric_ids_in_a_batch", ME),
        ("aaa_revoke", ME),
        ("xaa_dm_sent", ME),
        ("xaa_oauth_revoke", ME),
    ],
)
def test_the_record_s_key_is_the_account(name: str, reference: str) -> None:
    assert account_reference("x", reading.body("x", name)) == reference


def test_a_notice_without_an_account_has_no_key() -> None:
    assert account_reference("x", b'{"replay_job_status":{"job_id":"1"}}') == ""
    kept = reading.event("x", {"replay_job_status": {"job_id": "1"}})
    assert (kept.profileid, kept.data.kind) == ("", "replay_job_status")
