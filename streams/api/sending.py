"""`POST /messages/{platform}` and `GET /commands/{id}`."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Response
from pydantic import Field, StringConstraints, model_validator
from starlette.responses import JSONResponse

from schemas.commands import SendMessage
from sinks.reading import events as archived
from sinks.reading import failures
from streams.api import media, performing, verdicts, waiting
from streams.api.access import Sender, SenderOrReader
from streams.api.documents import errors, pending
from streams.api.errors import Problem
from streams.api.shapes import (
    WITHOUT_NUL,
    ApiModel,
    GivenInstant,
    Identifier,
    PlatformInPath,
    ours,
)
from streams.api.verdicts import CommandAnswer, SentAnswer

router = APIRouter(tags=["messages"])

_Text = Annotated[str, StringConstraints(max_length=10_000, pattern=WITHOUT_NUL)]
_MediaUrl = Annotated[str, StringConstraints(min_length=8, max_length=2_000)]


class SendRequest(ApiModel):
    """A message to a correspondent who has written. Text, media, or both where the network takes
    both."""

    recipient_id: Identifier | None = Field(
        default=None,
        description="The correspondent, as webhooks name them.",
        examples=["5678901234567890"],
    )
    conversation_id: Identifier | None = Field(
        default=None, description="In place of `recipientId`: ours, or the provider's own."
    )
    message: _Text | None = Field(default=None, examples=["Yes, we have it in blue."])
    media_urls: tuple[_MediaUrl, ...] = Field(
        default=(), max_length=10, examples=[["https://cdn.example.com/blue.jpg"]]
    )
    human_agent: bool = Field(
        default=False, description="A person wrote it: Meta's HUMAN_AGENT tag may be used."
    )
    expires_at: GivenInstant | None = Field(
        default=None, description="Not attempted from then on; 15 minutes where absent."
    )

    @model_validator(mode="after")
    def _says_whom_and_what(self) -> Self:
        if self.recipient_id is None and self.conversation_id is None:
            raise ValueError("recipientId or conversationId is needed")
        if not self.message and not self.media_urls:
            raise ValueError("message or mediaUrls is needed")
        return self


@router.post(
    "/messages/{platform}",
    summary="Send a message",
    response_model=SentAnswer,
    response_model_exclude_none=True,
    responses=pending("Decided later: ask at Location.")
    | errors(
        "invalid_request",
        "profile_not_found",
        "not_initiated",
        "idempotency_key_reused",
        "expired",
        "transient",
    ),
)
async def send(
    platform: PlatformInPath,
    body: SendRequest,
    caller: Sender,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | SentAnswer:
    resources = caller.resources
    await media.check(body.media_urls, allow_private=resources.settings.media_allow_private)
    wanted = body.model_dump(exclude_defaults=True)
    identity = performing.identify(
        caller.profile, f"send:{ours(platform)}", idempotency_key, wanted, resources
    )
    command = SendMessage(
        **identity.envelope(caller.profile, resources),
        platform=ours(platform),
        recipient_id=body.recipient_id,
        conversation_id=body.conversation_id,
        text=body.message,
        media_urls=body.media_urls,
        human_agent=body.human_agent,
        expires_at=body.expires_at,
    )
    seconds = waiting.seconds(prefer, resources.settings)
    told = await performing.perform(resources, command, identity, seconds)
    answer = verdicts.answer_of(identity.command_id, told)
    return verdicts.sent_or_problem(answer, body.message) or accepted(answer)


def accepted(answer: CommandAnswer) -> Response:
    """202: kept, and what becomes of it is told at Location."""
    return JSONResponse(
        answer.model_dump(mode="json", exclude_none=True),
        status_code=202,
        headers={"location": f"/commands/{answer.command_id}"},
    )


@router.get(
    "/commands/{command_id}",
    summary="What became of a command",
    response_model_exclude_none=True,
    responses=errors("command_not_found", "archive_unavailable"),
)
async def command(
    command_id: Annotated[
        str,
        Path(
            pattern=r"^[\x21-\x7e]+$",
            max_length=200,
            description="As the answer to a request named it.",
        ),
    ],
    caller: SenderOrReader,
) -> CommandAnswer:
    """Asked again until it has an end; an outcome that is `unknown` may stay so."""
    resources = caller.resources
    await resources.caught_up(caller.profile)
    told = await archived.of_command(resources.asking, caller.profile, command_id)
    if told:
        return verdicts.answer_of(command_id, told)
    failure = await failures.of_command(resources.asking, caller.profile, command_id)
    if failure is not None:
        return verdicts.not_carried_out(command_id, failure)
    if not performing.may_be_pending(caller.profile, command_id, resources):
        raise Problem("command_not_found")
    return verdicts.answer_of(command_id, ())
