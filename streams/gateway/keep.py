"""What the HTTP side asks of Kafka: keep this record, or say plainly that it may not be kept."""

from collections.abc import Awaitable
from typing import Protocol

Headers = list[tuple[str, bytes]]


class NotKeptError(Exception):
    """The record is not known to be durable, so the webhook must not be answered 2xx.

    It may still be on the topic (an acknowledgement that got lost). The platform sends again, and
    the same happening has the same event id, so that is harmless. `reason` is part of the answer.
    """

    def __init__(self, reason: str, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        """Seconds after which sending again makes sense."""


class Publisher(Protocol):
    """Keeps records on one topic."""

    def publish(self, key: bytes, value: bytes, headers: Headers) -> Awaitable[None]:
        """Done once all in-sync replicas have it. Raises NotKeptError when awaited, within the
        publish timeout at the latest.
        """

    async def check(self) -> None:
        """Asks the broker now. Raises NotKeptError if a record could not be kept."""

    def check_settings(self) -> None:
        """Raises NotKeptError where the settings are known to mean another log than the broker's:
        until somebody changes them, nothing is kept. Asks nobody.
        """

    async def start(self) -> None:
        """Returns at once; a broker that is away is waited for in the background."""

    async def stop(self) -> None:
        """Sends what is held and closes; bounded in time."""


def broker_away() -> NotKeptError:
    return NotKeptError("broker_unavailable", "the broker is away; send again", retry_after=5)


def broker_slow() -> NotKeptError:
    return NotKeptError(
        "broker_timeout", "the broker has not acknowledged in time; send again", retry_after=2
    )


def topic_missing() -> NotKeptError:
    return NotKeptError("topic_missing", "the topic does not exist yet", retry_after=5)


def partitions_differ(sentence: str) -> NotKeptError:
    return NotKeptError("partitions_differ", sentence, retry_after=60)


def stopping() -> NotKeptError:
    return NotKeptError("shutting_down", "this gateway is stopping; send again", retry_after=1)


def broker_refused() -> NotKeptError:
    return NotKeptError("broker_refused", "the broker refused the record", retry_after=60)
