"""What Ayrshare's errors mean. It passes upstream errors on, and its own codes are few.

Order of evidence: Ayrshare's codes about linking and plan; then the network's own code or subcode
where the text carries it (`(#10) ...`), by Meta's table; then Ayrshare's general codes; then the
status. The text itself decides in two documented cases only: the thread-control sentence, whose
code Ayrshare does not publish, and `#10`, which upstream uses for the closed window too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from streams.providers import answers, waits
from streams.providers.answers import Json
from streams.providers.meta import errors as meta_errors
from streams.providers.protocol import ErrorClass, SendError

CODES: dict[int, tuple[ErrorClass, str]] = {
    156: (ErrorClass.TOKEN_INVALID, "the network is not linked: link the account"),
    161: (ErrorClass.TOKEN_INVALID, "Facebook's authorisation is lost: link the account again"),
    272: (ErrorClass.TOKEN_INVALID, "X's authorisation is lost: link the account again"),
    361: (ErrorClass.ACCOUNT_RESTRICTED, "messaging is not enabled: enable it for the profile"),
    362: (ErrorClass.TOKEN_INVALID, "the account must be linked again before it can message"),
}
GENERAL_CODES: dict[int, tuple[ErrorClass, str]] = {
    101: (ErrorClass.BAD_REQUEST, "a parameter is missing or wrong"),
}
# By Ayrshare's page on HTTP status codes.
STATUSES: dict[int, tuple[ErrorClass, str]] = {
    401: (ErrorClass.TOKEN_INVALID, "the API key is not valid"),
    402: (ErrorClass.ACCOUNT_RESTRICTED, "the plan does not pay for this"),
    403: (
        ErrorClass.ACCOUNT_RESTRICTED,
        "the profile is suspended, or the plan does not allow this",
    ),
}

_THREAD_CONTROL = "another app is controlling this thread"
_OUTSIDE_WINDOW = re.compile(r"outside (of )?(the )?allowed window", re.IGNORECASE)
_UPSTREAM_CODE = re.compile(r"\(#(\d{1,8})\)")
_UPSTREAM_SUBCODE = re.compile(r"subcode\W{0,5}(\d{4,8})", re.IGNORECASE)
_UPSTREAM_KEYS = ("error_subcode", "errorSubcode", "subcode", "subCode")

RATE_WINDOW_SECONDS = 300.0
"""300 requests in 5 minutes per profile; a 429 names no wait, and 1,000 of them in a day suspend
the profile: so wait the window out."""


def classify_error(status: int | None, headers: Mapping[str, str], body: bytes) -> SendError:
    """What an answer of Ayrshare that is no success means. Pure; never raises."""
    headers = answers.lower_names(headers)
    wait = waits.retry_after(headers)
    found = list(_errors(answers.parse(body)))
    code = next((c for error in found if (c := answers.integer(error.get("code")))), None)
    row, subcode = _evidence(found, status)
    retriable = any(error.get("retryAvailable") is True for error in found)
    if row is None and retriable and (status or 0) >= 500:  # noqa: PLR2004
        # Never after a 4xx: that is the rule of Ayrshare's own tools.
        row = (ErrorClass.TRANSIENT, "says that trying again is safe")
    if row is None:
        if status == 429 and not wait.is_known:  # noqa: PLR2004
            wait = waits.Wait(seconds=RATE_WINDOW_SECONDS)
        says_error = any(error.get("status") == "error" for error in found)
        return answers.by_status(
            "Ayrshare", status, headers, wait, code=code, says_error=says_error
        )
    error_class, what = row
    if error_class is ErrorClass.RATE_LIMITED and not wait.is_known:
        wait = waits.Wait(seconds=RATE_WINDOW_SECONDS)
    if error_class is ErrorClass.THREAD_CONTROL:
        sentence = what
    else:
        sentence = f"Ayrshare: {what}{answers.in_brackets(status, code, subcode)}"
    return SendError(
        error_class,
        sentence,
        code=code,
        subcode=subcode,
        http_status=status,
        retry_after_seconds=wait.seconds,
        retry_at=wait.at,
    )


def _evidence(
    found: list[Json], status: int | None
) -> tuple[tuple[ErrorClass, str] | None, int | None]:
    """The deciding row and the upstream subcode."""
    codes = [code for error in found if (code := answers.integer(error.get("code"))) is not None]
    for code in codes:
        if code in CODES:
            return CODES[code], None
    for error in found:
        row, subcode = _upstream(error)
        if row is not None:
            return row, subcode
    for code in codes:
        if code in GENERAL_CODES:
            return GENERAL_CODES[code], None
    return (STATUSES.get(status) if status is not None else None), None


def _upstream(error: Json) -> tuple[tuple[ErrorClass, str] | None, int | None]:
    message = error.get("message")
    message = message if isinstance(message, str) else ""
    if _THREAD_CONTROL in message.lower():
        thread_control = (ErrorClass.THREAD_CONTROL, meta_errors.THREAD_CONTROLLED_ELSEWHERE)
        return thread_control, _subcode(error, message)
    subcode = _subcode(error, message)
    match = _UPSTREAM_CODE.search(message)
    code = int(match[1]) if match else None
    if code == 10 and subcode is None and _OUTSIDE_WINDOW.search(message):  # noqa: PLR2004
        return meta_errors.SUBCODES[2018278], None
    return meta_errors.look_up(code, subcode), subcode


def _subcode(error: Json, message: str) -> int | None:
    for holder in (error, error.get("details"), error.get("error")):
        for item in answers.objects(holder):
            for key in _UPSTREAM_KEYS:
                if (subcode := answers.integer(item.get(key))) is not None:
                    return subcode
    match = _UPSTREAM_SUBCODE.search(message)
    return int(match[1]) if match else None


def _errors(value: Any) -> Iterator[Json]:
    """Every error object in the body, innermost first: flat, or in `errors` under a status."""
    for outer in answers.objects(value):
        yield from answers.objects(outer.get("errors"))
        yield outer
