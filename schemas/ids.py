"""Event ids: pure functions of what happened (invariant 3).

The same happening (seen twice, replayed, backfilled, echoed after our own send) gets the same id,
whoever computes it. Neither the receipt time nor the delivery nor the profile is part of it.
"""

from hashlib import blake2b

from schemas.base import Provider

_SEPARATOR = "\x1f"  # a control character that no platform uses inside an id


def event_id(provider: Provider, account_id: str, kind: str, *parts: str) -> str:
    """32 hex digits naming one happening.

    `kind` is the happening's kind, not the event type: a message is `message` whether it is
    received, echoed or backfilled. Kinds and parts in use:

    | kind | parts |
    |---|---|
    | message | platform message id |
    | postback | platform message id, else correspondent, time, title |
    | deleted | platform message id |
    | edited | platform message id, number of the edit (else `text:` and a hash, else `at:` time) |
    | reaction | message id, person, `added` or `removed`, emoji (else its name), time |
    | read, delivered | correspondent, by, message id or watermark in ms |
    | typing | correspondent, by, time |
    | referral | correspondent, source, time, type, ref, advert |
    | thread | correspondent, Meta's event key, time, new owner, previous owner, who asks |
    | unrecognised | hash of the item |
    | linked, unlinked | platform, time (account: the provider's reference if it names no other) |
    | registered, messaging_activated | none (account: the provider's reference) |

    A time is in milliseconds; it is empty where only the receipt tells it, since two receipts of
    one happening must give one id.
    """
    return _digest(provider, account_id, kind, *parts)


def profile_event_id(profileid: str, kind: str, *parts: str) -> str:
    """32 hex digits naming something that happened to a profile, not on a platform.

    One account may be linked under several profiles: what we decide for one of them must not
    carry the id of what we decide for another. Kinds and parts in use:

    | kind | parts |
    |---|---|
    | started | conversation |
    | activated | conversation, month, rank (another allocation is another happening) |
    | limit_reached | month, share, limit |
    | account_linked | provider, platform, account: linked by its first webhook |
    | accepted, rejected, failed, unknown | command id |
    | attempted | command id, number of the attempt |
    | backfill (a request) | provider, platform, account, the instant that it is due since in ms |
    | backfill_asked (a request) | command id |
    | history_backfilled | request id |
    | an event type | command id (and what tells two of one command apart) |
    """
    return _digest("", profileid, kind, *parts)


def _digest(*parts: str) -> str:
    text = _SEPARATOR.join(parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
