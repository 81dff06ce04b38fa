"""What the API's bodies share: camelCase on the wire, and the forms of ids."""

import re
from typing import Annotated, Literal

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from schemas.base import Instant, Platform, to_milliseconds

PlatformName = Literal["facebook", "instagram", "twitter", "x"]
"""`twitter` is Ayrshare's word for X; `x` is understood, and answered as `twitter`."""


class ApiModel(BaseModel):
    """A body. Unknown members are passed over: clients made for Ayrshare add some."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        extra="ignore",
        str_strip_whitespace=False,
    )


Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
"""Of a platform or of ours. Control characters never: state's keys are told apart by one."""
AccountId = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x39\x3b-\x7e]+$")
]
"""Without a colon, with which conversation ids are put together, and in ASCII: two that look alike
are the same."""
WITHOUT_NUL = r"^[^\x00]*$"
"""For texts: platforms cut at it, or refuse."""
ProfileKey = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
]


def _as_text(value: object) -> object:
    if isinstance(value, str) and not re.match(r"[0-9]{4}-", value):
        raise ValueError("must be written as 2026-11-22T14:33:07Z")
    if isinstance(value, int | float):
        raise ValueError("must be text, as 2026-11-22T14:33:07Z")  # noqa: TRY004 - pydantic's way
    return value


GivenInstant = Annotated[Instant, BeforeValidator(_as_text), AfterValidator(to_milliseconds)]
"""In a request. A number is none: were seconds since 1970 meant, or from now?"""
PlatformInPath = Annotated[PlatformName, Path(description="The network.", examples=["facebook"])]
Success = Annotated[Literal["success"], Field(examples=["success"])]


def ours(platform: PlatformName) -> Platform:
    return "x" if platform == "twitter" else platform


def theirs(platform: str) -> str:
    return "twitter" if platform == "x" else platform
