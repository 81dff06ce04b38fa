"""One POST to a server on loopback, and what its client was told."""

import asyncio

from streams.providers.client import Client, make_client
from streams.providers.http import Answer, NoAnswer, exchange, json_post
from tests.unit.providers.loopback import Behaviour, Heard, server


async def post(
    client: Client, url: str, *, seconds: float = 5.0, max_bytes: int = 4096
) -> Answer | NoAnswer:
    request = json_post(url, {"text": "hello"}, {"authorization": "Bearer t"})
    return await exchange(client, request, seconds=seconds, max_bytes=max_bytes)


def against(behave: Behaviour, *, seconds: float = 5.0) -> tuple[Answer | NoAnswer, Heard]:
    """One POST to a server that behaves like that."""

    async def run() -> tuple[Answer | NoAnswer, Heard]:
        async with server(behave) as heard, make_client(read_seconds=1.0) as client:
            answer = await post(client, f"http://{heard.address}/", seconds=seconds)
            return answer, heard

    return asyncio.run(run())
