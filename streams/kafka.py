"""Clients of the broker, made from settings: one place for security, acks, names and topics."""

import math
import ssl
from collections.abc import Iterable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context

from schemas.topics import TOPICS, Topic
from streams.partitions import partition_of
from streams.settings import Settings

_log = structlog.get_logger()

# A record of dm.webhooks.v1 is at most DM_MAX_BODY_BYTES; an `unrecognised` event repeats it as
# JSON inside JSON. Four times the body's limit leaves room, and the topics allow the same.
_MAX_REQUEST_BYTES = 4 * 1024 * 1024

# aiokafka's 16 kB makes forty requests of what one fetch brought; Kafka's own limit is 1 MB.
_MAX_BATCH_BYTES = 512 * 1024

COMPRESSION = "zstd"
"""aiokafka's lz4 is the thorough one (level 9): 100 MB/s where zstd packs 500 (measured, batches of
events of 500 kB) and comes to three fifths of the bytes. Kafka has it since 2.1."""

# The embedded broker looks for new records only after half of a fetch's wait has passed: 250 ms at
# aiokafka's default, 750 ms at Faust's (measured). Others answer as soon as there is data. Idle, a
# worker takes 8 % of a core at 16 ms, 6 % at 30 and 13 % at 10 (measured beside other work).
EMBEDDED_FETCH_WAIT_MS = 16
# How far apart a worker's fetches begin: docs/state-at-scale.md has what one costs.
EMBEDDED_FETCH_PACE_MS = 12
# What a busy conversations worker waits beyond that: fetches were a sixth of its processor time.
EMBEDDED_WORK_FIRST_MS = 48
# Of who follows a small topic beside its work. A fetch costs broker and reader 1.5 ms together,
# whatever it brings (measured beside other work), and a record is seen after half of the wait at
# most: here a send's credential, that may have been linked right before.
EMBEDDED_SOON_WAIT_MS = 30
# The same for who has more patience.
EMBEDDED_PATIENT_WAIT_MS = 100


class KafkaSettingsError(Exception):
    """No client can be made from the settings; the sentence names the variable."""


def connection(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes: addresses and security.
    Raises KafkaSettingsError."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka.split(",")}
    if settings.kafka_security != "PLAINTEXT":
        options["security_protocol"] = settings.kafka_security
    if "SSL" in settings.kafka_security:
        options["ssl_context"] = tls_context(settings)
    if "SASL" in settings.kafka_security:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return options


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Verifies the broker against `DM_KAFKA_CA_FILE`, else the system's authorities.
    Raises KafkaSettingsError."""
    cafile = str(settings.kafka_ca_file) if settings.kafka_ca_file else None
    try:
        context: ssl.SSLContext = create_ssl_context(cafile=cafile)
    except OSError as error:  # ssl's own is one too
        told = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise KafkaSettingsError(
            f"DM_KAFKA_CA_FILE, {cafile}, can't be used ({told}): set it to the file with the "
            "certificate of the authority that signed the brokers' own"
        ) from error
    return context


def producer(settings: Settings, *, linger_ms: int = 0, **options: Any) -> AIOKafkaProducer:
    """A producer whose acknowledgement means: durable on all in-sync replicas.

    It does not linger: who writes much hands over whole batches (streams.agents.outbox), which
    would only wait (measured: 4.2 ms a flush with 2 ms of it, 0.7 without).
    Idempotent except on the embedded broker, which has no idempotent producer (it answers
    InitProducerId with an error). `options` are aiokafka's own and win over ours.
    """
    ours = {
        "acks": "all",
        "enable_idempotence": not settings.embedded,
        "linger_ms": linger_ms,
        "compression_type": COMPRESSION,
        "max_batch_size": _MAX_BATCH_BYTES,
        "max_request_size": _MAX_REQUEST_BYTES,
    }
    made = AIOKafkaProducer(**connection(settings), **(ours | options))
    keep_asking(made.client)
    if ours["enable_idempotence"] and options.get("enable_idempotence", True):
        _keep_every_batch(made)
    return made


def _keep_every_batch(producer: AIOKafkaProducer) -> None:
    """An idempotent aiokafka producer drops no batch, whatever its age, but for one case: the
    partition has no leader when the batch is older than a request's timeout (40 s). The dropped one
    has taken its sequence numbers with it, so the broker refuses all that follow
    (OutOfOrderSequenceNumber), and only a new producer can write there again (measured:
    conversations workers died when their broker came back).
    """
    producer._message_accumulator._batch_ttl = math.inf  # noqa: SLF001 - no option leads there


async def write(settings: Settings, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
    """Keys and values. Returns once they are durable, in their order. Raises aiokafka's errors."""
    made = producer(settings)
    await made.start()
    try:
        for key, value in records:
            partition = partition_of(key.encode(), settings.partitions)
            await made.send_and_wait(
                settings.topic(topic), value, key=key.encode(), partition=partition
            )
    finally:
        await made.stop()


def reader(
    settings: Settings,
    *topics: str,
    from_start: bool = True,
    group: str | None = None,
    wait_ms: int | None = None,
    fetch_bytes: int = _MAX_REQUEST_BYTES,
) -> AIOKafkaConsumer:
    """A consumer that only reads: nobody's offsets move. With a group it can be asked what that
    group has committed; it joins the group only if it subscribes, so give no topics then.
    `wait_ms`: how long an empty fetch waits, for who has many readers and some patience."""
    made = AIOKafkaConsumer(
        *[settings.topic(name) for name in topics],
        **connection(settings),
        group_id=group,
        auto_offset_reset="earliest" if from_start else "latest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=fetch_bytes,
        fetch_max_wait_ms=wait_ms or (EMBEDDED_FETCH_WAIT_MS if settings.embedded else 500),
    )
    keep_asking(made._client)  # noqa: SLF001 - it has no other name
    return made


def keep_asking(client: Any) -> None:
    """aiokafka's task that asks who leads what ends at the first error that it did not expect,
    without a word, and whoever waits for its answer waits for ever: a group's coordinator is never
    found again, so nothing is committed and no heartbeat is sent (met after a broker's disk was
    full: a worker that stood still and looked well). Here such an error is an answer that did not
    come, and it is asked again.
    """
    ask = client._metadata_update  # noqa: SLF001 - what the task calls, and nothing else does

    async def ask_again(*what: Any) -> bool:
        try:
            return bool(await ask(*what))
        except Exception as error:  # noqa: BLE001 - told, and asked again
            _log.warning("cluster_not_known", error=type(error).__name__)
            return False

    client._metadata_update = ask_again  # noqa: SLF001


async def ensure_topics(settings: Settings, topics: tuple[Topic, ...] = TOPICS) -> list[str]:
    """Creates what is missing, with its settings. Returns the names made; never alters."""
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [t for t in topics if settings.topic(t.name) not in existing]
        if not missing:
            return []
        wanted = [
            NewTopic(
                name=settings.topic(topic.name),
                num_partitions=settings.partitions,
                replication_factor=settings.replication,
                topic_configs={**durable(settings), **topic.config},
            )
            for topic in missing
        ]
        response = await admin.create_topics(wanted)
        for error in response.topic_errors:
            name, code = error[0], error[1]
            if code and code != TopicAlreadyExistsError.errno:
                raise RuntimeError(f"topic {name} could not be made: {for_code(code).__name__}")
        return [topic.name for topic in missing]
    finally:
        await admin.close()


def durable(settings: Settings) -> dict[str, str]:
    """Settings of every topic that we make: an acknowledged record outlives one broker."""
    return {"min.insync.replicas": str(settings.insync)}


async def log_id(settings: Settings) -> str:
    """Which incarnation of the log the broker holds: Kafka's cluster id.

    The embedded broker gets a new one at each start, since it forgets at exit.
    """
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
        return str(cluster["cluster_id"])
    finally:
        await admin.close()


EMBEDDED_PREFIX = "embedded-"
"""Of the embedded broker's cluster ids: whoever meets it knows it, without a setting."""


async def recognised(settings: Settings) -> Settings:
    """The settings, with `embedded` set where the embedded broker answers: for commands that a
    person starts beside `dmstream up`, whose environment does not say so."""
    if settings.embedded or not (await log_id(settings)).startswith(EMBEDDED_PREFIX):
        return settings
    return settings.on_embedded_broker()
