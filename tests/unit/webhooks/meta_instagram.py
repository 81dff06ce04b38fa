"""Instagram's bodies. Values are written by hand."""

from typing import Any

from tests.unit.webhooks.meta_said import (
    IG,
    IGSID,
    RECEIVED,
    SENT,
    TEST_BUTTON,
    igmid,
    instagram,
    media,
)

INSTAGRAM: dict[str, list[dict[str, Any]]] = {
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
