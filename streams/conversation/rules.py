"""Every number of the rules, with its default. A profile's own settings lie over them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.base import Platform, Provider
from streams.conversation.instants import DAY, HOUR, MINUTE, SECOND
from streams.conversation.media import MEDIA_RULES, MediaRule

LimitScope = Literal["conversations", "all"]

DEFAULT_AUTO_MESSAGE = (
    "Thank you for contacting us. A customer care agent will get back to you soon."
)


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How long a text may be."""

    most: int
    unit: Literal["characters", "bytes"]
    """Unicode code points, or bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Durations are milliseconds. One value for all workers: two that differ would decide apart."""

    messaging_on: bool = True
    """The account-wide switch, above every profile's own."""
    auto_register: bool = True
    """A webhook of an account that nobody linked links it."""

    monthly_limit: int = 100
    limit_scope: LimitScope = "conversations"
    month_zone: str = "UTC"
    windows: Mapping[Platform, int | None] = field(
        default_factory=lambda: {"facebook": None, "instagram": 7 * DAY, "x": None}
    )
    """The reply window after the correspondent's last message; None lifts it."""
    button_press_is_writing: bool = False
    """Whether a pressed button (a postback) starts a conversation and reopens its window.

    Off, because the promise is about messages: a window closed too early costs one answer, one
    open too long breaks the platform's policy, and the archive counts messages as well. Meta
    itself counts presses as the person's act: who relies on buttons turns it on.
    """

    relink_platforms: frozenset[Platform] = frozenset({"facebook", "instagram"})
    """Where an account must be linked again after messaging was activated."""
    thread_probe_after: int = HOUR
    """How long another app's control is believed before one send is let through to see."""

    send_expiry: int = 15 * MINUTE
    echo_match_window: int = 10 * MINUTE
    """An echo with the same text, so long after the last attempt, is taken for that send."""
    unknown_after: int = 15 * MINUTE
    """An echo heard of later than this after `send.unknown` no longer resolves it."""

    auto_message: str = DEFAULT_AUTO_MESSAGE
    auto_wait: int = 86_400 * SECOND
    auto_latest: int = 10 * MINUTE
    """A message received longer after it happened gets no automatic answer."""

    text_limits: Mapping[Platform, TextLimit] = field(
        default_factory=lambda: {
            "facebook": TextLimit(2_000, "characters"),  # Meta's Send API
            "instagram": TextLimit(1_000, "bytes"),  # Meta's Send API
            "x": TextLimit(10_000, "characters"),  # X's v1.1 pages; v2 states no maximum
        }
    )
    media: Mapping[tuple[Provider, Platform], MediaRule] = field(
        default_factory=lambda: MEDIA_RULES
    )
