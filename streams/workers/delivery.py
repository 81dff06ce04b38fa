"""`dmstream worker delivery`: builds the connectors, the dispatcher and the backfills."""

import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import faust

from schemas.accounts import account_key
from schemas.events import SendAccepted
from schemas.topics import BACKFILLS, OUTBOUND_DELAYED
from streams import kafka
from streams.accounts import AccountDirectory
from streams.agents.delivery import OUTBOUND, Delivery, add_delivery_agents
from streams.agents.dispatcher import Dispatcher
from streams.agents.journal import TABLE, TableJournal
from streams.agents.outbox import Outbox
from streams.agents.pace import Pace
from streams.agents.state_table import StateTable
from streams.conversation import outcomes
from streams.erasures import ErasureDirectory
from streams.monitoring import metrics
from streams.providers import registry
from streams.providers.client import make_client
from streams.providers.credentials import Credentials
from streams.providers.made_up import MadeUpCredentials
from streams.providers.protocol import OutboundSend, SendError, Sent
from streams.providers.rates import rates_of
from streams.settings import Settings
from streams.workers.agreed import agreed
from streams.workers.app import make_app
from streams.workers.backfill import Archives, add_backfill
from streams.workers.monitor import watch
from streams.workers.run import finish_first

# Acknowledged as a whole, when the last of its sends has ended: a small one repeats less.
BATCH_LIMIT = 200


async def delivery_app(settings: Settings, stack: AsyncExitStack) -> faust.App:
    """The app, with its producer, directory and HTTP client started and put on the stack."""
    settings = await agreed(settings)
    log = await kafka.log_id(settings)
    producer = kafka.producer(settings)
    await producer.start()
    stack.push_async_callback(producer.stop)
    directory = AccountDirectory(settings)
    await directory.start()
    stack.push_async_callback(directory.stop)
    erasures = ErasureDirectory(settings)
    client = make_client()
    stack.push_async_callback(client.close)
    connectors = registry.make_connectors(settings, client)
    credentials = MadeUpCredentials() if settings.sandbox else Credentials()

    async def send(accepted: SendAccepted, outbound: OutboundSend) -> Sent | SendError:
        provider = accepted.data.provider
        known = directory.get(account_key(provider, accepted.data.account_id))
        with metrics.SEND_ATTEMPT_SECONDS.labels(provider).time():
            return await registry.send(
                connectors,
                credentials,
                provider,
                known.credential if known else None,
                outbound,
                references=directory.references(provider, accepted.profileid),
            )

    topics = frozenset(settings.topic(name) for name in (*OUTBOUND, OUTBOUND_DELAYED, BACKFILLS))
    app = make_app(settings, "delivery", topics, batch_limit=lambda: BATCH_LIMIT)
    table = StateTable(app, TABLE, settings)
    jitter = random.Random()  # noqa: S311 - spreads waits; nothing secret

    def outbox() -> Outbox:
        return Outbox(producer, partitions=settings.partitions)

    pace = Pace(rates_of(settings), settings.send_burst)

    def dispatcher() -> Dispatcher:
        pace.begin(_share_of_sends(app, settings))
        journal = TableJournal(
            settings=settings,
            table=table,
            outbox=outbox(),
            remembered=timedelta(milliseconds=outcomes.MEMORY),
        )
        return Dispatcher(
            send=send,
            journal=journal,
            clock=_now,
            jitter=jitter.random,
            pace=pace,
            is_erased=erasures.covers,
        )

    delivery = Delivery(
        settings=settings,
        make_dispatcher=dispatcher,
        outbox=outbox(),
        crash=app.crash,
        log=log,
        clock=_now,
    )
    await erasures.start(delivery.erased)
    stack.push_async_callback(erasures.stop)
    finish_first(app, delivery.stop)
    add_delivery_agents(app, settings, delivery)
    archives = Archives(connectors, credentials, directory)
    backfills = add_backfill(app, settings, archives, make_outbox=outbox, log=log, clock=_now)
    finish_first(app, backfills.stop)
    watch(app, settings, "delivery", stack)
    return app


def _share_of_sends(app: faust.App, settings: Settings) -> float:
    """How many of the partitions with sends are this worker's. An account's conversations are
    spread over all of them evenly, so that is its share of the account's limits."""
    topics = {settings.topic(name) for name in OUTBOUND}
    mine = sum(place.topic in topics for place in app.consumer.assignment())
    return max(1, mine) / (len(topics) * settings.partitions)


def _now() -> datetime:
    return datetime.now(UTC)
