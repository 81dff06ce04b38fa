"""From what a reader found to canonical events: envelopes, ids, and what one body adds up to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from pydantic import ValidationError

from schemas import data
from schemas.base import Party, Platform, Provider, conversation_id
from schemas.events import Event, UnrecognisedReceived
from schemas.failures import Failure
from schemas.ids import event_id
from schemas.webhooks.common import BadValueError, JsonObject, Moment, at_path, from_milliseconds

Outcome = Event | Failure

_MAX_KIND_LENGTH = 100
_MAX_PATH_LENGTH = 200
_MAX_DEPTH = 100
_INT64 = range(-(2**63), 2**64)


class Source(NamedTuple):
    """The account that a notice is about, and the delivery that it came in."""

    provider: Provider
    platform: Platform | None
    account_id: str
    """Empty where the notice names none."""
    profileid: str
    """The provider's reference: Ayrshare's refId, else the account."""
    received_at: datetime
    correlationid: str | None = None

    def event(
        self, make: Callable[..., Event], identity: str, at: Moment, subject: str | None, body: Any
    ) -> Event:
        """`body` is the event's data, or the fields of it."""
        account = self.account_id
        # CloudEvents wants a URI reference; real ids are digits, a test's may be anything.
        named = account if account.isalnum() else quote(account, safe="")
        return make(
            id=identity,
            source=f"/dmstream/{self.provider}/{named}",
            time=from_milliseconds(at.ms),
            subject=subject,
            profileid=self.profileid,
            platform=self.platform,
            receivedat=self.received_at,
            correlationid=self.correlationid,
            data=body,
        )


class Happening(NamedTuple):
    """What all events of one item share: between whom, when, by which side, on which channel."""

    source: Source
    platform: Platform
    correspondent_id: str
    at: Moment
    by: Party = "correspondent"
    standby: bool = False
    external_conversation_id: str | None = None

    def event(self, make: Callable[..., Event], *parts: str, **fields: Any) -> Event:
        """An event of class `make` with these fields in its data, beside what all have.

        `parts` are the kind and parts of its id (schemas.ids). The data is made and checked with
        the event, at once: that takes a third less than one after the other (measured).
        """
        source = self.source
        account = source.account_id
        fields["provider"] = source.provider
        fields["account_id"] = account
        fields["correspondent_id"] = self.correspondent_id
        fields["external_conversation_id"] = self.external_conversation_id
        fields["standby"] = self.standby
        fields["time_estimated"] = self.at.estimated
        return source.event(
            make,
            event_id(source.provider, account, *parts),
            self.at,
            conversation_id(self.platform, account, self.correspondent_id),
            fields,
        )


def happening(source: Source, correspondent_id: str, at: Moment, **more: Any) -> Happening:
    """Raises BadValueError where the notice names no account: nobody's conversation can hold it."""
    if source.platform is None or not source.account_id:
        raise BadValueError("", "belongs to no account: the notice names none", "missing_account")
    return Happening(source, source.platform, correspondent_id, at, **more)


def person(name: str | None, username: str | None, picture_url: str | None) -> data.Person | None:
    """The correspondent as described; None where nothing is."""
    if not (name or username or picture_url):
        return None
    return data.Person(name=name, username=username, picture_url=picture_url)


def unrecognised(
    source: Source,
    kind: str,
    item: JsonObject,
    at: Moment,
    *,
    correspondent_id: str = "",
    standby: bool = False,
) -> Event:
    """A notice of a kind we do not know, kept whole.

    Its id is a hash of the item. Raises BadValueError where it is nested too deep for the log.
    """
    kept = _keepable(item)
    canonical = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    subject = None
    if source.platform and source.account_id and correspondent_id:
        subject = conversation_id(source.platform, source.account_id, correspondent_id)
    return source.event(
        UnrecognisedReceived,
        event_id(source.provider, source.account_id, "unrecognised", hashed(canonical)),
        at,
        subject,
        data.Unrecognised(
            provider=source.provider,
            account_id=source.account_id,
            correspondent_id=correspondent_id,
            kind=kind[:_MAX_KIND_LENGTH] or "other",
            item=kept,
            standby=standby,
        ),
    )


def hashed(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _keepable(value: Any, depth: int = 0) -> Any:
    """The value as every JSON reader takes it: pydantic's stops at 200 levels, orjson's at 64-bit
    integers."""
    if depth > _MAX_DEPTH:
        raise BadValueError("", f"is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {key: _keepable(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_keepable(inner, depth + 1) for inner in value]
    if isinstance(value, int) and value not in _INT64:
        return str(value)
    return value


def guarded(path: str, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """What one item gives. An item that can't be read is one failure, and the others go on."""
    try:
        yield from outcomes
    except BadValueError as error:
        # A path holds keys of the body, and those may be of any length.
        where = (at_path(path, error.path) if error.path else path)[:_MAX_PATH_LENGTH]
        yield _failure(error.reason, f"{where or 'body'} {error.problem}", error)
    except ValidationError as error:
        # Values stay out: pydantic's own text repeats them.
        loc = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        yield _failure("bad_value", f"{path or 'body'} gives an event whose {loc} is bad", error)
    except Exception as error:  # noqa: BLE001
        # A fault of ours. One body must not stop a worker for ever: it is kept as a failure,
        # found by its reason, and replayed when the reader is mended.
        yield _failure("reader_fault", f"{path or 'body'} met a fault in dmstream's reader", error)


def _failure(reason: str, problem: str, error: Exception) -> Failure:
    message = f"{problem}; it was not read. Replay the record once the reader knows this form."
    return Failure("normalise", reason, message, type(error).__name__)


def collected(outcomes: Iterable[Outcome]) -> tuple[tuple[Event, ...], tuple[Failure, ...]]:
    """Events once each, in the order of the body; failures once for each reason.

    A failure is stored with the whole body, so a thousand broken items must not become a
    thousand copies of it.
    """
    events: dict[str, Event] = {}
    failures: dict[str, list[Failure]] = {}
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            failures.setdefault(outcome.reason, []).append(outcome)
        else:
            other = events.get(outcome.id)
            events[outcome.id] = outcome if other is None else _preferred(other, outcome)
    return tuple(events.values()), tuple(_merged(same) for same in failures.values())


def _preferred(one: Event, other: Event) -> Event:
    """One happening told twice in one body, on the normal channel and on standby for example:
    the normal channel wins. Else any rule will do that does not depend on the order."""
    return min(
        one, other, key=lambda event: (getattr(event.data, "standby", False), event.to_json())
    )


def _merged(same: list[Failure]) -> Failure:
    first, more = same[0], len(same) - 1
    if not more:
        return first
    return replace(
        first, message=f"{first.message} {more} more items of this body failed likewise."
    )
