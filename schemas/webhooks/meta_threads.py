"""Who controls a thread, on pages and accounts that several apps serve.

Meta calls it Conversation Routing (since September 2025), before that the Handover Protocol; the
events kept their names.
"""

from collections.abc import Set as AbstractSet

from schemas.events import (
    Event,
    ThreadControlGained,
    ThreadControlLost,
    ThreadControlRequested,
)
from schemas.webhooks.building import Happening
from schemas.webhooks.common import JsonObject, identifier, label

KEYS = frozenset({"pass_thread_control", "take_thread_control", "request_thread_control"})
"""`app_roles` is not among them: it tells an app's role on the page and nothing of a thread."""

INBOX_APP_IDS = frozenset({"263902037430900", "26390203743090", "1217981644879628"})
"""The inboxes of Facebook (the second form stands in one passage of Meta's docs) and Instagram."""


def control(frame: Happening, key: str, body: JsonObject, own_app_ids: AbstractSet[str]) -> Event:
    owner = identifier(body, "new_owner_app_id", key)
    previous = identifier(body, "previous_owner_app_id", key)
    requested = identifier(body, "requested_owner_app_id", key)
    if key == "request_thread_control":
        event: type[ThreadControlLost | ThreadControlGained | ThreadControlRequested]
        event = ThreadControlRequested
    elif _is_gained(key, owner, previous, own_app_ids):
        event = ThreadControlGained
    else:
        event = ThreadControlLost
    return frame.event(
        event,
        "thread",
        frame.correspondent_id,
        key,
        frame.at.key,
        owner or "",
        previous or "",
        requested or "",
        owner_app_id=owner,
        previous_owner_app_id=previous,
        requested_by_app_id=requested,
        metadata=label(body, "metadata"),
    )


def _is_gained(
    key: str, owner: str | None, previous: str | None, own_app_ids: AbstractSet[str]
) -> bool:
    """Captures of 2019 name no new owner on a take; then the event's own meaning decides.

    Meta tells an app of a pass when the thread came to it, of a take when it was taken away.
    """
    if owner is not None:
        if own_app_ids:
            return owner in own_app_ids
        return key == "pass_thread_control" and owner not in INBOX_APP_IDS
    return key == "pass_thread_control" and not (previous and previous in own_app_ids)
