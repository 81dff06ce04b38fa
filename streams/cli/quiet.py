"""Commands that ask servers say themselves what came of it; the clients' own logs would say it
again, as tracebacks.
"""

import logging

_CLIENTS = ("aiokafka", "clickhouse_connect", "httpx", "urllib3")


def quiet_clients() -> None:
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
