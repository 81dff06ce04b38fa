"""`GET|POST /messages/autoresponse`: the automatic answer of a profile."""

from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints, model_validator

from schemas.commands import ConfigureAutoResponse
from schemas.data import AutoResponseConfigured
from streams.api import states, waiting
from streams.api.access import Admin, Caller, Reader
from streams.api.carrying import Asked, Step, carry_out
from streams.api.documents import errors, pending
from streams.api.shapes import WITHOUT_NUL, ApiModel, Success
from streams.conversation import settings
from streams.conversation.instants import SECOND

router = APIRouter(tags=["automatic answer"])

_Text = Annotated[str, StringConstraints(max_length=2_000, pattern=WITHOUT_NUL)]

_MOST_SECONDS = 366 * 86_400


class AutoResponse(ApiModel):
    auto_response_active: bool
    auto_response_message: str
    auto_response_wait_seconds: int


class AutoResponseAnswer(AutoResponse):
    status: Success = "success"


class AutoResponseRequest(ApiModel):
    """What is left out stays as it is."""

    auto_response_active: bool | None = Field(default=None, examples=[True])
    auto_response_message: _Text | None = Field(
        default=None, description="An empty one resets to the default.", examples=["We are on it."]
    )
    auto_response_wait_seconds: int | None = Field(
        default=None,
        ge=0,
        le=_MOST_SECONDS,
        strict=True,
        description="Before the same correspondent is answered again.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(value is not None for value in self.model_dump().values()):
            raise ValueError("at least one of the three members is needed")
        return self


class AutoResponseChanged(ApiModel):
    status: Success = "success"
    updated: AutoResponse


@router.get(
    "/messages/autoresponse",
    summary="The automatic answer",
    responses=errors("profile_not_found", "archive_unavailable"),
)
async def automatic_answer(caller: Reader) -> AutoResponseAnswer:
    await caller.resources.caught_up(caller.profile)
    return AutoResponseAnswer(**(await _now(caller)).model_dump())


@router.post(
    "/messages/autoresponse",
    summary="Configure the automatic answer",
    response_model=AutoResponseChanged,
    responses=pending("Decided later: ask at Location.")
    | errors("profile_not_found", "invalid_command", "idempotency_key_reused"),
)
async def configure(
    body: AutoResponseRequest,
    caller: Admin,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | AutoResponseChanged:
    resources = caller.resources
    await states.existing(resources.asking, caller.profile, resources.now())
    change = AutoResponseConfigured(
        active=body.auto_response_active,
        message=body.auto_response_message,
        wait_seconds=body.auto_response_wait_seconds,
    )
    asked = Asked(
        resources, caller.profile, "autoresponse", idempotency_key, prefer, body.model_dump()
    )
    pending_one = await carry_out(
        asked, Step(lambda envelope: ConfigureAutoResponse(**envelope, change=change))
    )
    if pending_one is not None:
        return pending_one
    await resources.caught_up(caller.profile)
    return AutoResponseChanged(updated=await _now(caller))


async def _now(caller: Caller) -> AutoResponse:
    resources = caller.resources
    profile = await states.existing(resources.asking, caller.profile, resources.now())
    found = settings.auto_response(profile.state, resources.rules)
    return AutoResponse(
        auto_response_active=found.active,
        auto_response_message=found.message,
        auto_response_wait_seconds=found.wait // SECOND,
    )
