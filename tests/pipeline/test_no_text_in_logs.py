"""Traffic with marked texts and secrets through every process, and a search through all logs."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from streams.settings import Settings
from streams.simulator.sign import headers
from tests.conftest import ClickHouse
from tests.pipeline import sandbox as boxes
from tests.pipeline.talking import Talk, talking

pytestmark = pytest.mark.pipeline

MARK = "XYZZY-what-somebody-wrote"
PASSWORD = "XYZZY-of-clickhouse"
WORKERS = ("conversations", "delivery", "history", "webhooks")
FAULTS = ("server_error_before", "error_in_200", "not_json", "truncated", "rate_limited", "blocked")


@pytest.fixture
def talk(
    settings: Settings,
    embedded_clickhouse: ClickHouse,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("logs")
    own = settings.model_copy(
        update={
            "clickhouse_url": embedded_clickhouse.url,
            "clickhouse_database": embedded_clickhouse.migrated(),
            "data_dir": folder,
        }
    )
    more = {"LOG_LEVEL": "debug", "CLICKHOUSE_PASSWORD": PASSWORD}
    with talking(own, folder, *WORKERS, **more) as found:
        yield found


def post(talk: Talk, body: bytes, *, signed: bool = True) -> int:
    secret = boxes.SECRETS["DM_AYRSHARE_SECRETS"] if signed else "XYZZY-not-the-secret"
    request = urllib.request.Request(
        f"http://127.0.0.1:{talk.running.settings.port}/webhooks/ayrshare",
        data=body,
        headers=headers("ayrshare", secret.encode(), body, at_seconds=int(time.time())),
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our gateway
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_no_log_of_any_process_holds_a_text_or_a_secret(talk: Talk) -> None:
    """Invariant 11."""
    account = talk.account("facebook")
    people = [talk.somebody_writes(account, text=f"{MARK} {n}") for n in range(len(FAULTS) + 1)]
    commands = [talk.send(account, people[-1], text=f"{MARK} answered")]
    for fault, person in zip(FAULTS, people, strict=False):
        talk.box.post("faults", kind=fault, recipient=person, next=1)
        commands.append(talk.send(account, person, text=f"{MARK} {fault}"))
    commands.append(talk.send(account, people[-1], text=MARK * 1000))
    for command in commands:
        if command != commands[FAULTS.index("rate_limited") + 1]:  # that one waits
            talk.outcome(command)
    for body in (
        MARK.encode(),
        json.dumps({"refId": "p", "action": MARK}).encode(),
        json.dumps({"refId": "p", "action": "messages", "message": MARK, "created": MARK}).encode(),
        json.dumps({"refId": "p", "action": "messages", "subAction": [MARK]}).encode(),
        b'{"refId": "p", "message": "' + MARK.encode() + b'\xff"}',
    ):
        post(talk, body)
        assert post(talk, body, signed=False) == 401
    talk.running.settled()

    wanted = {MARK, PASSWORD, "XYZZY-not-the-secret", "a-token", *boxes.SECRETS.values()}
    searched: dict[str, int] = {}
    for name in ("gateway", *WORKERS):
        text = (talk.running.folder / f"{name}.log").read_text()
        searched[name] = len(text.splitlines())
        found = [word for word in wanted if word in text]
        assert not found, f"{name}: {[line for line in text.splitlines() if found[0] in line][:3]}"
        for line in text.splitlines():
            told = json.loads(line)
            assert told["process"] == name
            assert told.keys() >= {"event", "level", "timestamp"}
    assert searched["gateway"] > 10, "what came in is logged, so there is something to search"
    assert searched["delivery"]
