"""What is left of an event whose correspondent was erased: ids, times, outcomes; no content.

State must fold alike from the archive (invariant 4), so an event is not deleted: it loses what the
correspondent and the account said to each other and what names the correspondent. Everything that
is not named here goes; tests/unit/sinks/test_redaction.py asks about each field of the contract.
"""

import orjson

KEPT = frozenset({
    "provider", "account_id", "correspondent_id", "standby", "backfilled", "time_estimated",
    "message_id", "reply_to_message_id", "reply_to_story_id", "is_unreadable", "app_id",
    "command_id", "origin", "edit_number", "by", "watermark_at", "person_id", "owner_app_id",
    "previous_owner_app_id", "requested_by_app_id", "kind", "human_agent", "month", "rank",
    "expires_at", "window_expires_at", "echo_by_text", "reason", "message", "opens_at", "attempt",
    "http_status", "code", "subcode", "attempts", "cause_id",
})  # fmt: skip
"""Of an event's `data`. `message` is our sentence about a refusal, never the text of a message."""

EMPTIED = frozenset({"referral", "item"})
"""The contract asks for them: an empty object stands in."""

UNTIL_ERASED = "external_conversation_id"
"""The state forgets it with the erasure, by the event's own time: later ones stay."""

MARK = "[erased]"
"""In place of the text of `send.accepted` without media: whether there was one is part of what the
state remembers of a crowded conversation (streams.conversation.sends)."""
_MARKED_TYPE = "dm.send.accepted.v1"


def without_content(value: bytes) -> bytes:
    """An event's JSON as it is once its correspondent is erased: for records of the log, which
    keeps the content for as long as its retention lasts."""
    event = orjson.loads(value)
    content = event.get("data", {})
    kept = {name: value for name, value in content.items() if name in KEPT}
    kept |= {name: {} for name in EMPTIED if name in content}
    return orjson.dumps({**event, "data": kept})


def kept_pair(name: str, value: str, *, marks: str, erased_at: str) -> str:
    """SQL: whether the pair of `data` may stay as it is. Arguments are expressions."""
    return (
        f"({name} IN ({_listed(KEPT)})"
        f" OR ({name} IN ({_listed(EMPTIED)}) AND {value} = '{{}}')"
        f" OR ({name} = '{UNTIL_ERASED}' AND occurred_at > {erased_at})"
        f" OR ({name} = 'text' AND {marks} AND {value} = '\"{MARK}\"'))"
    )


def redacted_object(pairs: str, *, marks: str, erased_at: str) -> str:
    """SQL: the JSON of a `data` object without content, from its (name, raw value) pairs."""
    kept = kept_pair("q.1", "q.2", marks=marks, erased_at=erased_at)
    replaced = (
        f"multiIf({kept}, q.2, q.1 IN ({_listed(EMPTIED)}), '{{}}',"
        f" q.1 = 'text' AND {marks}, '\"{MARK}\"', '')"
    )
    return _object(f"arrayMap(q -> (q.1, {replaced}), {pairs})")


def redacted_event(payload: str, *, erased_at: str) -> str:
    """SQL: an event's JSON without content."""
    data = redacted_object(
        "JSONExtractKeysAndValuesRaw(p.2)", marks=marks_text(payload), erased_at=erased_at
    )
    pairs = f"JSONExtractKeysAndValuesRaw({payload})"
    return _object(f"arrayMap(p -> (p.1, if(p.1 = 'data', {data}, p.2)), {pairs})")


def has_content(pairs: str, *, marks: str, erased_at: str) -> str:
    """SQL: whether redaction would take something away."""
    kept = kept_pair("q.1", "q.2", marks=marks, erased_at=erased_at)
    return f"arrayExists(q -> NOT {kept}, {pairs})"


def marks_text(payload: str) -> str:
    """SQL: whether the text of an event is marked rather than dropped."""
    return (
        f"(JSONExtractString({payload}, 'type') = '{_MARKED_TYPE}'"
        f" AND JSONLength({payload}, 'data', 'media_urls') = 0)"
    )


def _object(pairs: str) -> str:
    """Of (name, raw value) pairs; those with an empty value are left out."""
    return (
        "concat('{', arrayStringConcat(arrayMap(pair -> concat(toJSONString(pair.1), ':', pair.2),"
        f" arrayFilter(pair -> pair.2 != '', {pairs})), ','), '}}')"
    )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))
