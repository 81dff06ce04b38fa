"""Short words for what a body of Meta's must become."""

from typing import Any

PAGE, PSID = "204455667788990", "6811223344556677"
IG, IGSID = "17841400011122233", "1700900800700600"
THREAD = f"facebook:{PAGE}:{PSID}"
IG_THREAD = f"instagram:{IG}:{IGSID}"
AT = "2026-10-29T14:33:07.120Z"
NOTICE = "2026-10-29T14:33:07.536Z"
TEST_BUTTON = "2018-05-27T22:23:44.000Z"


def mid(number: int) -> str:
    return (
        f"m_Xy7Lq2Tn{number:02d}vKpZr8WcBd4HfJg6SmEa0UoIi-3RtYxNb5QkPl1DzGh9VwCjFsMuOeAy"
        "_TnBqLrXvKdHpZsWgJc"
    )


def igmid(number: int) -> str:
    return (
        "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDExMTIyMjMzOjM0MDI4MjM2Njg0MTcxMDMwMTI0NDI"
        f"1OTAw{number:04d}MDEyMzQ1Njc4OTAxMjM0NTY3ODkZD"
    )


def facebook(kind: str, /, **said: Any) -> dict[str, Any]:
    return {"type": kind, "time": AT, "platform": "facebook", "subject": THREAD} | said


def instagram(kind: str, /, **said: Any) -> dict[str, Any]:
    return {"type": kind, "time": AT, "platform": "instagram", "subject": IG_THREAD} | said


def media(kind: str, word: str, url: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "platform_type": word} | ({"url": url} if url else {}) | more


RECEIVED, SENT, KEPT = "message.received", "message.sent", "unrecognised.received"
