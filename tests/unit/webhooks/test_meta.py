"""Each kind of body that Meta sends, and what it must become."""

from typing import Any

import pytest

from schemas.webhooks import account_reference
from tests.unit.webhooks import reading
from tests.unit.webhooks.meta_instagram import INSTAGRAM
from tests.unit.webhooks.meta_messages import MESSAGES
from tests.unit.webhooks.meta_said import (
    IG,
    IG_THREAD,
    KEPT,
    PAGE,
    THREAD,
)
from tests.unit.webhooks.meta_threads import THREADS

EXPECTED = MESSAGES | THREADS | INSTAGRAM

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
