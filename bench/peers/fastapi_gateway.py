"""A webhook receiver as FastAPI's and aiokafka's documentation show it: verify, `send_and_wait`,
answer. uvicorn with its fast loop and parser, one process, no access log.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, HTTPException, Request, Response

from schemas.base import rfc3339
from schemas.topics import WEBHOOKS, WebhookHeader
from schemas.webhooks import account_reference
from streams.gateway.signatures import check_meta
from streams.settings import Settings

settings = Settings(_env_file=None)
secrets = [secret.get_secret_value().encode() for secret in settings.meta_app_secrets]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, acks="all", compression_type="lz4"
    )
    await producer.start()
    app.state.producer = producer
    yield
    await producer.stop()


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/meta")
async def receive(request: Request) -> Response:
    body = await request.body()
    given = {name.encode(): value.encode() for name, value in request.headers.items()}
    if check_meta(secrets, given, body) is not None:
        raise HTTPException(401, "the signature does not verify")
    key = account_reference("meta", body)
    headers = [
        (WebhookHeader.PROVIDER, b"meta"),
        (WebhookHeader.RECEIVED_AT, rfc3339(datetime.now(UTC)).encode()),
        (WebhookHeader.DELIVERY_ID, os.urandom(16).hex().encode()),
        (WebhookHeader.SHA256, hashlib.sha256(body).hexdigest().encode()),
    ]
    await request.app.state.producer.send_and_wait(
        settings.topic(WEBHOOKS), body, key=key.encode(), headers=headers
    )
    return Response(status_code=200)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=settings.port, loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip
