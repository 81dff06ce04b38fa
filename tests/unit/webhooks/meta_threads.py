"""Messenger: thread control, buttons, ways in, several at once. Values are written by hand."""

from typing import Any

from tests.unit.webhooks.meta_said import (
    AT,
    KEPT,
    PAGE,
    PSID,
    RECEIVED,
    facebook,
    mid,
)

THREADS: dict[str, list[dict[str, Any]]] = {
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
}
