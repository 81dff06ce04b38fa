"""Questions that are slow to be planned, while facts are computed: each says the same number."""

import threading
from concurrent.futures import ThreadPoolExecutor

from clickhouse_connect.driver.client import Client

from sinks import facts
from tests.conftest import ClickHouse
from tests.pipeline.test_reprojecting import TOUCH_ALL, insert

EVENTS, ROUNDS, READERS = 120, 4, 2
APART_MS = 60
"""Between the moments as of which a question sees one table and the next: some twenty tables."""
SAID = "SELECT sum(received_count), sum(sent_count) FROM {0}_analytics.conversation_activity"


def test_a_question_that_takes_long_to_plan_counts_each_conversation_once(
    embedded_clickhouse: ClickHouse,
) -> None:
    database = embedded_clickhouse.migrated()
    done = threading.Event()
    clients = [embedded_clickhouse.connect() for _ in range(READERS + 1)]

    def said(client: Client) -> tuple[int, int]:
        apart = {"merge_tree_storage_snapshot_sleep_ms": APART_MS}
        received, sent = client.query(SAID.format(database), settings=apart).result_rows[0]
        return int(received), int(sent)

    def ask(client: Client) -> list[tuple[int, int]]:
        answers = []
        while not done.is_set():
            answers.append(said(client))
        return answers

    own, *readers = clients
    insert(own, database, 0, EVENTS)
    facts.refresh(own, database=database)
    expected = said(own)
    with ThreadPoolExecutor(READERS) as threads:
        asking = [threads.submit(ask, client) for client in readers]
        try:
            for _ in range(ROUNDS):
                own.command(TOUCH_ALL.format(database))
                assert facts.refresh(own, database=database).conversations > 0
        finally:
            done.set()
        answers = [answer for one in asking for answer in one.result()]
    for client in clients:
        client.close()
    assert len(answers) > ROUNDS
    assert set(answers) == {expected}
