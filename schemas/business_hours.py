"""When people work: a setting of a profile, or of all."""

import re
from typing import Self

from pydantic import Field, model_validator

from schemas.base import Model


class BusinessHours(Model):
    """When a profile's people work, by the clock in its zone; the same on each of those days."""

    weekdays: str = Field(default="12345", pattern=r"^[1-7]{1,7}$")
    """1 is Monday, 7 is Sunday."""
    opens_seconds: int = Field(default=9 * 3600, ge=0, lt=86_400)
    """Since midnight."""
    closes_seconds: int = Field(default=17 * 3600, gt=0, le=86_400)

    @model_validator(mode="after")
    def _opens_first(self) -> Self:
        if self.opens_seconds >= self.closes_seconds:
            raise ValueError("business hours close after they open, on the same day")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `12345 09:00-17:00`. Raises ValueError with a sentence."""
        found = re.fullmatch(r"([1-7]{1,7}) (\d\d):(\d\d)-(\d\d):(\d\d)", text)
        if found is None:
            raise ValueError("business hours are written as 12345 09:00-17:00, with 1 for Monday")
        opens, closes = (int(found[n]) * 3600 + int(found[n + 1]) * 60 for n in (2, 4))
        return cls(weekdays=found[1], opens_seconds=opens, closes_seconds=closes)
