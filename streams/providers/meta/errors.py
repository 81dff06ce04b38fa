"""What Meta's errors mean: by subcode first, then by code; never by text or by HTTP status.

The same condition comes as HTTP 400, 403 or 200, and texts are localised. Sources of the rows:
Meta's pages on Send API errors, error handling and rate limiting, and errors that users of the
API have published.
"""

from collections.abc import Mapping
from typing import Any

from streams.providers import answers, waits
from streams.providers.protocol import ErrorClass, SendError

THREAD_CONTROLLED_ELSEWHERE = (
    "Message failed to send because another app is controlling this thread now"
)

# subcode -> class, and what to tell people. A subcode means the same under every code it was
# seen with (1545041 came under 551, 200 and 10).
SUBCODES: dict[int, tuple[ErrorClass, str]] = {
    2018278: (ErrorClass.WINDOW_CLOSED, "the reply window is closed"),
    2534022: (ErrorClass.WINDOW_CLOSED, "the reply window is closed"),
    2018065: (ErrorClass.WINDOW_CLOSED, "the reply window is closed"),
    2018300: (ErrorClass.THREAD_CONTROL, THREAD_CONTROLLED_ELSEWHERE),
    2534037: (ErrorClass.THREAD_CONTROL, THREAD_CONTROLLED_ELSEWHERE),
    2018321: (ErrorClass.THREAD_CONTROL, THREAD_CONTROLLED_ELSEWHERE),  # the page's automated Q&A
    2018151: (ErrorClass.THREAD_CONTROL, THREAD_CONTROLLED_ELSEWHERE),
    2018464: (ErrorClass.THREAD_CONTROL, THREAD_CONTROLLED_ELSEWHERE),  # routing not enabled
    2018108: (ErrorClass.RECIPIENT_UNAVAILABLE, "the person can't receive messages now"),
    1545041: (ErrorClass.RECIPIENT_UNAVAILABLE, "the person is not available or has blocked us"),
    2018001: (ErrorClass.RECIPIENT_UNAVAILABLE, "there is no such person"),
    2534014: (ErrorClass.RECIPIENT_UNAVAILABLE, "there is no such person"),
    2534029: (ErrorClass.RECIPIENT_UNAVAILABLE, "the person has blocked the business"),
    2534041: (ErrorClass.RECIPIENT_UNAVAILABLE, "the account's owner turned message access off"),
    2534040: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    2018338: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    1357046: (ErrorClass.MAYBE_DELIVERED, "reports an error, and may have delivered all the same"),
    2018109: (ErrorClass.BAD_REQUEST, "the attachment is too large"),
    2018047: (
        ErrorClass.BAD_REQUEST,
        "the attachment could not be uploaded, or is of another type",
    ),
    2018008: (ErrorClass.BAD_REQUEST, "the attachment could not be fetched from its address"),
    1893063: (ErrorClass.ACCOUNT_RESTRICTED, "the page is restricted for a while"),
    2022: (ErrorClass.ACCOUNT_RESTRICTED, "the page is banned from commerce messages"),
}

CODES: dict[int, tuple[ErrorClass, str]] = {
    1: (ErrorClass.MAYBE_DELIVERED, "reports an unknown error, and may have delivered"),
    2: (ErrorClass.TRANSIENT, "is out of service for a moment"),
    4: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    10: (ErrorClass.BAD_REQUEST, "the app lacks a permission for this"),
    17: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    32: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    100: (ErrorClass.BAD_REQUEST, "a parameter is wrong"),
    102: (ErrorClass.TOKEN_INVALID, "the token is no longer valid: link the account again"),
    190: (ErrorClass.TOKEN_INVALID, "the token is no longer valid: link the account again"),
    200: (ErrorClass.BAD_REQUEST, "the app lacks a permission for this"),
    341: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    368: (ErrorClass.ACCOUNT_RESTRICTED, "the account is blocked for a while for its content"),
    551: (ErrorClass.RECIPIENT_UNAVAILABLE, "the person is not available"),
    613: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    2022: (ErrorClass.ACCOUNT_RESTRICTED, "the page is banned from commerce messages"),
    80001: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    80002: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    80006: (ErrorClass.RATE_LIMITED, "asks to slow down"),
    9000001: (ErrorClass.BAD_REQUEST, "the message was deleted"),
}


def look_up(code: int | None, subcode: int | None) -> tuple[ErrorClass, str] | None:
    """The row of the subcode, else of the code; None where neither is known."""
    if subcode is not None and subcode in SUBCODES:
        return SUBCODES[subcode]
    return CODES.get(code) if code is not None else None


def classify_error(status: int | None, headers: Mapping[str, str], body: bytes) -> SendError:
    """What an answer of the Graph API that is no success means. Pure; never raises."""
    headers = answers.lower_names(headers)
    wait = waits.first_known(waits.retry_after(headers), waits.meta_usage(headers))
    value = answers.parse(body)
    code, subcode = error_codes(value)
    row = look_up(code, subcode)
    if row is None:
        says_error = any("error" in outer for outer in answers.objects(value))
        return answers.by_status(
            "Meta", status, headers, wait, code=code, subcode=subcode, says_error=says_error
        )
    error_class, what = row
    if error_class is ErrorClass.THREAD_CONTROL:
        sentence = what  # the words that users are promised, as they are
    else:
        sentence = f"Meta: {what}{answers.in_brackets(status, code, subcode)}"
    return SendError(
        error_class,
        sentence,
        code=code,
        subcode=subcode,
        http_status=status,
        retry_after_seconds=wait.seconds,
        retry_at=wait.at,
    )


def error_codes(value: Any) -> tuple[int | None, int | None]:
    """`(code, error_subcode)` of the first error in the body, in whichever wrapper it came:
    `{"error": {...}}`, a list of those, or the error alone.
    """
    for outer in answers.objects(value):
        for error in answers.objects(outer.get("error", outer)):
            code = answers.integer(error.get("code"))
            subcode = answers.integer(error.get("error_subcode"))
            if code is not None or subcode is not None:
                return code, subcode
    return None, None
