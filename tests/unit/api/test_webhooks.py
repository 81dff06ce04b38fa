"""Registering webhooks, without a broker: what is refused, and what is written."""

import json
from typing import Any

import pytest

from schemas.hooks import HookRecord
from streams.hooks.directory import new_hook
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
        "https://[/", "https://x:99999/",
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
