"""A Faust app from settings: every choice that docs/decisions explains, in one place."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import faust
from aiokafka import TopicPartition
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import TP
from faust.types.auth import SASLMechanism

from streams import kafka
from streams.agents.batches import BATCH_LIMIT, Quirks, deliver_in_batches
from streams.agents.recovery import end_loudly
from streams.log_positions import ends_now
from streams.settings import Settings
from streams.workers.assigning import assignor


def make_app(
    settings: Settings,
    name: str,
    batched: frozenset[str],
    batch_limit: Callable[[], int] = lambda: BATCH_LIMIT,
    *,
    work_first_ms: int = 0,
) -> faust.App:
    """`name` is the worker's and the consumer group's (`<prefix>dmstream-<name>`).

    `batched` are the topics delivered as whole batches of up to `batch_limit()` records.
    `work_first_ms`: see `Quirks`; for who works off what it is given, and keeps none of it.
    """
    # Faust makes its own folder, not the one around it.
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.topic(f"dmstream-{name}"),
        broker=[f"kafka://{address}" for address in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        store="memory://",
        datadir=settings.data_dir / "faust",
        # State is folded again from the log where a rebuild is wanted; a standby would read every
        # changelog twice and two workers would race to apply it.
        table_standby_replicas=0,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        # The topics are made beforehand, with their settings (streams.kafka.ensure_topics); the
        # changelogs are Faust's own.
        topic_allow_declare=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        # A bug ends the process, which is started again: the default supervisor restarts the agent,
        # which then stands still without a word (measured).
        PartitionAssignor=assignor(settings.partitions),
        agent_supervisor="mode.CrashingSupervisor",
        # Offsets are acknowledged by hand; waiting for buffers to drain would wait for ever.
        stream_wait_empty=False,
        broker_commit_interval=0.5,
        broker_commit_every=None,
        # It would serve table contents on all interfaces.
        web_enabled=False,
        **_timeouts(settings),
    )
    deliver_in_batches(app, batched, batch_limit, _quirks(settings, work_first_ms))
    end_loudly(app)
    _announce_readiness(app, settings.ready_file)
    return app


def _quirks(settings: Settings, work_first_ms: int) -> Quirks | None:
    if not settings.embedded:
        return None

    async def ends(partitions: Iterable[TP]) -> Mapping[TP, int]:
        """Asked at each rebalance only, so with a client of its own."""
        wanted = [TopicPartition(place.topic, place.partition) for place in partitions]
        consumer = kafka.reader(settings)
        await consumer.start()
        try:
            found = await ends_now(settings, consumer, wanted)
        finally:
            await consumer.stop()
        return {TP(place.topic, place.partition): end for place, end in found.items()}

    return Quirks(kafka.EMBEDDED_FETCH_WAIT_MS, kafka.EMBEDDED_FETCH_PACE_MS, work_first_ms, ends)


def session_seconds(settings: Settings) -> float:
    """How long this worker may be silent before its partitions go to another."""
    return settings.kafka_session_seconds or (4.0 if settings.embedded else 60.0)


def _timeouts(settings: Settings) -> dict[str, Any]:
    """The embedded broker answers a group join only after half the session timeout (measured):
    30 s at Faust's defaults, 2 s with four. On a broker of one's own Faust's defaults stand.
    """
    if settings.kafka_session_seconds is None and not settings.embedded:
        return {}
    session = session_seconds(settings)
    return {
        "broker_session_timeout": session,
        "broker_heartbeat_interval": session / 4,
        "broker_rebalance_timeout": session,
        "broker_request_timeout": session + 16.0,
    }


def _credentials(settings: Settings) -> Any:
    if "SASL" in settings.kafka_security:
        return SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            mechanism=SASLMechanism(settings.kafka_sasl_mechanism),
            ssl_context=kafka.tls_context(settings) if "SSL" in settings.kafka_security else None,
        )
    if settings.kafka_security == "SSL":
        return SSLCredentials(kafka.tls_context(settings))
    return None


def _announce_readiness(app: faust.App, ready_file: Path | None) -> None:
    if ready_file is None:
        return

    @app.on_rebalance_complete.connect
    async def write_ready_file(*_: Any, **__: Any) -> None:
        ready_file.write_text("ready\n")  # noqa: ASYNC240 - six bytes, once a rebalance
