"""Short words for what a body of Ayrshare's must become."""

from typing import Any

REF = "7e1d0c9b8a7f6e5d4c3b2a190817263544352617"
PAGE, PSID, IG, IGSID = (
    "204455667788990",
    "6811223344556677",
    "17841400011122233",
    "1700900800700600",
)
IGMID = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDExMTIyMjMzOjM0MDI4MjM2Njg0ZD"
FBMID = "m_Xy7Lq2Tn01vKpZr8WcBd4HfJg6SmEa0UoIi"
IGC, FBC = "aWdfZAG06MTpJR01lc3NhZA2VUaHJlYWQ6MTc4NDE0", "t_10230045678901234"
AT = "2026-10-29T14:33:07.000Z"
RECEIVED, SENT, KEPT = "message.received", "message.sent", "unrecognised.received"


def said(kind: str, hook: int, platform: str, subject: str, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "time": AT,
        "platform": platform,
        "subject": f"{platform}:{subject}",
        "correlationid": f"Hk{hook:02d}",
    } | more


def instagram(kind: str, hook: int, **more: Any) -> dict[str, Any]:
    more = {"external_conversation_id": IGC} | more
    return said(kind, hook, "instagram", f"{IG}:{IGSID}", **more)


def facebook(kind: str, hook: int, **more: Any) -> dict[str, Any]:
    more = {"external_conversation_id": FBC} | more
    return said(kind, hook, "facebook", f"{PAGE}:{PSID}", **more)


def x(kind: str, hook: int, **more: Any) -> dict[str, Any]:
    return said(kind, hook, "x", "3300110022:1450880990", **more)


def linked(kind: str, hook: int, platform: str, reason: str) -> dict[str, Any]:
    return {
        "type": f"account.{kind}",
        "time": AT,
        "platform": platform,
        "correlationid": f"Hk{hook:02d}",
        "reason": reason,
    }
