"""Reading requests the way platforms do: tolerant, never raising on what a caller wrote."""

import json
from typing import Any

from starlette.requests import Request


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; an empty one where it is none."""
    try:
        value = json.loads(await request.body())
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None
