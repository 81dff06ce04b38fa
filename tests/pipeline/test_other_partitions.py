"""Who writes with another DM_PARTITIONS than the pipeline's is told so, and nothing is written."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.topics import ACCOUNTS, COMMANDS, HOOKS
from streams import kafka
from streams.gateway.keep import NotKeptError
from streams.gateway.publisher import KafkaPublisher
from streams.log_positions import STATE_CHANGELOG, log_ends
from streams.settings import Settings
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, Shop, commands_written, refused, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline

FEWER, MORE = "1", "7"
"""The pipeline has four."""


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("other-partitions")
    with serving(broker, embedded_clickhouse, folder) as found:
        yield found


@pytest.fixture(scope="module")
def shop(api: Api) -> Shop:
    return api.shop()


@pytest.mark.parametrize("number", [FEWER, MORE])
@pytest.mark.parametrize(
    "command",
    [
        ("profile", "limit", "{profile}", "--monthly", "0"),
        ("send", "{profile}", "facebook:1:2", "--text", "Hello"),
        ("backfill", "{profile}", "--no-wait"),
        ("erase", "{profile}", "facebook:1:2", "--yes"),
        ("replay", "--all"),
        ("key", "create", "--name", "desk"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_refuses_and_names_the_number(
    api: Api, shop: Shop, command: tuple[str, ...], number: str
) -> None:
    before = commands_written(api)
    ended = run(api, shop, command, DM_PARTITIONS=number)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert f"DM_PARTITIONS is {number}" in ended.stderr
    assert "Set it back to 4" in ended.stderr
    assert commands_written(api) == before


def test_the_same_command_with_the_pipeline_s_number_is_carried_out(api: Api, shop: Shop) -> None:
    ended = run(api, shop, ("profile", "limit", "{profile}", "--monthly", "500"))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("number", [FEWER, MORE])
def test_a_gateway_keeps_webhooks_and_its_api_writes_nothing_and_says_why(
    api: Api, shop: Shop, number: str
) -> None:
    """Invariant 1."""
    link = {"platform": "instagram", "accountId": digits(), "provider": "meta"}
    writes: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("POST", "/messages/facebook", {"recipientId": "1", "message": "Hello"}),
        ("PATCH", "/profiles", {"title": "Another"}),
        ("POST", "/profiles/social", link),
        ("POST", "/hook/webhook", {"action": "messages", "url": "http://127.0.0.1:9/in"}),
    )
    with (
        api.second_gateway(DM_PARTITIONS=number, DM_HOOK_ALLOW_PRIVATE="true") as address,
        httpx.Client(base_url=address, timeout=30) as there,
    ):
        wait = api.talk.running.wait
        wait(lambda: there.get("/health/ready").status_code == 200, 20, "ready")
        wait(lambda: refusing(api, number) == {COMMANDS, HOOKS, ACCOUNTS}, 20, "its log says so")
        client = Client(there, shop.client.key, shop.client.profile)
        before = commands_written(api)
        for method, path, body in writes:
            told = refused(asked(client, method, path, body), 503, "partitions_differ")
            assert f"DM_PARTITIONS is {number}" in told["message"]
        assert commands_written(api) == before
        assert not asked(client, "GET", "/messages/facebook").json()["isCurrent"]

        beside = Shop(Api(api.talk, there), shop.client, shop.platform, shop.account)
        beside.somebody_writes(text="Is anybody there?")


def test_what_lies_in_a_topic_that_was_given_more_partitions_stays_within_the_state_s_number(
    settings: Settings,
) -> None:
    """Decision 28: they are legal, and left alone."""
    ends = asyncio.run(publish(settings, {COMMANDS: 6, STATE_CHANGELOG: 4}, keys=64))
    assert sum(ends.values()) == 64
    assert sum(end for number, end in ends.items() if number >= 4) == 0


def test_a_publisher_keeps_nothing_on_a_log_whose_state_was_spread_by_another_number(
    settings: Settings,
) -> None:
    with pytest.raises(NotKeptError, match=r"DM_PARTITIONS is 4.*back to 2") as caught:
        asyncio.run(publish(settings, {COMMANDS: 4, STATE_CHANGELOG: 2}, keys=1))
    assert caught.value.reason == "partitions_differ"
    assert sum(asyncio.run(log_ends(settings, COMMANDS)).values()) == 0


async def publish(settings: Settings, topics: dict[str, int], keys: int) -> dict[int, int]:
    """Makes the topics, keeps as many commands, and tells where each partition ends."""
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(settings.topic(name), count, 1) for name, count in topics.items()]
        )
    finally:
        await admin.close()
    publisher = KafkaPublisher(settings, COMMANDS)
    await publisher.start()
    try:
        for number in range(keys):
            await kept(publisher, f"profile-{number}".encode())
    finally:
        await publisher.stop()
    return {place.partition: end for place, end in (await log_ends(settings, COMMANDS)).items()}


async def kept(publisher: KafkaPublisher, key: bytes) -> None:
    """It connects in the background: until then it says that the broker is away."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return await publisher.publish(key, b"{}", [])
        except NotKeptError as error:
            if error.reason == "partitions_differ" or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


def asked(
    client: Client, method: str, path: str, body: dict[str, object] | None = None
) -> httpx.Response:
    """Once, and not again where it is 503."""
    headers = {"authorization": f"Bearer {client.key}", "profile-key": client.profile}
    return client.http.request(method, path, json=body, headers=headers)


def refusing(api: Api, number: str) -> set[str]:
    """Topics that the second gateway writes nothing on, by its log."""
    text = (api.talk.running.folder / "second.log").read_text()
    told = [line for line in text.splitlines() if f"DM_PARTITIONS is {number}" in line]
    return {topic for topic in (COMMANDS, HOOKS, ACCOUNTS) if any(topic in line for line in told)}


def run(
    api: Api, shop: Shop, command: tuple[str, ...], **environment: str
) -> subprocess.CompletedProcess[str]:
    arguments = [part.format(profile=shop.client.profile) for part in command]
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**api.talk.running.environment(), **environment},
    )
