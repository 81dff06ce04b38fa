"""Messenger: messages, echoes, receipts, reactions, edits. Values are written by hand."""

from typing import Any

from tests.unit.webhooks.meta_said import (
    PSID,
    RECEIVED,
    SENT,
    TEST_BUTTON,
    facebook,
    media,
    mid,
)

MESSAGES: dict[str, list[dict[str, Any]]] = {
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
}
