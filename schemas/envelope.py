"""The envelope of every event: CloudEvents 1.0, JSON in structured mode.

`time` is when it happened on the platform, `receivedat` when we heard of it: the two are never
mixed up. Attribute names are lower case without underscores, as CloudEvents asks.
"""

from typing import Literal

from schemas.base import Instant, Model, Platform


class Envelope(Model):
    """The attributes that every event has. Topic `dm.events.v1`, key `profileid`."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    """A pure function of the happening (schemas.ids)."""
    source: str
    """`/dmstream/<provider or part>/<account>`: who told of it."""
    type: str
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    subject: str | None = None
    """The conversation id; absent on events of a profile."""
    profileid: str
    platform: Platform | None = None
    receivedat: Instant
    correlationid: str | None = None
    """One for everything that follows from one delivery or command."""
    causationid: str | None = None
    """The record (`topic/partition/offset`), event or command that led to this event."""

    def to_json(self) -> bytes:
        """The record's value on `dm.events.v1`. Absent values are left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)
