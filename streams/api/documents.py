"""What the OpenAPI document says of answers beside the good one."""

from typing import Any

from streams.api.errors import KINDS, ErrorAnswer
from streams.api.verdicts import CommandAnswer

Responses = dict[int | str, dict[str, Any]]

EVERYWHERE = (
    "invalid_request", "unauthorized", "scope_missing", "body_too_large", "rate_limited",
    "internal_error", "broker_unavailable",
)  # fmt: skip
"""Reasons whose statuses any route may answer."""

_RATE = {
    "x-ratelimit-max": {
        "description": "Requests that the key may make to the profile in a period.",
        "schema": {"type": "integer"},
    },
    "x-ratelimit-count": {
        "description": "Requests in this period, this one included.",
        "schema": {"type": "integer"},
    },
}


def errors(*reasons: str) -> Responses:
    """The statuses of these reasons, each with all reasons that it stands for here."""
    found: Responses = {}
    wanted = dict.fromkeys((*reasons, *EVERYWHERE))
    for status in sorted({KINDS[reason].status for reason in wanted}):
        named = [reason for reason in wanted if KINDS[reason].status == status]
        first = named[0]
        found[status] = {
            "model": ErrorAnswer,
            "description": "; ".join(KINDS[reason].sentence.rstrip(".") for reason in named),
            "content": {
                "application/json": {
                    "example": {
                        "status": "error",
                        "code": KINDS[first].code,
                        "message": KINDS[first].sentence,
                        "reason": first,
                    }
                }
            },
        }
    return found


def pending(description: str) -> Responses:
    return {
        202: {
            "model": CommandAnswer,
            "description": description,
            "headers": {
                "Location": {
                    "description": "Where its outcome is told.",
                    "schema": {"type": "string", "format": "uri-reference"},
                }
            },
        }
    }


def with_rates(document: dict[str, Any]) -> dict[str, Any]:
    """The rate's headers on every answer but 401 and 503, which are given before it is counted."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status not in {"401", "503"}:
                    response.setdefault("headers", {}).update(_RATE)
    return document
