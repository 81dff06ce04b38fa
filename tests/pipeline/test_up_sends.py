"""Sends by hand through `dmstream up`: to the sandbox, and to real platforms."""

import json
import os
import signal
import subprocess

import httpx
import pytest

from streams.local.processes import is_listening
from tests.pipeline.upping import (
    SERVING,
    Place,
    Up,
    nobody_is_left,
    running,
    wait_until,
)

pytestmark = pytest.mark.pipeline


def write_to(place: Place, up: Up) -> None:
    """The example that is shown: somebody writes to `my-profile`."""
    _, _, after = up.said.partition("Send a webhook of your own:")
    example, _, _ = after.partition("Answer it:")
    sent = subprocess.run(["bash", "-c", example], capture_output=True, text=True, check=False)
    assert "HTTP/1.1 200" in sent.stdout, sent.stdout + sent.stderr
    wait_until(lambda: place.counts()["messages"] >= 1, 15)


def its_sends(place: Place) -> list[tuple[str, str, int]]:
    return place.ask(
        "SELECT outcome, reason, attempt_count FROM dm_analytics.sends"
        " WHERE profile_id = 'my-profile' ORDER BY accepted_at"
    )


def test_a_send_by_hand_is_answered_by_the_sandbox_and_one_that_waits_survives_a_restart(
    place: Place,
) -> None:
    """Invariant 6, invariant 8: after an orderly stop it goes on; after a kill it is unknown. The
    embedded broker may have another number of partitions then, as it had before it had two."""
    by_hand = ("send", "my-profile", "instagram:2:1", "--text")
    place.environment["DM_PARTITIONS"] = "8"
    with running(place) as up:
        up.wait_for(SERVING)
        write_to(place, up)
        _, _, after = up.said.partition("Answer it:")
        assert f"dmstream {' '.join(by_hand)}" in after
        sent = place.dmstream(*by_hand, "Yes, in blue.")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        wait_until(lambda: its_sends(place) == [("sent", "", 1)], 15)
        refuse_next(place, wait=15)
        place.dmstream(*by_hand, "And in red.", "--wait", "2")
        wait_until(lambda: its_sends(place)[1:] == [("pending", "", 1)], 15)
        os.killpg(up.process.pid, signal.SIGINT)
        assert up.process.wait(20) == 0
    del place.environment["DM_PARTITIONS"]
    with running(place) as up:
        up.wait_for(SERVING)
        assert "1 accepted send goes on" in up.said
        wait_until(lambda: its_sends(place) == [("sent", "", 1), ("sent", "", 2)], 30)
        refuse_next(place, wait=120)
        place.dmstream(*by_hand, "And in green.", "--wait", "2")
        wait_until(lambda: its_sends(place)[2:] == [("pending", "", 1)], 15)
        up.process.kill()
        up.process.wait()
    nobody_is_left(place, 5)
    with running(place) as up:
        up.wait_for(SERVING)
        assert "1 accepted send had no outcome" in up.said
        assert its_sends(place)[2:] == [("unknown", "interrupted", 1)]
        kept = httpx.get(f"http://127.0.0.1:{place.ports[4]}/_sandbox/attempts").json()
        assert kept == []


def refuse_next(place: Place, wait: float) -> None:
    """The platform takes no message for so many seconds, and says so once."""
    url = f"http://127.0.0.1:{place.ports[4]}/_sandbox/faults"
    httpx.post(url, json={"kind": "rate_limited", "next": 1, "wait": wait}).raise_for_status()


def test_with_real_platforms_nothing_stands_in_and_no_made_up_credential_is_used(
    place: Place,
) -> None:
    place.environment |= {f"DM_{name}_URL": "https://127.0.0.1:9" for name in ("AYRSHARE", "X")}
    with running(place, "--real-platforms") as up:
        up.wait_for(SERVING)
        assert "sandbox" not in up.said
        assert not is_listening(place.ports[4])
        write_to(place, up)
        sent = place.dmstream("send", "my-profile", "instagram:2:1", "--text", "Yes, in blue.")
        assert "DM_CREDENTIAL_AYRSHARE" in sent.stdout
        assert its_reason(sent.stdout) == "token_invalid"


def its_reason(lines: str) -> str:
    return str(json.loads(lines.splitlines()[-1]).get("reason"))
