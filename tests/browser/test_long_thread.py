"""A thread that is longer than one answer of the archive."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import expect

from schemas import data, events
from sinks.archive import Archive, LogRecord
from tests.browser.conftest import Look, Served, serve
from tests.conftest import ClickHouse

PROFILE, ACCOUNT, PERSON = "patient", "178414000000000", "6000000000000001"
CONVERSATION = f"facebook:{ACCOUNT}:{PERSON}"
FIRST = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
PAGE = 500


class Messages:
    """One conversation in an archive."""

    def __init__(self, client: Client, database: str) -> None:
        self.database = database
        self.count = 0
        self._archive = Archive(client, log="l", topic="dm.events.v1", database=database)

    def come(self, count: int) -> None:
        """So many more, a minute apart: `no 0`, `no 1`, ..."""
        records = [self._record(number) for number in range(self.count, self.count + count)]
        # In a thread of its own: a browser that is already there runs an event loop in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(self._archive.write(records))).result()
        self.count += count

    def _record(self, number: int) -> LogRecord:
        at = FIRST + timedelta(minutes=number)
        event = events.MessageReceived(
            id=f"e{number}",
            source="/dmstream/meta",
            time=at,
            receivedat=at,
            subject=CONVERSATION,
            profileid=PROFILE,
            platform="facebook",
            correlationid=f"c{number}",
            causationid=f"dm.webhooks.v1/0/{number}",
            data=data.Message(
                provider="meta",
                account_id=ACCOUNT,
                correspondent_id=PERSON,
                message_id=f"m{number}",
                text=f"no {number}",
            ),
        )
        return LogRecord(0, number, 0, PROFILE.encode(), event.to_json(), ())


@pytest.fixture
def sent(embedded_clickhouse: ClickHouse) -> Iterator[Messages]:
    client = embedded_clickhouse.connect()
    yield Messages(client, embedded_clickhouse.migrated())
    client.close()


@pytest.fixture
def served(
    sent: Messages, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    yield from serve(embedded_clickhouse, sent.database, tmp_path_factory.mktemp("long"))


def test_a_long_thread_is_read_to_its_beginning_while_messages_come(
    sent: Messages, served: Served, look: Look
) -> None:
    sent.come(2 * PAGE + 30)
    address = urlencode({"profile": PROFILE, "conversation": CONVERSATION})
    page = look.open(f"{served.url}/dashboard/conversation?{address}", once="body[data-asked='2']")
    messages = page.locator("#thread .message > p")
    more = page.get_by_role("button", name="Show older messages")

    def shown(count: int) -> None:
        """The newest so many, each once and in order. The page asks each ten seconds, and when one
        comes back to it."""
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(messages).to_have_count(count, timeout=60_000)
        numbers = range(sent.count - count, sent.count)
        assert messages.all_text_contents() == [f"no {number}" for number in numbers]

    shown(PAGE)
    # What is pushed out of the newest page is not lost.
    sent.come(3)
    shown(PAGE + 3)
    more.click()
    shown(2 * PAGE + 3)
    sent.come(2)
    shown(2 * PAGE + 5)
    more.click()
    shown(2 * PAGE + 35)
    expect(more).to_have_count(0)
    sent.come(1)
    shown(sent.count)
    # So many at once that nobody knows what lies between: one begins at the end again.
    sent.come(PAGE)
    shown(PAGE)
    more.click()
    shown(2 * PAGE)
    assert not look.errors
