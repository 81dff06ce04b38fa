"""Registering webhooks, without a broker: what is refused, and what is written."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.hooks import HookRecord
from streams.api.access import Caller
from streams.api.errors import Problem
from streams.api.hook_changes import MOST_KEPT, HookChange
from streams.api.replays import MOST as MOST_REPLAYS
from streams.api.webhooks import MOST
from streams.hooks.directory import new_hook, replay_of
from tests.unit.api.calls import NOW, Api


def known(api: Api, url: str = "https://h.example.com/a", profile: str = "shop") -> HookRecord:
    hook = new_hook(
        profileid=profile, action="messages", url=url, secret="a-secret-of-16-chars",
        reference="shop", place=("log", 0), at=NOW,
    )  # fmt: skip
    api.hooks.records[hook.hook_id] = hook
    return hook


def listed(api: Api, **more: str) -> Any:
    reply = api.call("GET", "/hook/webhook", **more)
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/", "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/", "https://0x7f000001/", "https://metadata.internal/",
        "http://93.184.216.34/x", "ftp://93.184.216.34/", "https://u:p@93.184.216.34/", "nonsense",
        "https://[/", "https://x:99999/", "https://8.8.8.8:0/", "https://168.63.129.16/",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_refused_and_not_repeated(url: str) -> None:
    api = Api()
    reply = api.call("POST", "/hook/webhook", {"action": "messages", "url": url})
    body = json.loads(reply.body)
    assert (reply.status, body["reason"]) == (400, "webhook_address_refused"), body
    assert url not in body["message"]
    assert not api.hook_broker.kept


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/x", "file:///etc/passwd", "javascript:alert(1)", "nonsense", "//127.0.0.1/x",
     "http://127.0.0.1:0/x", "http:///x", "http://u:p@127.0.0.1/x"],
)  # fmt: skip
def test_where_private_addresses_are_allowed_what_is_no_web_address_is_refused(url: str) -> None:
    api = Api(hook_allow_private=True)
    reply = api.call("POST", "/hook/webhook", {"action": "messages", "url": url})
    assert json.loads(reply.body)["reason"] == "webhook_address_refused", reply.body
    assert not api.hook_broker.kept


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "https://10.0.0.1/x"])
def test_where_private_addresses_are_allowed_plain_http_is_too(url: str) -> None:
    reply = Api(hook_allow_private=True).call(
        "POST", "/hook/webhook", {"action": "messages", "url": url}
    )
    assert json.loads(reply.body)["reason"] == "archive_unavailable", "the next thing looked at"


def change(api: Api, key: str, url: str, at: datetime = NOW) -> HookChange:
    api.resources.now = lambda: at
    record = api.keys.find(api.key)
    assert record is not None
    caller = Caller(record, "shop", api.resources, api.key)
    return HookChange.of(caller, "subscribe", key, {"url": url})


def test_a_key_is_remembered_for_seven_days_however_often_the_webhook_changes() -> None:
    api = Api()
    hook = change(api, "first", "a").noted(known(api))
    for number in range(50):
        hook = change(api, f"key {number}", "a", NOW + timedelta(minutes=number)).noted(hook)
    almost = NOW + timedelta(days=7, milliseconds=-1)
    [(found, _)] = change(api, "first", "a", almost).done_before([hook])
    assert found == hook
    with pytest.raises(Problem) as refused:
        change(api, "first", "another body", almost).done_before([hook])
    assert refused.value.reason == "idempotency_key_reused"
    later = NOW + timedelta(days=7)
    assert not change(api, "first", "another body", later).done_before([hook])
    assert len(change(api, "new", "a", later).noted(hook).requests) == 50


def test_no_key_is_forgotten_early_to_make_room_for_another() -> None:
    api = Api()
    hook = known(api)
    for number in range(MOST_KEPT):
        hook = change(api, f"key {number}", "a", NOW + timedelta(seconds=number)).noted(hook)
    assert len(hook.model_dump_json()) < 500_000
    with pytest.raises(Problem) as refused:
        change(api, "one more", "a", NOW + timedelta(days=6, hours=23)).noted(hook)
    assert (refused.value.reason, refused.value.status) == ("too_many_webhook_changes", 429)
    assert refused.value.headers["retry-after"] == "3601"
    assert change(api, "one more", "a", NOW + timedelta(days=7)).noted(hook).requests


def replay(hook: HookRecord, number: int) -> HookRecord:
    return replay_of(
        hook, replay_id=f"{number:016x}", since=NOW - timedelta(hours=1), until=NOW,
        place=("log", 0, 1), events=1, at=NOW,
    )  # fmt: skip


def test_all_of_twenty_webhooks_may_be_replayed_and_one_of_them_five_times_at_once() -> None:
    api = Api()
    hooks = [known(api, f"https://h.example.com/{number}") for number in range(MOST)]
    replays = [replay(hook, number) for number, hook in enumerate(hooks * (MOST_REPLAYS - 1))]
    api.hooks.records |= {one.hook_id: one for one in replays}
    body = {"since": "2026-11-22T12:00:00Z", "until": "2026-11-22T13:00:00Z"}

    def asked(**more: str) -> Any:
        return json.loads(api.call("POST", "/hook/webhook/replay", body | more).body)

    assert asked()["reason"] == "archive_unavailable", "the next thing looked at"
    last = replay(hooks[0], len(replays))
    api.hooks.records[last.hook_id] = last
    assert asked()["reason"] == "too_many_replays"
    assert hooks[0].hook_id in asked()["message"], "which one, so that the others can be named"
    assert asked(id=hooks[1].hook_id)["reason"] == "archive_unavailable"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"action": "messages"}, {"action": "feed", "url": "https://h.example.com/"},
        {"action": "messages", "url": "https://h.example.com/", "secret": "short"},
        {"action": "messages", "url": "https://h.example.com/\r\nx: y"},
        {"action": "messages", "url": "https://h.example.com/" + "a" * 3000}, [],
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(body: Any) -> None:
    api = Api()
    assert api.call("POST", "/hook/webhook", body).status == 400
    assert not api.hook_broker.kept


def test_the_list_shows_no_secret_and_only_the_profiles_own() -> None:
    api = Api()
    known(api)
    known(api, "https://h.example.com/other", profile="another")
    found = listed(api)
    assert found["messages"] == "https://h.example.com/a"
    assert [one["url"] for one in found["webhooks"]] == ["https://h.example.com/a"]
    assert "a-secret-of-16-chars" not in json.dumps(found)


def test_scopes_are_those_of_the_manual() -> None:
    api = Api()
    key = api.add_key("read", "send")
    listed(api, key=key)
    body = {"action": "messages", "url": "https://h.example.com/"}
    assert api.call("POST", "/hook/webhook", body, key=key).status == 403
    assert api.call("DELETE", "/hook/webhook", {"action": "messages"}, key=key).status == 403


def test_removing_writes_a_record_without_address_and_secret() -> None:
    api = Api()
    one = known(api)
    known(api, "https://h.example.com/b")
    body = {"action": "messages", "url": one.url}
    assert api.call("DELETE", "/hook/webhook", body).status == 200
    [(key, value, _)] = api.hook_broker.kept
    gone = HookRecord.model_validate_json(value)
    assert key.decode() == gone.hook_id == one.hook_id
    assert (gone.url, gone.secret) == ("", "")
    assert gone.deleted_at == NOW
    api.hooks.records[one.hook_id] = gone
    assert api.call("DELETE", "/hook/webhook", body).status == 404
    assert len(listed(api)["webhooks"]) == 1


def test_until_the_webhooks_are_known_nothing_is_said_of_them() -> None:
    api = Api()
    api.hooks.is_known = False
    assert api.call("GET", "/hook/webhook").status == 503
