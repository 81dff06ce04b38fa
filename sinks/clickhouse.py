"""Clients of ClickHouse, made from what is passed in: one place for addresses and time limits."""

from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httputil import get_pool_manager

from streams.settings import Settings

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def connect(
    url: str,
    *,
    user: str = "default",
    password: str = "",
    database: str | None = None,
    connect_seconds: int = 5,
    answer_seconds: int = 60,
    connections: int = 8,
) -> Client:
    """A client that keeps its connections open, safe for several threads at once.

    `answer_seconds` bounds each wait for the server: after it an insert's fate is unknown, not
    decided. Raises clickhouse_connect's OperationalError where nobody answers.
    """
    address = urlsplit(url)
    secure = address.scheme == "https"
    return clickhouse_connect.get_client(
        interface=address.scheme,
        host=address.hostname or "127.0.0.1",
        port=address.port or (8443 if secure else 8123),
        username=user,
        password=password,
        database=database or "__default__",
        # On one machine packing costs more than it saves (measured: a third of the insert rate).
        compress="lz4" if address.hostname not in _LOOPBACK else False,
        connect_timeout=connect_seconds,
        send_receive_timeout=answer_seconds,
        # A session would tie all threads to one statement at a time.
        autogenerate_session_id=False,
        # The client's own retries would hide from the caller what is unknown.
        query_retries=0,
        pool_mgr=get_pool_manager(maxsize=connections, num_pools=2, verify=secure),
        client_name="dmstream",
    )


def connect_with(settings: Settings, *, connections: int = 8) -> Client:
    """The client of the sink and of administration, on the full port."""
    return connect(
        settings.clickhouse_url,
        user=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
        connect_seconds=settings.clickhouse_connect_seconds,
        answer_seconds=settings.clickhouse_answer_seconds,
        connections=connections,
    )
