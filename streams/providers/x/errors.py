"""What X's errors mean. Two body forms: `{"errors":[{"code","message"}]}` and problem JSON
`{"title","detail","type","status"}`.

Problem JSON has no code. Its title and, for one case that users of the API have published, its
detail are all there is to tell a person who can't be written to from an app without permission;
both come with HTTP 403.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from streams.providers import answers, waits
from streams.providers.answers import Json
from streams.providers.protocol import ErrorClass, SendError

CODES: dict[int, tuple[ErrorClass, str]] = {
    88: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    89: (ErrorClass.TOKEN_INVALID, "the token is no longer valid: link the account again"),
    93: (ErrorClass.BAD_REQUEST, "the app may not read or write direct messages"),
    150: (ErrorClass.RECIPIENT_UNAVAILABLE, "the person takes messages from followers only"),
    151: (ErrorClass.BAD_REQUEST, "the message could not be sent"),
    226: (ErrorClass.BAD_REQUEST, "the message looks automated"),
    326: (ErrorClass.ACCOUNT_RESTRICTED, "the account is locked: its owner has to unlock it"),
    349: (ErrorClass.RECIPIENT_UNAVAILABLE, "the person can't be written to"),
    354: (ErrorClass.BAD_REQUEST, "the text is too long"),
}
TITLES: dict[str, tuple[ErrorClass, str]] = {
    "creditsdepleted": (ErrorClass.ACCOUNT_RESTRICTED, "the pay-per-use credit is used up"),
}
STATUSES: dict[int, tuple[ErrorClass, str]] = {
    401: (ErrorClass.TOKEN_INVALID, "the token is no longer valid: link the account again"),
    402: (ErrorClass.ACCOUNT_RESTRICTED, "the pay-per-use credit is used up"),
    429: (ErrorClass.RATE_LIMITED, "asks to slow down"),
}
_NO_PERMISSION_TO_WRITE = "you do not have permission to dm one or more participants"


def classify_error(status: int | None, headers: Mapping[str, str], body: bytes) -> SendError:
    """What an answer of X that is no success means. Pure; never raises."""
    headers = answers.lower_names(headers)
    found = list(_errors(answers.parse(body)))
    code = next((c for e in found if (c := answers.integer(e.get("code"))) is not None), None)
    row = _evidence(found, status)
    limited = status == 429 or (row is not None and row[0] is ErrorClass.RATE_LIMITED)  # noqa: PLR2004
    # Every answer of X names its window's reset; only where the limit was hit is it a wait.
    wait = waits.first_known(
        waits.retry_after(headers),
        waits.x_rate_limit_reset(headers) if limited else waits.NOTHING_SAID,
    )
    if row is None:
        return answers.by_status("X", status, headers, wait, code=code, says_error=bool(found))
    error_class, what = row
    return SendError(
        error_class,
        f"X: {what}{answers.in_brackets(status, code, None)}",
        code=code,
        http_status=status,
        retry_after_seconds=wait.seconds,
        retry_at=wait.at,
    )


def _evidence(found: list[Json], status: int | None) -> tuple[ErrorClass, str] | None:
    for error in found:
        code = answers.integer(error.get("code"))
        if code in CODES:
            return CODES[code]
        title = str(error.get("title", "")).replace(" ", "").lower()
        if title in TITLES:
            return TITLES[title]
    if status in STATUSES:
        return STATUSES[status]
    if status == 403 and any(  # noqa: PLR2004
        _NO_PERMISSION_TO_WRITE in str(error.get("detail", "")).lower() for error in found
    ):
        return ErrorClass.RECIPIENT_UNAVAILABLE, "the person can't be written to"
    if status == 503 and found:  # noqa: PLR2004
        # X's own words, so X decided before it did the work; a proxy's page would not be JSON.
        return ErrorClass.TRANSIENT, "is out of service for a moment"
    return None


def _errors(value: Any) -> Iterator[Json]:
    """Every error in the body: in `errors`, or the problem itself."""
    for outer in answers.objects(value):
        yield from answers.objects(outer.get("errors"))
        if any(key in outer for key in ("title", "detail", "code")):
            yield outer
