"""`can_reply`: whether a message may be sent now, and if not, why, in the order of the contract."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from schemas.base import Provider
from streams.conversation import accounts, months, settings, switch, threads, windows
from streams.conversation.deletion import is_deleted
from streams.conversation.instants import from_ms, to_ms
from streams.conversation.keys import Address, parse_address
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, ProfileState
from streams.conversation.zones import month_after, month_of

Reason = Literal[
    "invalid",
    "messaging_inactive",
    "account_unlinked",
    "relink_required",
    "not_initiated",
    "thread_controlled_elsewhere",
    "reply_window_closed",
    "monthly_limit_reached",
    "recipient_unavailable",
    "auto_response_too_soon",
]

ALLOWED = "A message may be sent."
_DELETED = "The profile was deleted: register it anew, activate messaging, and link its accounts."
"""In place of the sentence of `messaging_inactive`: to activate it alone changes nothing then."""
SENTENCES: dict[Reason, str] = {
    "invalid": "The message can't be sent as it is.",
    "messaging_inactive": "Messaging is off: activate it for this profile.",
    "account_unlinked": "The account is not linked: link it to this profile.",
    "relink_required": "The account was linked before messaging was activated: link it again.",
    "not_initiated": "The correspondent has not written yet: they must start the conversation.",
    "thread_controlled_elsewhere": (
        "Message failed to send because another app is controlling this thread now"
    ),
    "reply_window_closed": "The reply window is closed until the correspondent writes again.",
    "monthly_limit_reached": (
        "The month's limit of active conversations is reached: wait for the next month or raise it."
    ),
    "recipient_unavailable": "The platform says that the correspondent can't be written to.",
    "auto_response_too_soon": "They got an automatic answer a short while ago.",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a message may be sent at that moment."""

    allowed: bool
    reason: Reason | None
    """The code of the contract; None where it is allowed."""
    message: str
    """One sentence: what is so, and what would change it."""
    expires_at: datetime | None = None
    """When the reply window ends, or ended; None where there is none."""
    opens_at: datetime | None = None
    """When time alone changes the answer: the next month, or the next probe of a thread."""
    rank: int | None = None
    """The conversation's place in the month; None while it has none."""
    provider: Provider | None = None
    """Whom a send goes out by."""


def can_reply(
    profile: ProfileState, conversation: ConversationState | None, at: datetime, rules: Rules
) -> Decision:
    """Whether a well-formed message may be sent in the conversation at `at`."""
    address = None if conversation is None else parse_address(conversation.id)
    return check(profile, conversation, address or Address(), to_ms(at), rules)


def check(
    profile: ProfileState,
    conversation: ConversationState | None,
    address: Address,
    at: int,
    rules: Rules,
) -> Decision:
    """The same at `at` (ms), for whom the address names where there is no conversation yet."""
    if not (rules.messaging_on and switch.is_on(profile)):
        refused = _refused("messaging_inactive")
        return replace(refused, message=_DELETED) if is_deleted(profile) else refused
    if address.platform is None:
        return _refused("not_initiated")
    preferred = conversation.provider if conversation is not None else ""
    link = accounts.link_of(
        profile, address.platform, address.account_id, preferred or address.provider or "", rules
    )
    if link.refused is not None:
        return _refused(link.refused, provider=link.provider)
    if conversation is None or windows.last_written_at(conversation, rules) is None:
        return _refused("not_initiated", provider=link.provider)
    decision = _check_conversation(profile, conversation, at, rules)
    return replace(decision, provider=link.provider)


def _check_conversation(
    profile: ProfileState, conversation: ConversationState, at: int, rules: Rules
) -> Decision:
    zone = settings.month_zone(profile, rules)
    month = month_of(at, zone)
    rank = months.rank_of(profile, conversation, month)
    expires = windows.expires_at(profile, conversation, rules)
    probe = threads.probe_at(conversation, rules)
    reason: Reason | None = None
    opens: int | None = None
    if probe is not None and at < probe:
        reason, opens = "thread_controlled_elsewhere", probe
    elif expires is not None and at >= expires:
        reason = "reply_window_closed"
    elif not _has_place(profile, month, rank, rules):
        reason, opens = "monthly_limit_reached", month_after(month, zone)
    elif _is_unavailable(conversation):
        reason = "recipient_unavailable"
    return Decision(
        allowed=reason is None,
        reason=reason,
        message=ALLOWED if reason is None else SENTENCES[reason],
        expires_at=None if expires is None else from_ms(expires),
        opens_at=None if opens is None else from_ms(opens),
        rank=rank,
    )


def _has_place(profile: ProfileState, month: str, rank: int | None, rules: Rules) -> bool:
    limit = settings.monthly_limit(profile, rules)
    if rank is None or settings.limit_scope(profile, rules) == "all":
        return months.count_of(profile, month) < limit
    return rank <= limit


def _is_unavailable(conversation: ConversationState) -> bool:
    """Until they write, or a message of the account went through, after the platform's word.

    Where a provider tells whole seconds (Ayrshare), what is written in the same second as the
    platform's word isn't known to be later: the next one is.
    """
    said = conversation.unavailable_at
    return said is not None and said > max(
        conversation.last_correspondent_message_at or 0, conversation.last_account_message_at or 0
    )


def _refused(reason: Reason, provider: Provider | None = None) -> Decision:
    return Decision(allowed=False, reason=reason, message=SENTENCES[reason], provider=provider)
