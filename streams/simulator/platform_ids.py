"""Identifiers in the platforms' own shapes. All from the random source that is handed in.

The shapes matter: readers that demand digits, or cut ids at 64 characters, or read them as
floating-point numbers, break on real ones.
"""

import base64
import random

_120_BITS = 2**120 - 1
_TWITTER_EPOCH_MS = 1_288_834_974_657
_INSTAGRAM_MESSAGE = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE"
_INSTAGRAM_THREAD = "aWdfZAG06MTpJR01lc3NhZA2VUaHJlYWQ6"
_THREADS_FROM = 340282366841710301244 * 10**18
_ITEMS_FROM = 32 * 10**33
_OLD_X_USERS = 0.4


def digits(rng: random.Random, length: int) -> str:
    """A number of exactly that many digits."""
    low = 10 ** (length - 1)
    return str(low + int(rng.random() * 9 * low))


def reference(rng: random.Random) -> str:
    """Ayrshare's refId: 40 hex digits."""
    return rng.randbytes(20).hex()


def hook_id(nonce: int) -> str:
    """Ayrshare's hookId, 20 letters and digits, from a number that is the delivery's own."""
    told = base64.b64encode((nonce & _120_BITS).to_bytes(15, "big"), b"Az")
    return told.decode()


def instagram_account(rng: random.Random) -> str:
    return "17841" + digits(rng, 12)


def messenger_message(rng: random.Random) -> str:
    """`m_` and 86 characters, as captured since 2021."""
    return "m_" + base64.urlsafe_b64encode(rng.randbytes(64)).decode().rstrip("=")


def instagram_message(rng: random.Random, account_id: str) -> str:
    """164 characters: base64 of account, thread and item, with the platform's `ZD` for `=`."""
    thread = _THREADS_FROM + rng.getrandbits(59)
    item = _ITEMS_FROM + rng.getrandbits(105)
    told = f":{account_id}:{thread}:{item}".encode()
    return _INSTAGRAM_MESSAGE + base64.b64encode(told).decode().replace("=", "ZD")


def instagram_thread(account_id: str, correspondent_id: str) -> str:
    told = base64.b64encode(f"{account_id}:{correspondent_id}".encode()).decode()
    return _INSTAGRAM_THREAD + told.rstrip("=")


def snowflake(rng: random.Random, at_ms: int) -> str:
    """An X id: `(id >> 22) + epoch` is its time in ms, so that the order of ids is that of time."""
    return str(((at_ms - _TWITTER_EPOCH_MS) << 22) | rng.getrandbits(22))


def x_user(rng: random.Random) -> str:
    """Old accounts have 8 to 10 digits, newer ones a snowflake of 18 or 19."""
    if rng.random() < _OLD_X_USERS:
        return digits(rng, rng.randint(8, 10))
    return snowflake(rng, 1_500_000_000_000 + rng.getrandbits(37))


def x_conversation(one: str, other: str) -> str:
    """`<smaller>-<larger>`, as numbers."""
    low, high = sorted((int(one), int(other)))
    return f"{low}-{high}"
