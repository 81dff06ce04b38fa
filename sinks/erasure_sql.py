"""The statements of erasure: which rows of which table lose what. Parameters: see `parameters`.

Each condition is also false once nothing is left, so that a mutation is only made where it does
something, and a second run changes nothing.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sinks import redaction

Erased = tuple[str, str, str, str, int]
"""Profile, conversation, account, correspondent; milliseconds up to which content goes."""


class Blanking(NamedTuple):
    table: str
    matches: str
    update: str


def parameters(erasures: Sequence[Erased], late: Sequence[str] = ()) -> dict[str, Any]:
    """`late`: ids of events after the erasure that lose their content as well (`LATE`)."""
    return {
        "late": list(late),
        "erasures": [tuple(erasure) for erasure in erasures],
        "conversations": [erasure[1] for erasure in erasures],
        "profiles": [erasure[0] for erasure in erasures],
    }


WITHIN = (
    "_log = {log:String} AND _topic = {topic:String} AND _partition = {partition:UInt32}"
    " AND _offset BETWEEN {first:UInt64} AND {last:UInt64}"
)
"""A range of one partition, found by the order key."""

_ERASURES = "{erasures:Array(Tuple(String, String, String, String, Int64))}"
_MINE = "e.1 = profile_id AND e.2 = conversation_id"
_UNTIL = f"fromUnixTimestamp64Milli(arrayFirst(e -> {_MINE}, {_ERASURES}).5, 'UTC')"

# The lists reach the order key and the index; the comparison is for the few rows that are left.
_PLACED = (
    "profile_id IN {profiles:Array(String)} AND conversation_id IN {conversations:Array(String)}"
    " AND (event_id IN {late:Array(String)}"
    f" OR arrayExists(e -> {_MINE}"
    f" AND toUnixTimestamp64Milli(least(occurred_at, received_at)) <= e.5, {_ERASURES}))"
)

LATE = (
    "SELECT DISTINCT event_id FROM {database:Identifier}.events"
    " WHERE profile_id IN {profiles:Array(String)}"
    " AND conversation_id IN {conversations:Array(String)} AND (profile_id, command_id) IN ("
    "SELECT profile_id, command_id FROM {database:Identifier}.events"
    " WHERE profile_id IN {profiles:Array(String)}"
    " AND conversation_id IN {conversations:Array(String)} AND kind = 'send.accepted'"
    f" AND arrayExists(e -> {_MINE} AND toUnixTimestamp64Milli(occurred_at) <= e.5, {_ERASURES}))"
    f" AND arrayExists(e -> {_MINE}"
    f" AND toUnixTimestamp64Milli(least(occurred_at, received_at)) > e.5, {_ERASURES})"
)
"""What was told after an erasure of sends that were accepted before it: one that was under way says
what it said all the same. By the event's id, so that a message's echo is meant with it."""


def _named(value: str, at: str) -> str:
    """Whether bytes name an erased correspondent: the ids are words in them. A correspondent's id
    alone may be another number of the same digits, so the account must be named as well."""
    words = f"extractAll({value}, '[0-9A-Za-z_-]+')"
    return (
        f"arrayExists(e -> has({words}, e.4) AND toUnixTimestamp64Milli({at}) <= e.5"
        f" AND (has({words}, e.3) OR key IN (e.1, e.3, '')), {_ERASURES})"
    )


# `if`: only the rows that are meant are parsed, whatever else is in their part.
_PAYLOAD = f"if({_PLACED}, payload, '')"
_DETAILS = f"if({_PLACED}, details, '')"

_LOG = Blanking(
    "event_log",
    f"{_PLACED} AND "
    + redaction.has_content(
        f"JSONExtractKeysAndValuesRaw({_PAYLOAD}, 'data')",
        marks=redaction.marks_text(_PAYLOAD),
        erased_at=_UNTIL,
    ),
    f"payload = {redaction.redacted_event(_PAYLOAD, erased_at=_UNTIL)}",
)

_DETAILS_PAIRS = f"JSONExtractKeysAndValuesRaw({_DETAILS})"
_EVENTS = Blanking(
    "events",
    f"{_PLACED} AND (text NOT IN ('', '{redaction.MARK}') OR attachments != '' OR emoji != ''"
    " OR correspondent_name != '' OR correspondent_username != ''"
    f" OR (external_conversation_id != '' AND occurred_at <= {_UNTIL}) OR "
    + redaction.has_content(_DETAILS_PAIRS, marks="false", erased_at=_UNTIL)
    + ")",
    "text = '', attachments = '', emoji = '', correspondent_name = '',"
    " correspondent_username = '',"
    f" external_conversation_id = if(occurred_at > {_UNTIL}, external_conversation_id, ''),"
    " details = if(details = '', '', "
    + redaction.redacted_object(_DETAILS_PAIRS, marks="false", erased_at=_UNTIL)
    + ")",
)

# What belongs to no conversation, because it could not be understood: found by its words.
_UNKNOWN_KIND = "profile_id IN {profiles:Array(String)} AND conversation_id = ''"
_NO_TIME = "toDateTime64(0, 3, 'UTC')"
_LOOSE_LOG = Blanking(
    "event_log",
    "conversation_id = '' AND payload != '' AND ((type = 'unreadable' AND "
    + _named("payload", "logged_at")
    + ") OR (type = 'dm.unrecognised.received.v1' AND profile_id IN {profiles:Array(String)} AND "
    + _named("payload", "least(occurred_at, received_at)")
    + " AND JSONLength(payload, 'data', 'item') > 0))",
    "payload = if(type = 'unreadable', '', "
    + redaction.redacted_event("if(type = 'unreadable', '', payload)", erased_at=_NO_TIME)
    + ")",
)
_LOOSE_EVENTS = Blanking(
    "events",
    f"{_UNKNOWN_KIND} AND kind = 'unrecognised.received' AND "
    f"arrayExists(e -> e.1 = profile_id AND has(extractAll(details, '[0-9A-Za-z_-]+'), e.4)"
    f" AND toUnixTimestamp64Milli(least(occurred_at, received_at)) <= e.5, {_ERASURES})"
    " AND JSONLength(details, 'item') > 0",
    "details = "
    + redaction.redacted_object(
        "JSONExtractKeysAndValuesRaw(details)", marks="false", erased_at=_NO_TIME
    ),
)
_FAILED_AT = (
    "ifNull(parseDateTime64BestEffortOrNull("
    "arrayFirst(header -> header.1 = 'dm-received-at', headers).2, 3, 'UTC'), failed_at)"
)

OF_EVENTS = (_LOG, _EVENTS)
LOOSE = (_LOOSE_LOG, _LOOSE_EVENTS)
OF_FAILURES = (
    Blanking(
        "failure_log",
        f"NOT is_erased AND {_named('payload', _FAILED_AT)}",
        "payload = '', is_erased = true",
    ),
)
LOGGED = frozenset({"event_log", "failure_log"})
"""The tables that have offsets."""
