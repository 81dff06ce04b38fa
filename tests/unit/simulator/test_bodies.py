"""What is sent has the providers' true shapes, and every kind of it occurs."""

from collections import Counter
from functools import cache
from hashlib import sha256

import orjson
from pydantic import TypeAdapter

from streams.simulator.delivery import Delivery
from tests.unit.simulator.ayrshare_shapes import AyrshareActivity, AyrshareMessages
from tests.unit.simulator.days import a_large_day
from tests.unit.simulator.meta_shapes import MetaBody
from tests.unit.simulator.x_shapes import AaaBody, CheckedAaaBody, XaaBody

TWITTER_EPOCH_MS = 1_288_834_974_657
_AAA: TypeAdapter[AaaBody] = TypeAdapter(CheckedAaaBody)


@cache
def sound(provider: str) -> tuple[Delivery, ...]:
    """What has no fault of its own: neither refused nor of a wrong shape."""
    day = a_large_day()
    spoilt = {failure.sha256 for failure in day.intention.failures}
    return tuple(
        delivery
        for delivery in day.deliveries()
        if delivery.provider == provider
        and delivery.expected_status == 200
        and sha256(delivery.body).hexdigest() not in spoilt
    )


@cache
def meta_bodies() -> tuple[MetaBody, ...]:
    return tuple(MetaBody.model_validate_json(one.body) for one in sound("meta"))


def test_meta_bodies_have_metas_shape_and_each_kind_occurs() -> None:
    kinds: Counter[tuple[str, str]] = Counter()
    for body in meta_bodies():
        kinds.update((body.object, item.kind) for _, item in body.items)
    assert set(kinds) == {
        *(
            (platform, kind)
            for platform in ("page", "instagram")
            for kind in (
                "message", "message_edit", "read", "reaction", "postback", "referral",
                "pass_thread_control", "take_thread_control", "request_thread_control",
                "thread_mood",
            )
        ),
        ("page", "delivery"),
    }  # fmt: skip


def test_only_instagram_unsends_and_only_there_an_echo_names_no_app() -> None:
    unsent: Counter[str] = Counter()
    for body in meta_bodies():
        for entry, item in body.items:
            if item.message is None:
                continue
            unsent[body.object] += bool(item.message.is_deleted)
            if body.object == "instagram" and item.message.is_echo:
                standby = item in entry.standby
                assert (item.message.app_id is not None) == standby
    assert unsent["instagram"] > 0
    assert unsent["page"] == 0


def test_an_unsent_message_tells_nothing_but_that() -> None:
    told = [
        item.message
        for body in meta_bodies()
        for _, item in body.items
        if item.message and item.message.is_deleted
    ]
    assert all(message.model_fields_set == {"mid", "is_deleted"} for message in told)


def test_a_read_names_a_message_on_instagram_and_a_watermark_on_messenger() -> None:
    for body in meta_bodies():
        for _, item in body.items:
            if item.read is not None:
                wanted = {"mid"} if body.object == "instagram" else {"watermark"}
                assert item.read.model_fields_set == wanted


def test_an_echo_swaps_sender_and_recipient_and_all_else_comes_from_the_person() -> None:
    for body in meta_bodies():
        for entry, item in body.items:
            echo = item.message is not None and item.message.is_echo is True
            account = item.sender if echo else item.recipient
            assert account.id == entry.id


def test_meta_says_the_same_in_all_the_ways_it_is_known_for() -> None:
    bodies = meta_bodies()
    items = [item for body in bodies for _, item in body.items]
    edits = [item.message_edit for item in items if item.message_edit]
    deliveries = [item for item in items if item.delivery]
    assert {type(edit.num_edit) for edit in edits} == {int, str}
    assert {type(item.message.app_id) for item in items if item.message} >= {int, str}
    assert {item.timestamp is None for item in deliveries} == {True, False}
    assert {item.delivery.mids is None for item in deliveries if item.delivery} == {True, False}
    assert any(
        item.message and item.message.reply_to and item.message.reply_to.story for item in items
    )
    assert any(item.message and item.message.is_unsupported for item in items)
    assert any(item.message and item.message.quick_reply for item in items)


def test_one_post_may_tell_much_of_several_accounts_and_on_both_channels() -> None:
    bodies = meta_bodies()
    assert max(len(body.items) for body in bodies) > 100
    assert any(len({entry.id for entry in body.entry}) > 1 for body in bodies)
    assert any(entry.messaging and entry.standby for body in bodies for entry in body.entry)


def test_message_ids_have_the_lengths_that_captures_have() -> None:
    for body in meta_bodies():
        for _, item in body.items:
            if item.message:
                wanted = 164 if body.object == "instagram" else 88
                assert len(item.message.mid) == wanted
                start = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE" if wanted == 164 else "m_"
                assert item.message.mid.startswith(start)


def test_meta_escapes_all_beyond_ascii_in_lower_case() -> None:
    bodies = [one.body for one in sound("meta")]
    assert all(body.isascii() for body in bodies)
    escaped = [body for body in bodies if b"\\u00" in body]
    assert any(b"\\u00fc" in body for body in escaped)
    assert not any(b"\\u00FC" in body for body in escaped)


def test_x_bodies_have_the_shape_of_one_of_its_two_products() -> None:
    kinds: Counter[str] = Counter()
    for delivery in sound("x"):
        if delivery.body.startswith(b'{"data"'):
            event = XaaBody.model_validate_json(delivery.body).data
            kinds[event.event_type] += 1
            for message in event.payload.direct_message_events:
                sent = message.message_create.sender_id == event.filter.user_id
                assert sent == (event.event_type == "dm.sent")
        else:
            body = _AAA.validate_json(delivery.body)
            kinds.update(body.model_fields_set - {"for_user_id", "users", "apps"})
    assert set(kinds) == {
        "dm.received",
        "dm.sent",
        "direct_message_events",
        "direct_message_indicate_typing_events",
        "direct_message_mark_read_events",
    }


def test_an_x_message_id_tells_its_time() -> None:
    for delivery in sound("x"):
        told = orjson.loads(delivery.body)
        payload = told["data"]["payload"] if "data" in told else told
        for message in payload.get("direct_message_events", ()):
            assert (int(message["id"]) >> 22) + TWITTER_EPOCH_MS == int(
                message["created_timestamp"]
            )


def test_an_x_message_with_media_ends_in_a_link_to_it() -> None:
    found = 0
    for delivery in sound("x"):
        for message in orjson.loads(delivery.body).get("direct_message_events", ()):
            data = message["message_create"]["message_data"]
            if "attachment" in data:
                found += 1
                media = data["attachment"]["media"]
                assert data["text"].endswith(media["url"])
                assert str(media["id"]) == media["id_str"]
    assert found


def test_ayrshare_bodies_are_flat_and_each_kind_occurs() -> None:
    kinds: set[tuple[str, str | None, str | None]] = set()
    for delivery in sound("ayrshare"):
        if b'"accountActivity"' in delivery.body:
            AyrshareActivity.model_validate_json(delivery.body)
            kinds.add(("accountActivity", None, None))
        else:
            body = AyrshareMessages.model_validate_json(delivery.body)
            kinds.add((body.platform, body.sub_action, body.type))
    on_both = {
        (platform, *kind)
        for platform in ("facebook", "instagram")
        for kind in (
            ("messageCreated", "received"),
            ("messageCreated", "sent"),
            ("messageRead", None),
            ("messageEdited", "received"),
            ("reactionCreated", "received"),
            ("reactionDeleted", "received"),
            ("messagePinned", "received"),
        )
    }
    deleted = {("instagram", "messageCreated", "deleted"), ("instagram", None, "deleted")}
    assert on_both | deleted | {("accountActivity", None, None)} <= kinds
    assert kinds - on_both - deleted <= {
        ("accountActivity", None, None),
        ("twitter", "messageCreated", "received"),
        ("twitter", "messageCreated", "sent"),
    }


def test_ayrshare_leaves_out_what_it_is_known_to_leave_out() -> None:
    bodies = [
        AyrshareMessages.model_validate_json(one.body)
        for one in sound("ayrshare")
        if b'"accountActivity"' not in one.body
    ]
    received = [body for body in bodies if body.type == "received" and body.sender_details]
    assert any(body.sender_details is None for body in bodies if body.type == "received")
    assert any(body.sender_details["name"] == body.sender_id for body in received)  # type: ignore[index]
    assert any(body.attachments and body.message is None for body in bodies)
