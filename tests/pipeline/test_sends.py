"""Commands over the whole route: decided, sent over real HTTP, echoed, and told in the archive."""

import asyncio
from collections.abc import Iterator

import pytest

from schemas import events
from schemas.base import Platform
from streams import kafka
from tests.conftest import ClickHouse
from tests.pipeline.talking import Talk, talking

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def talk(
    broker: str, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("sends")
    from streams.settings import Settings

    settings = Settings(
        _env_file=None,
        kafka=broker,
        embedded=True,
        partitions=4,
        topic_prefix=f"{folder.name}.",
        data_dir=folder,
        clickhouse_url=embedded_clickhouse.url,
        clickhouse_database=embedded_clickhouse.migrated(),
    )
    with talking(settings, folder, "conversations", "delivery", "history") as found:
        yield found


@pytest.mark.parametrize("platform", ["facebook", "instagram", "x"])
def test_a_send_is_accepted_attempted_sent_and_its_echo_is_the_same_message(
    talk: Talk, platform: Platform
) -> None:
    account = talk.account(platform)
    person = talk.somebody_writes(account)
    command_id = talk.send(account, person)
    sent = talk.outcome(command_id)
    assert isinstance(sent, events.MessageSent)
    assert sent.data.origin == "api"
    assert sent.data.message_id == talk.box.kept(person)[0]["message_id"]
    assert len(talk.texts_kept(person)) == 1
