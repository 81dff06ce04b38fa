"""Each kind of body that Meta sends, and what it must become. Values are written by hand."""

from typing import Any

import pytest

from schemas.webhooks import account_reference
from tests.unit.webhooks import reading

PAGE, PSID = "204455667788990", "6811223344556677"
IG, IGSID = "17841400011122233", "1700900800700600"
THREAD = f"facebook:{PAGE}:{PSID}"
IG_THREAD = f"instagram:{IG}:{IGSID}"
AT = "2026-10-29T14:33:07.120Z"
NOTICE = "2026-10-29T14:33:07.536Z"
TEST_BUTTON = "2018-05-27T22:23:44.000Z"


def mid(number: int) -> str:
    return (
        f"m_Xy7Lq2Tn{number:02d}vKpZr8WcBd4HfJg6SmEa0UoIi-3RtYxNb5QkPl1DzGh9VwCjFsMuOeAy"
        "_TnBqLrXvKdHpZsWgJc"
    )


def igmid(number: int) -> str:
    return (
        "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDExMTIyMjMzOjM0MDI4MjM2Njg0MTcxMDMwMTI0NDI"
        f"1OTAw{number:04d}MDEyMzQ1Njc4OTAxMjM0NTY3ODkZD"
    )


def facebook(kind: str, /, **said: Any) -> dict[str, Any]:
    return {"type": kind, "time": AT, "platform": "facebook", "subject": THREAD} | said


def instagram(kind: str, /, **said: Any) -> dict[str, Any]:
    return {"type": kind, "time": AT, "platform": "instagram", "subject": IG_THREAD} | said


def media(kind: str, word: str, url: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "platform_type": word} | ({"url": url} if url else {}) | more


RECEIVED, SENT, KEPT = "message.received", "message.sent", "unrecognised.received"

EXPECTED: dict[str, list[dict[str, Any]]] = {
    # Messenger: messages
    "messenger_text": [
        facebook(RECEIVED, message_id=mid(1), text="Avez-vous encore la veste bleue ? 🧥")
    ],
    "messenger_image": [
        facebook(
            RECEIVED,
            message_id=mid(2),
            attachments=[media("image", "image", "https://media.example.com/a/1.jpg?oh=1")],
        )
    ],
    "messenger_text_where_all_ids_are_one": [
        facebook(
            RECEIVED,
            message_id="K9d8f7g6h5j4k3l2m1n0",
            text="hi",
            subject="facebook:500600700:500600700",
        )
    ],
    "messenger_sticker_as_image": [
        facebook(
            RECEIVED,
            message_id="mid.1793284387100:c0ffee42",
            attachments=[
                media(
                    "sticker",
                    "image",
                    "https://media.example.com/s/thumb.png",
                    id="369239263222822",
                )
            ],
        )
    ],
    "messenger_sticker": [
        facebook(
            RECEIVED,
            message_id=mid(3),
            attachments=[
                media(
                    "sticker",
                    "sticker",
                    "https://media.example.com/s/cat.png",
                    id="144885315685735",
                )
            ],
        )
    ],
    "messenger_sticker_id_alone": [
        facebook(
            RECEIVED,
            message_id=mid(4),
            attachments=[media("sticker", "sticker_id", id="369239383222810")],
        )
    ],
    "messenger_location": [
        facebook(
            RECEIVED,
            message_id=mid(22),
            attachments=[
                media(
                    "location",
                    "location",
                    "https://maps.example.com/?q=52.37,4.89",
                    title="Pinned Location",
                ),
                media("location", "location", title="52.37,4.89"),
            ],
        )
    ],
    "messenger_quick_reply": [
        facebook(RECEIVED, message_id=mid(16), text="Medium", quick_reply_payload="SIZE_M")
    ],
    "messenger_reply_to": [
        facebook(RECEIVED, message_id=mid(17), text="this one", reply_to_message_id=mid(10))
    ],
    "messenger_message_from_an_advert": [
        facebook(
            RECEIVED,
            message_id=mid(18),
            text="Is it still on offer?",
            referral={
                "ref": "autumn",
                "source": "ADS",
                "type": "OPEN_THREAD",
                "ad_id": "6320011223344",
            },
        )
    ],
    "messenger_message_from_the_shop": [
        facebook(
            RECEIVED,
            message_id=mid(19),
            text="How long is it?",
            referral={"ref": "5550001", "type": "product"},
            attachments=[
                media(
                    "template",
                    "template",
                    "https://media.example.com/p/9.jpg",
                    title="Blue jacket",
                    id="5550001",
                )
            ],
        )
    ],
    # Messenger: echoes
    "messenger_echo_of_ours": [
        facebook(
            SENT,
            message_id=mid(10),
            text="Oui, en taille M.",
            app_id="771100223344",
            command_id="cmd-2026-10-29-0001",
        )
    ],
    "messenger_echo_of_another_app": [
        facebook(SENT, message_id=mid(12), text="10 % off today", app_id="990088007700")
    ],
    "messenger_echo_from_the_inbox": [
        facebook(SENT, message_id=mid(13), text="I'll ask the workshop.", app_id="263902037430900")
    ],
    "messenger_echo_with_the_person_as_sender": [
        facebook(SENT, message_id=mid(14), text="Bonjour !", app_id="771100223344")
    ],
    "messenger_echo_of_a_fallback": [
        facebook(
            SENT,
            message_id=mid(15),
            text="https://shop.example.com/p/1",
            attachments=[
                media("fallback", "fallback", "https://shop.example.com/p/1", title="Blue jacket")
            ],
        )
    ],
    "messenger_standby_echo_template": [
        facebook(
            SENT,
            message_id="h3UqZkT9mWc5",
            app_id="771100223344",
            standby=True,
            attachments=[
                media("template", "template", "https://www.facebook.com/commerce/update/")
            ],
        )
    ],
    # Messenger: receipts, reactions, edits
    "messenger_read": [facebook("message.read", watermark_at="2026-10-29T14:33:06.666Z")],
    "messenger_delivery_with_mids": [
        facebook(
            "message.delivered",
            message_id=mid(number),
            watermark_at="2026-10-29T14:33:07.030Z",
            time="2026-10-29T14:33:07.030Z",
            time_estimated=True,
        )
        for number in (10, 11)
    ],
    "messenger_delivery_by_watermark": [
        facebook("message.delivered", watermark_at="2026-10-29T14:33:07.030Z")
    ],
    "messenger_reaction": [
        facebook("reaction.added", message_id=mid(10), person_id=PSID, emoji="😢", name="sad")
    ],
    "messenger_unreact": [
        facebook(
            "reaction.removed",
            message_id=mid(10),
            person_id=PSID,
            time="2026-10-29T14:33:12.120Z",
        )
    ],
    "messenger_dashboard_test_edit": [
        facebook(
            "message.edited",
            message_id="test_message_id",
            text="test_message",
            time=TEST_BUTTON,
            subject="facebook:0:12334",
        )
    ],
    "messenger_edit_with_quoted_number": [
        facebook(
            "message.edited",
            message_id=mid(1),
            text="Avez-vous encore la veste verte ?",
            edit_number=2,
        )
    ],
    # Messenger: standby and thread control
    "messenger_bare_standby_beside_messaging": [
        facebook(
            KEPT,
            kind="other",
            time=AT,
            subject=f"facebook:{PAGE}:{person}",
            standby=True,
            item={"sender": {"id": person}, "recipient": {"id": PAGE}},
        )
        for person in ("9001", "9002")
    ]
    + [
        facebook(
            RECEIVED,
            message_id="AA-BB",
            text="late",
            time="1970-01-26T17:17:02.000Z",
            subject=f"facebook:{PAGE}:0",
        )
    ],
    "messenger_standby_message": [
        facebook(RECEIVED, message_id=mid(5), text="is anyone there?", standby=True)
    ],
    "messenger_standby_postback": [
        facebook("postback.received", message_id=mid(6), title="Opening hours", standby=True)
    ],
    "messenger_pass_thread_control": [
        facebook("thread.control_gained", owner_app_id="771100223344", metadata="back to the bot")
    ],
    "messenger_pass_to_page_inbox": [
        facebook(
            "thread.control_lost",
            owner_app_id="263902037430900",
            previous_owner_app_id="771100223344",
        )
    ],
    "messenger_take_thread_control": [
        facebook(
            "thread.control_lost",
            previous_owner_app_id="771100223344",
            metadata="taken by a person",
        )
    ],
    "messenger_request_thread_control": [
        facebook("thread.control_requested", requested_by_app_id="990088007700")
    ],
    "messenger_handover_on_a_channel_of_its_own": [
        facebook(
            "thread.control_lost",
            owner_app_id="990088007700",
            previous_owner_app_id="771100223344",
        )
    ],
    "messenger_app_roles": [
        facebook(
            KEPT,
            kind="app_roles",
            item={
                "sender": {"id": int(PSID)},
                "recipient": {"id": int(PAGE)},
                "timestamp": 1793284387120,
                "app_roles": {"771100223344": ["primary_receiver"]},
            },
        )
    ],
    # Messenger: buttons and ways in
    "messenger_postback_with_referral": [
        facebook(
            "postback.received",
            message_id=mid(20),
            title="Get started",
            payload="START",
            referral={"ref": "poster-7", "source": "SHORTLINK", "type": "OPEN_THREAD"},
        )
    ],
    "messenger_postback_without_mid": [facebook("postback.received", title="Menu", payload="MENU")],
    "messenger_postback_change_with_user_ref": [
        facebook(
            "postback.received",
            title="Yes",
            payload="OPT_IN",
            time="2026-10-29T14:33:07.000Z",
            subject=f"facebook:{PAGE}:checkbox-77",
        )
    ],
    "messenger_referral_by_short_link": [
        facebook(
            "referral.received",
            referral={"ref": "spring-sale", "source": "SHORTLINK", "type": "OPEN_THREAD"},
        )
    ],
    "messenger_lead_referral_in_seconds": [
        facebook(
            "referral.received",
            time="2026-10-29T14:33:07.000Z",
            referral={"source": "ADS", "type": "LEAD_COMPLETE", "ad_id": "6320011223344"},
        )
    ],
    # Messenger: several at once
    "messenger_batch_of_two_pages": [
        facebook(RECEIVED, message_id="m_b1", text="one", subject=f"facebook:{PAGE}:7001"),
        facebook(
            RECEIVED,
            message_id="m_b2",
            text="two",
            subject=f"facebook:{PAGE}:7002",
            time="2026-10-29T14:33:07.121Z",
        ),
        facebook(
            RECEIVED,
            message_id="m_b3",
            text="three",
            subject="facebook:300400500600:7003",
            time="2026-10-29T14:33:07.122Z",
        ),
        facebook(
            "message.read",
            watermark_at=AT,
            subject=f"facebook:{PAGE}:7001",
            time="2026-10-29T14:33:07.123Z",
        ),
        facebook(
            RECEIVED,
            message_id="m_b4",
            text="four",
            subject=f"facebook:{PAGE}:7004",
            time="2026-10-29T14:33:07.124Z",
            standby=True,
        ),
    ],
    # Instagram
    "instagram_text": [instagram(RECEIVED, message_id=igmid(1), text="Do you ship to Porto?")],
    "instagram_reel": [
        instagram(
            RECEIVED,
            message_id=igmid(2),
            attachments=[
                media(
                    "reel",
                    "ig_reel",
                    "https://media.example.com/ig/?asset_id=18000000000000001",
                    title="Loom at work",
                    id="18000000000000001",
                )
            ],
        )
    ],
    "instagram_share": [
        instagram(
            RECEIVED,
            message_id=igmid(3),
            attachments=[
                media("share", "share", "https://media.example.com/ig/?asset_id=18000000000000002")
            ],
        )
    ],
    "instagram_post_and_story_shared": [
        instagram(
            RECEIVED,
            message_id=igmid(4),
            text="these two",
            attachments=[
                media(
                    "post", "ig_post", "https://media.example.com/ig/post", id="18000000000000003"
                ),
                media(
                    "share",
                    "ig_story",
                    "https://media.example.com/ig/story",
                    id="18000000000000004",
                ),
            ],
        )
    ],
    "instagram_story_mention": [
        instagram(
            RECEIVED,
            message_id=igmid(5),
            attachments=[
                media(
                    "story_mention",
                    "story_mention",
                    "https://media.example.com/ig/?asset_id=18000000000000005",
                )
            ],
        )
    ],
    "instagram_postback_ice_breaker": [
        instagram(
            "postback.received",
            message_id=igmid(6),
            title="Commencer",
            payload='{"type":"default","payload":{"query":"Hi"}}',
        )
    ],
    "instagram_story_reply_without_text": [
        instagram(RECEIVED, message_id=igmid(7), reply_to_story_id="18000000000000006")
    ],
    "instagram_reply_to_a_message": [
        instagram(RECEIVED, message_id=igmid(8), text="yes, that", reply_to_message_id=igmid(1))
    ],
    "instagram_dashboard_test": [
        instagram(
            RECEIVED,
            message_id="random_mid",
            text="random_text",
            time=TEST_BUTTON,
            subject="instagram:0:12334",
        )
    ],
    "instagram_dashboard_test_change": [
        instagram(
            SENT,
            message_id="random_mid",
            text="random_text",
            time=TEST_BUTTON,
            subject="instagram:0:23245",
        )
    ],
    "instagram_unsend": [
        instagram("message.deleted", message_id=igmid(1), time="2026-10-29T14:33:07.000Z")
    ],
    "instagram_unsend_by_the_account": [
        instagram("message.deleted", message_id=igmid(9), by="account")
    ],
    "instagram_unsupported": [instagram(RECEIVED, message_id=igmid(10), is_unreadable=True)],
    "instagram_unsupported_type": [
        instagram(
            RECEIVED,
            message_id=igmid(11),
            attachments=[
                media("unsupported", "unsupported_type", "https://media.example.com/ig/what")
            ],
        )
    ],
    "instagram_ephemeral": [
        instagram(
            RECEIVED,
            message_id=igmid(12),
            is_unreadable=True,
            attachments=[media("ephemeral", "ephemeral")],
        )
    ],
    "instagram_seen": [instagram("message.read", message_id=igmid(9))],
    "instagram_edit_with_number": [
        instagram(
            "message.edited", message_id=igmid(1), text="Do you ship to Braga?", edit_number=1
        )
    ],
    "instagram_edit_without_number_or_text": [instagram("message.edited", message_id=igmid(1))],
    "instagram_reaction": [
        instagram("reaction.added", message_id=igmid(9), person_id=IGSID, emoji="❤", name="love")
    ],
    "instagram_unreact": [instagram("reaction.removed", message_id=igmid(9), person_id=IGSID)],
    "instagram_echo": [instagram(SENT, message_id=igmid(9), text="We do, in two days.")],
    "instagram_to_oneself": [
        instagram(
            RECEIVED, message_id=igmid(13), text="note to self", subject=f"instagram:{IG}:{IG}"
        )
    ],
    "instagram_referral": [
        instagram(
            "referral.received",
            referral={"ref": "bio-link", "source": "IGME-SOURCE-LINK", "type": "OPEN_THREAD"},
        )
    ],
    "instagram_standby_message": [
        instagram(RECEIVED, message_id=igmid(14), text="hello?", standby=True)
    ],
    "instagram_pass_thread_control": [
        instagram(
            "thread.control_lost",
            owner_app_id="1217981644879628",
            previous_owner_app_id="771100223344",
            metadata="a person is wanted",
        )
    ],
}

KEPT_WHOLE: dict[str, tuple[str, str | None]] = {
    # name: (kind, subject); the item is the one messaging item, or the change
    "messenger_admin_text": ("admin_text", THREAD),
    "messenger_policy_enforcement": ("policy_enforcement", None),
    "messenger_optin": ("optin", THREAD),
    "messenger_account_linking": ("account_linking", THREAD),
    "messenger_order": ("order", THREAD),
    "messenger_unknown_kind": ("hologram", THREAD),
    "messenger_feed_change": ("feed", None),
    "instagram_edit_that_names_nobody": ("message_edit", None),
    "instagram_edit_zero_in_place_of_a_message": ("message_edit", IG_THREAD),
    "instagram_comment_change": ("comments", None),
    "instagram_mention_change": ("mentions", None),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_kind_of_body_gives_its_events(name: str) -> None:
    found = reading.events("meta", reading.body("meta", name))
    assert [reading.essence(event) for event in found] == EXPECTED[name]


@pytest.mark.parametrize("name", KEPT_WHOLE)
def test_what_is_no_message_is_kept_whole(name: str) -> None:
    kind, subject = KEPT_WHOLE[name]
    entry = reading.tree("meta", name)["entry"][0]
    item = (entry.get("messaging") or entry.get("changes"))[0]
    said = reading.essence(reading.event("meta", reading.body("meta", name)))
    assert (said["type"], said["kind"], said.get("subject")) == (KEPT, kind, subject)
    assert said["item"] == item


def test_a_body_with_nothing_in_it_is_one_unrecognised_event() -> None:
    """Invariant 2."""
    said = reading.essence(reading.event("meta", reading.body("meta", "messenger_empty")))
    assert said == {
        "type": KEPT,
        "time": "2026-10-29T14:33:09.500Z",
        "platform": "facebook",
        "kind": "page",
        "item": {"object": "page", "entry": []},
    }


def test_no_fixture_is_without_an_expectation() -> None:
    covered = EXPECTED.keys() | KEPT_WHOLE.keys() | {"messenger_empty"}
    assert covered == set(reading.names("meta"))


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        ("messenger_pass_thread_control", reading.OWN_APP, "gained"),
        ("messenger_pass_thread_control", "1", "lost"),
        ("messenger_pass_to_page_inbox", reading.OWN_APP, "lost"),
        ("messenger_pass_to_page_inbox", "263902037430900", "gained"),
        ("messenger_take_thread_control", reading.OWN_APP, "lost"),
        ("messenger_handover_on_a_channel_of_its_own", reading.OWN_APP, "lost"),
        ("messenger_handover_on_a_channel_of_its_own", "990088007700", "gained"),
        ("messenger_request_thread_control", reading.OWN_APP, "requested"),
    ],
)
def test_who_controls_a_thread_is_told_by_our_own_app_ids(
    name: str, own: str, expected: str
) -> None:
    event = reading.event("meta", reading.body("meta", name), own)
    assert event.type == f"dm.thread.control_{expected}.v1"


@pytest.mark.parametrize(
    ("change", "own", "expected"),
    [
        ({"new_owner_app_id": 26390203743090}, (), "lost"),
        ({"previous_owner_app_id": "5"}, (), "gained"),
        ({"new_owner_app_id": None, "previous_owner_app_id": "5"}, ("5",), "lost"),
        ({"new_owner_app_id": None, "previous_owner_app_id": "6"}, ("5",), "gained"),
    ],
)
def test_a_pass_without_a_known_owner_is_read_by_its_meaning(
    change: dict[str, Any], own: tuple[str, ...], expected: str
) -> None:
    body = reading.tree("meta", "messenger_pass_thread_control")
    body["entry"][0]["messaging"][0]["pass_thread_control"] = change
    assert reading.event("meta", body, *own).type == f"dm.thread.control_{expected}.v1"


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("messenger_text", PAGE),
        ("messenger_delivery_with_mids", PAGE),
        ("instagram_text", IG),
        ("messenger_batch_of_two_pages", PAGE),
        ("instagram_dashboard_test", "0"),
        ("messenger_empty", ""),
    ],
)
def test_the_record_s_key_is_the_first_account_of_the_body(name: str, reference: str) -> None:
    assert account_reference("meta", reading.body("meta", name)) == reference


def test_another_object_of_meta_is_kept_entry_by_entry() -> None:
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "time": 1793284387}, {"id": "2"}],
    }
    found = reading.events("meta", body)
    assert [(e.data.kind, e.data.account_id, e.profileid) for e in found] == [
        ("whatsapp_business_account", "1", "1"),
        ("whatsapp_business_account", "2", "2"),
    ]
    assert all(e.platform is None and e.subject is None for e in found)


def test_an_entry_that_only_names_changed_fields_is_kept() -> None:
    entry = {"id": PAGE, "time": 1793284387, "changed_fields": ["name"]}
    said = reading.essence(reading.event("meta", {"object": "page", "entry": [entry]}))
    assert (said["kind"], said["item"]) == ("other", entry)
    assert said["time"] == "2026-10-29T14:33:07.000Z"


def test_a_message_of_a_normal_and_a_standby_channel_is_one_on_the_normal_channel() -> None:
    """Invariant 3."""
    entry = reading.tree("meta", "messenger_text")["entry"][0]
    both = {**entry, "standby": entry["messaging"]}
    turned = {"id": entry["id"], "standby": entry["messaging"], "messaging": entry["messaging"]}
    for body in (both, turned):
        event = reading.event("meta", {"object": "page", "entry": [body]})
        assert event.data.standby is False


def test_what_the_normal_channel_tells_wins_over_standby_whatever_it_says() -> None:
    entry = reading.tree("meta", "messenger_text")["entry"][0]
    item = entry["messaging"][0]
    entry["standby"] = [item | {"timestamp": item["timestamp"] - 5}]
    event = reading.event("meta", {"object": "page", "entry": [entry]})
    assert reading.essence(event) == EXPECTED["messenger_text"][0]


def test_a_change_of_field_standby_is_on_standby() -> None:
    item = reading.tree("meta", "messenger_text")["entry"][0]["messaging"][0]
    change = {"field": "standby", "value": item}
    body = {"object": "page", "entry": [{"id": PAGE, "changes": [change]}]}
    assert reading.event("meta", body).data.standby is True


def test_where_all_ids_are_one_the_correspondent_did_it() -> None:
    for name in ("messenger_reaction", "messenger_read", "instagram_unsend"):
        body = reading.tree("meta", name)
        item = body["entry"][0]["messaging"][0]
        item["sender"]["id"] = item["recipient"]["id"] = body["entry"][0]["id"]
        assert reading.event("meta", body).data.by == "correspondent", name


def test_a_kind_without_end_is_cut() -> None:
    body = {"object": "page", "entry": [{"id": PAGE, "messaging": [{"x" * 5000: 1}]}]}
    assert reading.event("meta", body).data.kind == "x" * 100


def test_a_retry_a_second_entry_and_ids_as_numbers_give_the_same_id() -> None:
    """Invariant 3."""
    plain = reading.tree("meta", "messenger_text")
    numbers = reading.tree("meta", "messenger_text")
    entry = numbers["entry"][0]
    entry["id"] = int(entry["id"])
    item = entry["messaging"][0]
    item["sender"]["id"] = int(item["sender"]["id"])
    item["timestamp"] = str(item["timestamp"])
    twice = {"object": "page", "entry": [plain["entry"][0], entry]}
    assert reading.event("meta", twice) == reading.event("meta", plain)


def test_an_edit_is_told_apart_by_number_else_by_text_else_by_time() -> None:
    """Invariant 3."""
    edits: list[dict[str, Any]] = [
        {"mid": "m", "text": "a", "num_edit": 1},
        {"mid": "m", "text": "a", "num_edit": "2"},
        {"mid": "m", "text": "a"},
        {"mid": "m", "text": "b"},
        {"mid": "m"},
    ]
    body = reading.tree("meta", "instagram_edit_with_number")
    item = body["entry"][0]["messaging"].pop()
    for edit in edits:
        body["entry"][0]["messaging"].append(item | {"message_edit": edit})
    ids = {event.id for event in reading.events("meta", body)}
    assert len(ids) == len(edits)
    quoted = {"mid": "m", "text": "other", "num_edit": "1"}
    body["entry"][0]["messaging"] = [item | {"message_edit": quoted}]
    assert reading.event("meta", body).id in ids


@pytest.mark.parametrize("number", [0, 1.0, True, None, "x", [1], "", -1, 10**12])
def test_an_odd_edit_number_does_not_cost_the_edit(number: object) -> None:
    body = reading.tree("meta", "instagram_edit_with_number")
    body["entry"][0]["messaging"][0]["message_edit"]["num_edit"] = number
    event = reading.event("meta", body)
    assert event.data.text == "Do you ship to Braga?"
    assert event.data.edit_number == (0 if number == 0 else None)


def test_a_reaction_taken_back_put_on_again_and_another_are_four_happenings() -> None:
    """Invariant 3."""
    body = reading.tree("meta", "messenger_reaction")
    item = body["entry"][0]["messaging"][0]
    later = item | {"timestamp": item["timestamp"] + 900}
    other = item | {"reaction": item["reaction"] | {"emoji": "\u2764"}}
    off = item | {"timestamp": item["timestamp"] + 400}
    off["reaction"] = {"mid": item["reaction"]["mid"], "action": "unreact"}
    body["entry"][0]["messaging"] = [item, off, later, other]
    found = reading.events("meta", body)
    assert len({event.id for event in found}) == 4


def test_metadata_is_a_command_of_ours_only_with_our_mark() -> None:
    body = reading.tree("meta", "messenger_echo_of_ours")
    message = body["entry"][0]["messaging"][0]["message"]
    for metadata, command in (("dm:a", "a"), ("dm:", None), ("a", None), ("xdm:a", None)):
        message["metadata"] = metadata
        assert reading.event("meta", body).data.command_id == command


def test_an_account_that_reacts_reads_or_edits_is_told_from_the_correspondent() -> None:
    for name in ("instagram_reaction", "instagram_seen", "instagram_edit_with_number"):
        body = reading.tree("meta", name)
        item = body["entry"][0]["messaging"][0]
        item["sender"], item["recipient"] = item["recipient"], item["sender"]
        event = reading.event("meta", body)
        assert (event.subject, event.data.by) == (IG_THREAD, "account"), name


def test_an_item_with_two_kinds_gives_both() -> None:
    body = reading.tree("meta", "messenger_text")
    body["entry"][0]["messaging"][0]["referral"] = {"ref": "r", "source": "SHORTLINK"}
    found = reading.events("meta", body)
    assert [event.type for event in found] == [
        "dm.message.received.v1",
        "dm.referral.received.v1",
    ]
