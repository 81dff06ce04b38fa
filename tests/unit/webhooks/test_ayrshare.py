"""Each kind of body that Ayrshare sends, and what it must become. Values are written by hand."""

from typing import Any

import pytest

from schemas.webhooks import account_reference
from tests.unit.webhooks import reading
from tests.unit.webhooks.ayrshare_said import (
    AT,
    FBC,
    FBMID,
    IG,
    IGMID,
    IGSID,
    KEPT,
    RECEIVED,
    REF,
    SENT,
    facebook,
    instagram,
    linked,
    x,
)

ANA = {
    "name": "Ana P.",
    "username": "ana.weaves",
    "picture_url": "https://media.example.com/p/ana.jpg",
}
TOME_ON_X = {
    "name": "Tomé",
    "username": "tome_pt",
    "picture_url": "https://media.example.com/x/tome.jpg",
}


X_MESSAGE = {
    "message_id": "2115946790263324679",
    "text": "Open on Sunday?",
    "time": "2026-10-29T14:33:07.120Z",
    "correspondent": TOME_ON_X,
}

EXPECTED: dict[str, dict[str, Any]] = {
    "text_received": instagram(
        RECEIVED, 1, message_id=IGMID, text="Is the linen shirt back?", correspondent=ANA
    ),
    "text_received_again_for_another_profile": instagram(
        RECEIVED, 2, message_id=IGMID, text="Is the linen shirt back?", correspondent=ANA
    ),
    "media_received_without_text": instagram(
        RECEIVED,
        3,
        message_id=IGMID + "3",
        attachments=[
            {
                "type": "reel",
                "platform_type": "ig_reel",
                "url": "https://media.example.com/r.mp4",
            },
            {"type": "image", "platform_type": "image", "url": "https://media.example.com/i.jpg"},
        ],
    ),
    # The sender's "name" is the bare id: no name.
    "text_in_an_object": facebook(RECEIVED, 4, message_id=FBMID + "4", text="from an object"),
    "text_sent": facebook(
        SENT,
        5,
        message_id=FBMID + "5",
        text="It is, in blue.",
        correspondent={"name": "Elif A.", "picture_url": "https://media.example.com/p/elif.jpg"},
    ),
    "message_sent_sub_action": facebook(
        SENT, 6, message_id=FBMID + "6", text="Sent by its own name."
    ),
    "without_id": facebook(RECEIVED, 7, message_id=f"{FBC}_2026-10-29T14:33:07Z", text="no id"),
    "read": facebook("message.read", 8, watermark_at=AT),
    "read_of_a_message": facebook("message.read", 9, message_id=FBMID + "5"),
    "reaction_created": instagram(
        "reaction.added", 10, message_id=IGMID, person_id=IGSID, emoji="❤️"
    ),
    "reaction_created_as_text": instagram(
        "reaction.added", 11, message_id=IGMID, person_id=IGSID, emoji="😂"
    ),
    "reaction_created_as_list": instagram(
        "reaction.added", 12, message_id=IGMID, person_id=IGSID, emoji="🔥"
    ),
    "reaction_deleted": instagram("reaction.removed", 13, message_id=IGMID, person_id=IGSID),
    "edited": facebook("message.edited", 14, message_id=FBMID + "4", text="from an object, edited"),
    "deleted_under_message_created": instagram("message.deleted", 15, message_id=IGMID),
    "deleted_alone": facebook("message.deleted", 16, message_id=FBMID + "4"),
    "deleted_by_the_account": instagram(
        "message.deleted", 17, message_id=IGMID + "9", by="account"
    ),
    "x_message_by_the_enterprise_option": x(
        RECEIVED,
        18,
        message_id="2110283746501928374",
        text="hello from X",
        external_conversation_id="1450880990-3300110022",
        correspondent={"name": "Tomé", "username": "tome_pt"},
    ),
    "x_account_activity_message": x(RECEIVED, 21, **X_MESSAGE),
    "x_account_activity_photo": x(
        RECEIVED,
        22,
        **X_MESSAGE,
        attachments=[
            {
                "type": "image",
                "platform_type": "photo",
                "url": "https://media.example.com/x/m.jpg",
                "id": "2115946790263324680",
            }
        ],
    ),
    "x_account_activity_media_urls": x(
        RECEIVED,
        23,
        **X_MESSAGE,
        attachments=[
            {
                "type": "other",
                "platform_type": "mediaUrls",
                "url": "https://media.example.com/x/a.jpg",
            }
        ],
    ),
    "social_link": linked("linked", 25, "instagram", "user"),
    "social_unlink": linked("unlinked", 26, "x", "system"),
}

KEPT_WHOLE: dict[str, tuple[str, str | None]] = {
    # name: (kind, subject)
    "unknown_sub_action": ("messages/messagePinned/received", f"instagram:{IG}:{IGSID}"),
    "whatsapp": ("messages/messageCreated/received", None),
    "preview_of_2023": ("message/create", None),
    "x_account_activity_typing": ("accountActivity", None),
    "social_refresh": ("social/refresh", None),
    "social_link_failed": ("social/link", None),
    "social_link_elsewhere": ("social/link", None),
    "scheduled": ("scheduled", None),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_kind_of_body_gives_its_event(name: str) -> None:
    event = reading.event("ayrshare", reading.body("ayrshare", name))
    assert reading.essence(event) == EXPECTED[name]
    assert event.profileid == reading.tree("ayrshare", name)["refId"]


@pytest.mark.parametrize("name", KEPT_WHOLE)
def test_an_unknown_combination_is_kept_whole_and_is_no_error(name: str) -> None:
    kind, subject = KEPT_WHOLE[name]
    event = reading.event("ayrshare", reading.body("ayrshare", name))
    said = reading.essence(event)
    assert (said["type"], said["kind"], said.get("subject")) == (KEPT, kind, subject)
    assert said["item"] == reading.tree("ayrshare", name)
    assert event.profileid == REF


def test_no_fixture_is_without_an_expectation() -> None:
    assert EXPECTED.keys() | KEPT_WHOLE.keys() == set(reading.names("ayrshare"))


def test_a_retry_and_another_profile_of_the_same_account_give_the_same_id() -> None:
    """Invariant 3. Whose message it is stands in `profileid`, and is not part of the id."""
    first = reading.event("ayrshare", reading.body("ayrshare", "text_received"))
    other = reading.event(
        "ayrshare", reading.body("ayrshare", "text_received_again_for_another_profile")
    )
    assert first.id == other.id
    assert first.profileid != other.profileid


def test_ids_as_numbers_give_the_same_event() -> None:
    """Invariant 3."""
    body = reading.tree("ayrshare", "text_received")
    numbers = body | {"senderId": int(IGSID), "recipientId": int(IG)}
    assert reading.event("ayrshare", numbers) == reading.event("ayrshare", body)


def test_on_x_the_account_is_the_recipient_unless_the_body_says_whose_it_is() -> None:
    body = reading.tree("ayrshare", "x_account_activity_message")
    event = reading.event("ayrshare", body | {"forUserId": "1450880990"})
    assert event.type == "dm.message.sent.v1"
    assert event.subject == "x:1450880990:3300110022"
    assert event.data.correspondent.username == "loomandline"


def test_a_list_of_direct_messages_is_read_and_a_broken_one_costs_only_itself() -> None:
    body = reading.tree("ayrshare", "x_account_activity_message")
    good = body["directMessageEvents"]
    result = reading.normalised("ayrshare", body | {"directMessageEvents": [5, good, {}]})
    assert [event.type for event in result.events] == [
        "dm.message.received.v1",
        "dm.unrecognised.received.v1",
    ]
    assert "directMessageEvents[0] is not an object" in result.failures[0].message


def test_between_two_professional_accounts_of_instagram_the_told_direction_counts() -> None:
    body = reading.tree("ayrshare", "text_received") | {"senderId": "17841499999999999"}
    event = reading.event("ayrshare", body | {"recipientId": "1700900800700600"})
    assert event.subject == "instagram:1700900800700600:17841499999999999"


def test_links_and_unlinks_of_two_profiles_are_two_happenings() -> None:
    """Invariant 3: where no account is told, the profile's reference is part of the id."""
    body = reading.tree("ayrshare", "social_link")
    ids = {
        reading.event("ayrshare", body | change).id
        for change in ({}, {"refId": "0" * 40}, {"type": "unlink"}, {"platform": "facebook"})
    }
    assert len(ids) == 4


def test_the_record_s_key_is_the_profile_s_reference() -> None:
    for name in reading.names("ayrshare"):
        body = reading.body("ayrshare", name)
        assert account_reference("ayrshare", body) == reading.tree("ayrshare", name)["refId"]
