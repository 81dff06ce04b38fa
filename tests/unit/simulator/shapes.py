"""What the shapes of the providers' bodies are made of, strictly: no key beside those they name.

Types are not coerced, so that a number where the platform writes a string is an error.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NUMBER = r"^\d+$"
Digits = Annotated[str, Field(pattern=NUMBER)]
Milliseconds = Annotated[int, Field(ge=10**12, lt=10**13)]
WholeSeconds = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
MillisecondText = Annotated[str, Field(pattern=r"^1\d{12}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
