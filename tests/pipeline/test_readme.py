"""What the README tells a client to type, typed: with curl, and with an ordinary HTTP client."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from streams.conversation.can_reply import Reason
from tests.conftest import ClickHouse
from tests.pipeline.api import Api, serving
from tests.pipeline.sandbox import SECRETS

pytestmark = pytest.mark.pipeline

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "messages_api.py"


@pytest.fixture(scope="module")
def api(
    broker: str, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("readme")
    with serving(broker, embedded_clickhouse, folder, hook_allow_private="true") as found:
        found.talk.running.start("webhooks")
        yield found


def test_the_example_goes_through_everything_and_hits_each_refusal(api: Api) -> None:
    """As it stands in the README: it imports nothing of ours."""
    assert "examples/messages_api.py" in (ROOT / "README.md").read_text()
    assert not re.search(
        r"^(from|import) (streams|sinks|schemas)", EXAMPLE.read_text(), re.MULTILINE
    )
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env={
            "DM_GATEWAY_URL": str(api.http.base_url),
            "DM_SANDBOX_URL": api.talk.box.address,
            "DM_API_KEY": api.client().key,
            "DM_META_APP_SECRETS": SECRETS["DM_META_APP_SECRETS"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    refused = set(re.findall(r"^refused: (\w+)", done.stdout, re.MULTILINE))
    # The automatic answer's own rule refuses no request.
    assert refused == {"invalid"} | set(get_args(Reason)) - {"auto_response_too_soon"}
    for step in ("registered", "linked", "subscribed", "replied", "got a webhook", "read",
                 "archived, and back", "answered by itself", "done"):  # fmt: skip
        assert re.search(f"^{step}", done.stdout, re.MULTILINE), step


def test_the_readme_s_script_works_as_it_stands_there(api: Api) -> None:
    """With curl alone, on this pipeline's address and key."""
    readme = (ROOT / "README.md").read_text()
    found = re.search(r"```\n(\. data/secrets\.env\napi\(\).*?)```", readme, re.DOTALL)
    assert found is not None
    script = found[1].replace(". data/secrets.env\n", "")
    script = script.replace("http://127.0.0.1:8080", str(api.http.base_url))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "DM_API_KEY": api.client().key, "PROFILE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers, rest = [], done.stdout.strip()
    while rest:
        answer, end = json.JSONDecoder().raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    _, _, user, history, sent = answers
    assert user["displayNames"][0]["messagingActive"]
    assert history["messages"] == []
    assert sent["reason"] == "not_initiated"
