"""A client of the live stream, for tests."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.pipeline.api import Api, Shop


@dataclass
class Heard:
    """A client of the live stream, in a thread."""

    events: list[dict[str, str]] = field(default_factory=list)
    response: httpx.Response | None = None

    def texts(self) -> list[str]:
        told = [json.loads(one["data"]) for one in self.events if one.get("event", "") in MESSAGES]
        return [one["data"]["text"] for one in told]


MESSAGES = {"message.received", "message.sent"}


@contextmanager
def listening(api: Api, shop: Shop, last: str = "") -> Iterator[Heard]:
    heard = Heard()
    headers = {"authorization": f"Bearer {shop.client.key}", "profile-key": shop.client.profile}
    if last:
        headers["last-event-id"] = last
    begun = threading.Event()

    def listen() -> None:
        while not begun.is_set():  # 503: a machine that does other work, too; clients come back
            hear()

    def hear() -> None:
        with (
            httpx.Client(base_url=api.http.base_url, timeout=30, trust_env=False) as http,
            contextlib.suppress(httpx.HTTPError),
            http.stream("GET", "/events/stream", headers=headers) as response,
        ):
            if response.status_code == 503:
                return
            heard.response = response
            one: dict[str, str] = {}
            for line in response.iter_lines():
                begun.set()
                if line:
                    name, _, value = line.partition(": ")
                    one[name] = value
                else:
                    heard.events.append(one)
                    one = {}

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert begun.wait(60), "no stream"
    yield heard
    if heard.response is not None and not heard.response.is_closed:
        stream = heard.response.extensions["network_stream"]
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert not thread.is_alive()
