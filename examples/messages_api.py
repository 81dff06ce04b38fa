"""The whole Messages API with an ordinary HTTP client: run it beside `make run`.

    DM_HOOK_ALLOW_PRIVATE=true make run        # webhooks may come to this machine
    .venv/bin/python examples/messages_api.py  # in another terminal

Register, link, activate, receive, reply, read, archive, answer by itself, hit each refusal, get a
webhook. It imports nothing of dmstream. The platforms' side of it (a person writes, another app
takes the thread) are webhooks, signed as Meta signs them; a test runs this file as it stands.
"""

import hashlib
import hmac
import json
import os
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx

GATEWAY = os.environ.get("DM_GATEWAY_URL", "http://127.0.0.1:8080")
SANDBOX = os.environ.get("DM_SANDBOX_URL", "http://127.0.0.1:8090")
WEEK = 7 * 24 * 3600


def secret(name: str) -> str:
    """From the environment, else from the file that `dmstream up` keeps them in."""
    file = Path(os.environ.get("DM_DATA_DIR", "data")) / "secrets.env"
    lines = file.read_text().splitlines() if file.exists() else []
    kept = dict(line.split("=", 1) for line in lines if "=" in line)
    return os.environ.get(name) or kept[name]


# --- the client -----------------------------------------------------------------------------------

api = httpx.Client(
    base_url=GATEWAY, headers={"Authorization": f"Bearer {secret('DM_API_KEY')}"}, timeout=30
)


def call(method: str, path: str, body: Any = None, **query: Any) -> Any:
    """A request that can be made again: under one key it is carried out once."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(30):
        answer = api.request(method, path, json=body, params=query, headers=headers)
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    assert answer.status_code == 200, f"{method} {path}: {answer.text}"
    return answer.json()


def say(what: str, *more: object) -> None:
    print(f"{what:<28}", *more)


def eventually(holds: Any, what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.2)
    return found


# --- the platforms' side --------------------------------------------------------------------------


def id_of(kind: str) -> str:
    return {"message": "m_", "person": "", "account": ""}[kind] + str(uuid.uuid4().int)[:15]


def webhook(
    account: str, person: str, seconds_ago: float = 0, kind: str = "page", **item: Any
) -> None:
    at = int((time.time() - seconds_ago) * 1000)
    happened = {"sender": {"id": person}, "recipient": {"id": account}, "timestamp": at, **item}
    body = json.dumps(
        {"object": kind, "entry": [{"id": account, "time": at, "messaging": [happened]}]}
    ).encode()
    signature = hmac.new(secret("DM_META_APP_SECRETS").encode(), body, hashlib.sha256).hexdigest()
    posted = httpx.post(
        f"{GATEWAY}/webhooks/meta",
        content=body,
        headers={"X-Hub-Signature-256": f"sha256={signature}"},
    )
    assert posted.status_code == 200, posted.text


def somebody_writes(account: str, text: str, platform: str = "facebook", **more: Any) -> str:
    """Returns who, once it is in the history."""
    person = id_of("person")
    kind = "page" if platform == "facebook" else "instagram"
    webhook(account, person, kind=kind, message={"mid": id_of("message"), "text": text}, **more)

    def is_read() -> bool:
        found = call("GET", f"/messages/{platform}")["messages"]
        return any(one["senderId"] == person for one in found)

    eventually(is_read, "the message in the history")
    return person


# --- register, activate, link ---------------------------------------------------------------------

profile = call("POST", "/profiles", {"title": "The shop"})
api.headers["Profile-Key"] = profile["profileKey"]
eventually(lambda: api.get("/user").status_code == 200, "the profile in the archive")
say("registered", profile["refId"])
call("PATCH", "/profiles", {"messagingActive": True})
page, instagram = id_of("account"), id_of("account")


def link(platform: str = "facebook", account: str = "") -> None:
    body = {"platform": platform, "accountId": account or page, "provider": "meta"}
    call("POST", "/profiles/social", body)


link()
link("instagram", instagram)
user = call("GET", "/user")
say("linked", user["activeSocialAccounts"], "messaging:", user["messagingEnabled"])

# --- subscribe to a webhook -----------------------------------------------------------------------

got: list[tuple[dict[str, str], bytes]] = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{receiver.server_address[1]}/messages"
subscribed = call(
    "POST",
    "/hook/webhook",
    {"action": "messages", "url": address, "secret": "a-secret-of-the-shop"},
)
say("subscribed", subscribed["id"])

# --- receive and reply ----------------------------------------------------------------------------

person = somebody_writes(page, "Do you still have it in blue?")
sent = call("POST", "/messages/facebook", {"recipientId": person, "message": "Yes, in blue."})
say("replied", sent["messageId"])

# The same key: the same message, and nothing is sent again.
keyed = {"Idempotency-Key": str(uuid.uuid4())}
shipped = {"recipientId": person, "message": "Shipped."}
first, again = (api.post("/messages/facebook", json=shipped, headers=keyed).json() for _ in "12")
assert first["messageId"] == again["messageId"]

headers, body = eventually(
    lambda: next((one for one in got if b"Do you still have it in blue?" in one[1]), None),
    "the webhook",
)
wanted = hmac.new(b"a-secret-of-the-shop", body, hashlib.sha256).hexdigest()
assert headers["x-authorization-content-sha256"] == wanted
told = json.loads(body)
assert (told["action"], told["subAction"], told["type"]) == (
    "messages",
    "messageCreated",
    "received",
)
assert (told["senderId"], told["recipientId"], told["refId"]) == (person, page, profile["refId"])
say("got a webhook", told["hookId"])

# --- read the history, archive --------------------------------------------------------------------

conversation = told["conversationId"]
history = call("GET", "/messages/facebook", conversationId=conversation)["messages"]
texts = [one["message"] for one in reversed(history)]
assert texts[:2] == ["Do you still have it in blue?", "Yes, in blue."]
assert "Shipped." in texts
say("read", f"{len(history)} messages, newest first")
pages, cursor = [], None
while True:
    one = call("GET", "/messages/facebook", limit=1, **({"next": cursor} if cursor else {}))
    pages += one["messages"]
    cursor = one["meta"]["pagination"].get("next")
    if cursor is None:
        break
assert len({one["id"] for one in pages}) == len(pages) >= 3

path = f"/messages/facebook/{conversation}"
call("PUT", path, {"status": "archived"})
archived = call("GET", "/messages/facebook", status="archived", conversationsOnly="true")
assert conversation in archived["conversationIds"]
call("PUT", path, {"status": "active"})
say("archived, and back", conversation)

# --- answer by itself -----------------------------------------------------------------------------

call("POST", "/messages/autoresponse", {"autoResponseActive": True, "autoResponseMessage": "Soon!"})
waiting = somebody_writes(page, "Is anybody there?")


def automatic() -> Any:
    found = call("GET", "/messages/facebook", conversationId=f"facebook:{page}:{waiting}")[
        "messages"
    ]
    return next((one for one in found if one.get("origin") == "auto"), None)


say("answered by itself", eventually(automatic, "the automatic answer")["message"])
call("POST", "/messages/autoresponse", {"autoResponseActive": False, "autoResponseMessage": ""})

# --- each refusal ---------------------------------------------------------------------------------


def refused(reason: str, to: str, platform: str = "facebook", message: str = "Hello") -> Any:
    answer = api.post(f"/messages/{platform}", json={"recipientId": to, "message": message})
    found = answer.json()
    assert found.get("reason") == reason, f"{answer.status_code} {answer.text}"
    say(f"refused: {reason}", answer.status_code, found["code"], found["message"])
    return found


refused("invalid", person, message="a" * 2_001)
refused("not_initiated", id_of("person"))
late = somebody_writes(instagram, "A week ago", "instagram", seconds_ago=WEEK + 60)
assert datetime.fromisoformat(
    refused("reply_window_closed", late, "instagram")["expiresAt"]
) < datetime.now(UTC)

webhook(
    page, person, take_thread_control={"previous_owner_app_id": "1", "metadata": "a person took it"}
)
eventually(
    lambda: call("GET", f"/conversations/{conversation}")["threadControl"] == "other",
    "another app has the thread",
)
refused("thread_controlled_elsewhere", person)

blocked = somebody_writes(page, "I shall block you")
fault = {"kind": "blocked", "recipient": blocked, "next": 1}
assert httpx.post(f"{SANDBOX}/_sandbox/faults", json=fault).status_code == 201
refused("recipient_unavailable", blocked)

call("PATCH", "/profiles", {"messagingConversationMonthlyLimit": 1})
assert datetime.fromisoformat(refused("monthly_limit_reached", waiting)["opensAt"]) > datetime.now(
    UTC
)
call("PATCH", "/profiles", {"messagingConversationMonthlyLimit": 100})

call("PATCH", "/profiles", {"messagingActive": False})
refused("messaging_inactive", waiting)
call("PATCH", "/profiles", {"messagingActive": True})
refused("relink_required", waiting)
link()
call("DELETE", "/profiles/social", {"platform": "facebook"})
refused("account_unlinked", waiting)
link()
assert call("POST", "/messages/facebook", {"recipientId": waiting, "message": "Here I am."})[
    "messageId"
]

call("DELETE", "/profiles")
say("done", "the profile is deleted, its webhooks have ended")
receiver.shutdown()
