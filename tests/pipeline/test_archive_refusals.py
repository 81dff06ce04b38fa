"""What the archive's writer says when the database is away, full or not as it should be."""

from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver.client import Client

from sinks import clickhouse
from sinks.archive import Archive
from sinks.errors import ArchiveError, ArchiveRefused, ArchiveUnavailable, TooManyParts
from tests.conftest import ClickHouse
from tests.pipeline.cutting_proxy import cutting_proxy
from tests.pipeline.log_records import SECRET_TEXT, TOPIC, record

pytestmark = [pytest.mark.pipeline, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_too_many_parts_is_told_apart(
    embedded_clickhouse: ClickHouse, client: Client, log: str
) -> None:
    database = embedded_clickhouse.migrated()
    client.command(f"SYSTEM STOP MERGES {database}.events")
    client.command(
        f"ALTER TABLE {database}.events"
        " MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1"
    )
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    await archive.write([record(0)])
    with pytest.raises(TooManyParts) as caught:
        await archive.write([record(1)])
    assert caught.value.retry_after >= 5
    client.command(
        f"ALTER TABLE {database}.events RESET SETTING parts_to_delay_insert, parts_to_throw_insert"
    )
    await archive.write([record(1)])
    assert await archive.high_water_mark(0) == 1


async def test_a_missing_table_is_refused_with_advice(client: Client, log: str) -> None:
    archive = Archive(client, log=log, topic=TOPIC, database="nowhere")
    with pytest.raises(ArchiveRefused, match=r"nowhere\.events.*dmstream migrate"):
        await archive.write([record(0)])
    with pytest.raises(ArchiveRefused):
        await archive.high_water_mark(0)


async def test_a_refusal_names_the_column_and_no_text(
    embedded_clickhouse: ClickHouse, client: Client, log: str
) -> None:
    """Invariant 11. The server's own message quotes the value; ours may not."""
    database = embedded_clickhouse.migrated()
    client.command(f"ALTER TABLE {database}.events MODIFY COLUMN text UInt8")
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    with pytest.raises(ArchiveError) as caught:
        await archive.write([record(0)])
    assert SECRET_TEXT not in repr(caught.value)
    assert isinstance(caught.value, ArchiveRefused)
    assert f"{database}.events" in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:  # what a log line with a traceback would show
        assert SECRET_TEXT not in str(chain) or chain.__suppress_context__
        chain = None if chain.__suppress_context__ else (chain.__cause__ or chain.__context__)


async def test_nobody_there_is_unavailable(log: str, embedded_clickhouse: ClickHouse) -> None:
    target = urlsplit(embedded_clickhouse.url).port
    assert target is not None
    with cutting_proxy(target, b"\0never\0") as proxy:
        gone = clickhouse.connect(f"http://127.0.0.1:{proxy.port}")
    archive = Archive(gone, log=log, topic=TOPIC)
    with pytest.raises(ArchiveUnavailable):
        await archive.write([record(0)])
    with pytest.raises(ArchiveUnavailable):
        await archive.high_water_mark(0)
