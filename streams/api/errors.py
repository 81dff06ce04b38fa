"""Every error of the API: one shape, and one table of reasons, which docs/api.md repeats.

`code` is Ayrshare's number where Ayrshare documents one for the case, else the HTTP status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from schemas.base import Instant
from streams.api.shapes import ApiModel


@dataclass(frozen=True, slots=True)
class Kind:
    """What one reason means: the HTTP status, the number, and the sentence where no better one is
    known."""

    status: int
    code: int
    sentence: str
    until: str = ""
    """What would change it; empty where the sentence says it."""


_PLATFORM = "The platform refused the message."

KINDS: Mapping[str, Kind] = {
    # The request itself
    "invalid_request": Kind(400, 101, "Missing or incorrect parameters.", "another request"),
    "invalid_cursor": Kind(
        400, 101, "The cursor is of no answer to this question.", "asking without `next`"
    ),
    "profile_key_required": Kind(
        400, 101, "Name the profile in the header Profile-Key.", "the header"
    ),
    "unauthorized": Kind(401, 401, "No key that holds: Authorization: Bearer <key>.", "a key"),
    "scope_missing": Kind(403, 403, "The key's scopes do not allow this.", "another key"),
    "profile_not_allowed": Kind(403, 403, "The key is not for this profile.", "another key"),
    "credential_not_allowed": Kind(
        403,
        403,
        "Only a key for all profiles may name a credential.",
        "a key for all profiles, or leaving `credential` out",
    ),
    "not_found": Kind(404, 404, "There is no such route."),
    "profile_not_found": Kind(404, 404, "There is no such profile.", "POST /profiles"),
    "conversation_not_found": Kind(404, 404, "The profile has no such conversation."),
    "command_not_found": Kind(404, 404, "Nothing is known of such a command of the profile."),
    "account_not_found": Kind(404, 404, "The profile has no such linked account.", "linking it"),
    "method_not_allowed": Kind(405, 405, "The route does not take this method."),
    "account_of_another": Kind(
        409, 409, "The account belongs to another profile.", "a key for all profiles"
    ),
    "reference_in_use": Kind(
        409, 409, "Another profile has this refId, or is called so.", "another refId"
    ),
    "request_timeout": Kind(
        408, 408, "The request did not arrive whole in time.", "the same request, sent faster"
    ),
    "head_too_large": Kind(
        431, 431, "The request line and headers are too long.", "a shorter address or fewer headers"
    ),
    "body_too_large": Kind(413, 413, "The body is too large.", "a shorter body"),
    "idempotency_key_reused": Kind(
        422, 422, "The Idempotency-Key was used with another body.", "another Idempotency-Key"
    ),
    "rate_limited": Kind(429, 429, "Too many requests.", "time: Retry-After"),
    "too_many_streams": Kind(429, 429, "Too many live streams are open.", "closing one"),
    "webhook_address_refused": Kind(
        400, 101, "The webhook's address can't be used.", "another address"
    ),
    "webhook_not_found": Kind(404, 404, "The profile has no such webhook."),
    "too_many_webhooks": Kind(
        409, 409, "The profile has as many webhooks as it may.", "DELETE /hook/webhook"
    ),
    "too_many_webhook_changes": Kind(
        429,
        429,
        "The webhook was changed with as many Idempotency-Keys as are remembered.",
        "time: Retry-After, or leaving the key out",
    ),
    "too_many_replays": Kind(
        409, 409, "As many replays go on for the webhook as may.", "time: until one has ended"
    ),
    "account_being_linked": Kind(
        409,
        409,
        "Another profile is linking the account, or taking the refId, at this moment.",
        "time: Retry-After",
    ),
    # Refused by the rules (docs/rules.md), in their order
    "invalid": Kind(400, 101, "The message can't be sent as it is.", "another message"),
    "messaging_inactive": Kind(
        400, 361, "Messaging is off: activate it for this profile.", "PATCH /profiles"
    ),
    "account_unlinked": Kind(
        400, 156, "The account is not linked: link it to this profile.", "POST /profiles/social"
    ),
    "relink_required": Kind(
        400,
        362,
        "The account was linked before messaging was activated: link it again.",
        "POST /profiles/social",
    ),
    "not_initiated": Kind(
        409, 409, "The correspondent has not written yet.", "a message of the correspondent"
    ),
    "thread_controlled_elsewhere": Kind(
        409,
        409,
        "Message failed to send because another app is controlling this thread now",
        "time: `opensAt`, or the other app",
    ),
    "reply_window_closed": Kind(
        409, 409, "The reply window is closed.", "a message of the correspondent"
    ),
    "monthly_limit_reached": Kind(
        409, 409, "The month's limit of active conversations is reached.", "time: `opensAt`"
    ),
    "recipient_unavailable": Kind(
        409, 409, "The correspondent can't be written to.", "a message of the correspondent"
    ),
    "auto_response_too_soon": Kind(
        409, 409, "They got an automatic answer a short while ago.", "time"
    ),
    "invalid_command": Kind(
        409, 409, "The command can't be carried out as things stand.", "what the message says"
    ),
    # Refused by the platform, at delivery
    "window_closed": Kind(409, 409, _PLATFORM, "a message of the correspondent"),
    "thread_control": Kind(409, 409, _PLATFORM, "time, or the other app"),
    "bad_request": Kind(400, 400, _PLATFORM, "another message"),
    "token_invalid": Kind(400, 161, _PLATFORM, "POST /profiles/social"),
    "account_restricted": Kind(409, 409, _PLATFORM, "time"),
    "platform_rate_limited": Kind(502, 502, _PLATFORM, "time"),
    "expired": Kind(504, 504, "The command's time ended before it could be sent.", "a new request"),
    "erased": Kind(
        410, 410, "The correspondent was erased before it could be sent.", "a message of theirs"
    ),
    "transient": Kind(502, 502, "The platform could not be reached.", "a new request, later"),
    # Not now
    "internal_error": Kind(500, 500, "The gateway failed; its log says where."),
    "archive_unavailable": Kind(503, 503, "The archive does not answer.", "time: Retry-After"),
    "broker_unavailable": Kind(503, 503, "The broker is away.", "time: Retry-After"),
    "broker_timeout": Kind(503, 503, "The broker does not acknowledge.", "time: Retry-After"),
    "broker_refused": Kind(503, 503, "The broker refused the record.", "its operator"),
    "topic_missing": Kind(503, 503, "A topic does not exist.", "`dmstream topics --create`"),
    "partitions_differ": Kind(
        503,
        503,
        "The gateway's DM_PARTITIONS is not what keys are spread by: it writes nothing.",
        "its operator: the gateway with the right number",
    ),
    "shutting_down": Kind(503, 503, "This gateway is stopping.", "time: Retry-After"),
    "hooks_unknown": Kind(503, 503, "The webhooks could not be read yet.", "time: Retry-After"),
    "keys_unknown": Kind(503, 503, "The keys could not be read yet.", "time: Retry-After"),
}

_OF_X = 272
"""Ayrshare's number for a lost authorisation on X; 161 is Facebook's."""


class Problem(Exception):  # noqa: N818 - it is the answer, not only a mishap
    """Becomes the answer. `message` holds no text of a message and no secret."""

    def __init__(
        self,
        reason: str,
        message: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
        **more: str | datetime | None,
    ) -> None:
        self.kind = KINDS.get(reason, Kind(502, 502, _PLATFORM))
        super().__init__(message or self.kind.sentence)
        self.reason = reason
        self.message = message or self.kind.sentence
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(retry_after)
        self.more = more
        """Members of `ErrorAnswer` beside the four."""

    @property
    def status(self) -> int:
        return self.kind.status

    def answer(self) -> "ErrorAnswer":
        code = self.kind.code
        if self.reason == "token_invalid" and self.more.get("platform") == "twitter":
            code = _OF_X
        return ErrorAnswer.model_validate(
            {
                "status": "error",
                "code": code,
                "message": self.message,
                "reason": self.reason,
                **{name: value for name, value in self.more.items() if value is not None},
            }
        )


class ErrorAnswer(ApiModel):
    """Every error. `reason` is for programs and does not change; `message` is for people."""

    status: str = Field(default="error", pattern="^error$")
    code: int = Field(description="Ayrshare's number where it has one, else the HTTP status.")
    message: str
    reason: str
    platform: str | None = None
    command_id: str | None = Field(default=None, description="The command that was refused.")
    conversation_id: str | None = None
    expires_at: Instant | None = Field(
        default=None, description="reply_window_closed: when the window ended."
    )
    opens_at: Instant | None = Field(
        default=None,
        description="When time alone changes the answer: the start of the next month, or when a"
        " send is let through to see whether the thread came back.",
    )
