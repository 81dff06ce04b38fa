"""The topics: names, keys, settings, headers. One place for workers, tests and operators.

All topics keyed by profile have the same number of partitions, so that one worker owns a
profile's events, commands and state.
"""

from dataclasses import dataclass, field

from schemas.base import Platform

WEBHOOKS = "dm.webhooks.v1"
EVENTS = "dm.events.v1"
COMMANDS = "dm.commands.v1"
OUTBOUND_FACEBOOK = "dm.outbound.facebook.v1"
OUTBOUND_INSTAGRAM = "dm.outbound.instagram.v1"
OUTBOUND_X = "dm.outbound.x.v1"
OUTBOUND_DELAYED = "dm.outbound.delayed.v1"
BACKFILLS = "dm.backfills.v1"
ERASURES = "dm.erasures.v1"
ACCOUNTS = "dm.accounts.v1"
KEYS = "dm.keys.v1"
HOOKS = "dm.hooks.v1"
HOOK_DELIVERIES = "dm.hook.deliveries.v1"
FAILURES = "dm.failures.v1"


def outbound_topic(platform: Platform) -> str:
    """Where the accepted sends of a platform go."""
    return {
        "facebook": OUTBOUND_FACEBOOK,
        "instagram": OUTBOUND_INSTAGRAM,
        "x": OUTBOUND_X,
    }[platform]


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    key: str
    """What the key is, in words."""
    value: str
    config: dict[str, str] = field(default_factory=dict)


_DAY_MS = 24 * 3600 * 1000
_LARGE = {"max.message.bytes": str(4 * 1024 * 1024)}
_30_DAYS = {"retention.ms": str(30 * _DAY_MS)} | _LARGE

TOPICS: tuple[Topic, ...] = (
    Topic(WEBHOOKS, "provider account", "raw body, byte for byte", _30_DAYS),
    # The log is the truth: it is kept until the archive's owner decides otherwise.
    Topic(EVENTS, "profile_id", "canonical event, JSON", {"retention.ms": "-1"} | _LARGE),
    Topic(COMMANDS, "profile_id", "command, JSON", _30_DAYS),
    Topic(OUTBOUND_FACEBOOK, "conversation_id", "accepted send, JSON", _30_DAYS),
    Topic(OUTBOUND_INSTAGRAM, "conversation_id", "accepted send, JSON", _30_DAYS),
    Topic(OUTBOUND_X, "conversation_id", "accepted send, JSON", _30_DAYS),
    Topic(OUTBOUND_DELAYED, "conversation_id", "accepted send with not_before, JSON", _30_DAYS),
    Topic(BACKFILLS, "profile_id", "request for an account's history, JSON", _30_DAYS),
    Topic(ERASURES, "conversation_id", "who was erased and when, JSON", _30_DAYS),
    Topic(ACCOUNTS, "provider:account", "account record, JSON", {"cleanup.policy": "compact"}),
    Topic(KEYS, "key id", "API key without its secret, JSON", {"cleanup.policy": "compact"}),
    Topic(HOOKS, "subscription id", "webhook subscription, JSON", {"cleanup.policy": "compact"}),
    Topic(HOOK_DELIVERIES, "profile_id", "attempt to deliver a webhook, JSON", _30_DAYS),
    Topic(FAILURES, "original key", "original bytes", _30_DAYS),
)


class WebhookHeader:
    """Headers of `dm.webhooks.v1`. Values are UTF-8 text."""

    PROVIDER = "dm-provider"
    RECEIVED_AT = "dm-received-at"
    """RFC 3339 with milliseconds: when the gateway had the body whole."""
    DELIVERY_ID = "dm-delivery-id"
    """The provider's id of the delivery, else one made by the gateway."""
    DELIVERY_ATTEMPT = "dm-delivery-attempt"
    SHA256 = "dm-sha256"
    """Hex digest of the raw body."""
    REPLAYED_FROM = "dm-replayed-from"
    """On a record put back by `dmstream replay`: `log/topic/partition/offset` of the failure."""


class EventHeader:
    """Headers of `dm.events.v1`, beside what the event itself says."""

    RESTORED_FROM = "dm-restored-from"
    """On a record put back from the archive: `log/partition/offset` it had before; `events` where
    only that table had it."""


class FailureHeader:
    """Headers of `dm.failures.v1`; the original record's own headers come along untouched."""

    ID = "dm-failure-id"
    STAGE = "dm-failure-stage"
    REASON = "dm-failure-reason"
    ERROR_CLASS = "dm-failure-error-class"
    MESSAGE = "dm-failure-message"
    """A sentence without any text of a message and without secrets."""
    TOPIC = "dm-failure-topic"
    PARTITION = "dm-failure-partition"
    OFFSET = "dm-failure-offset"
    FAILED_AT = "dm-failure-at"
