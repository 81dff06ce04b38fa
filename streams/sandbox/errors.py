"""The platforms' error answers, in their own forms: what a fault looks like on the wire."""

import json
import math
import time
from dataclasses import dataclass, field
from typing import Any

from schemas.base import Provider
from streams.sandbox.faults import FaultKind, Rule

Json = dict[str, Any]

THREAD_CONTROL = "Message failed to send because another app is controlling this thread now"


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


def refusal(provider: Provider, rule: Rule, *, now: float | None = None) -> Refusal:
    """The answer for the kinds that are an answer of the platform's own."""
    if rule.kind is FaultKind.RATE_LIMITED:
        found = _rate_limit(provider, rule.wait, time.time() if now is None else now)
    else:
        found = _TABLES[provider].get(rule.kind, _TABLES[provider][FaultKind.RESTRICTED])
    if rule.status is not None and rule.kind is not FaultKind.ERROR_IN_200:
        return Refusal(rule.status, found.body, found.headers)
    return found


def meta_error(status: int, code: int, subcode: int | None = None, text: str = "") -> Refusal:
    error: Json = {"message": f"(#{code}) {text}", "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    return Refusal(status, {"error": {**error, "fbtrace_id": "A-sandbox-trace"}})


def ayrshare_error(status: int, code: int | None, text: str, **more: Any) -> Refusal:
    error = {"action": "messages", "status": "error", "message": text, **more}
    return Refusal(status, error if code is None else {**error, "code": code})


def x_problem(status: int, title: str, detail: str) -> Refusal:
    body = {"title": title, "detail": detail, "type": "about:blank", "status": status}
    return Refusal(status, body, {"content-type": "application/problem+json"})


_META = {
    FaultKind.BUSY: meta_error(503, 2, text="Service temporarily unavailable"),
    FaultKind.THREAD_CONTROL: meta_error(400, 10, 2018300, THREAD_CONTROL),
    FaultKind.BLOCKED: meta_error(400, 551, 1545041, "Deze persoon is niet beschikbaar."),
    FaultKind.EXPIRED_TOKEN: meta_error(401, 190, 463, "Error validating access token"),
    FaultKind.WINDOW_CLOSED: meta_error(403, 10, 2018278, "This message is sent outside of..."),
    FaultKind.RESTRICTED: meta_error(400, 10, 1893063, "The page is temporarily restricted"),
    FaultKind.ERROR_IN_200: meta_error(200, 100, 2018008, "Failed to fetch the file"),
    FaultKind.ERROR_YET_KEPT: meta_error(500, 1, 1357046, "Unexpected internal error"),
}
_AYRSHARE = {
    FaultKind.BUSY: ayrshare_error(503, None, "Service unavailable", retryAvailable=True),
    FaultKind.THREAD_CONTROL: ayrshare_error(400, 370, THREAD_CONTROL),
    FaultKind.BLOCKED: ayrshare_error(400, 370, "(#551) Not available. (subcode 1545041)"),
    FaultKind.EXPIRED_TOKEN: ayrshare_error(400, 161, "Facebook authorization error."),
    FaultKind.WINDOW_CLOSED: ayrshare_error(
        400, 370, "(#10) This message is sent outside of allowed window."
    ),
    FaultKind.RESTRICTED: ayrshare_error(403, None, "User profile is suspended"),
    FaultKind.ERROR_IN_200: Refusal(
        200, {"status": "error", "errors": [ayrshare_error(200, 101, "Incorrect parameter").body]}
    ),
    FaultKind.ERROR_YET_KEPT: ayrshare_error(500, None, "Internal error"),
}
_X = {  # X knows neither windows nor thread control: the nearest refusals stand in
    FaultKind.BUSY: x_problem(503, "Service Unavailable", "Service Unavailable"),
    FaultKind.THREAD_CONTROL: x_problem(403, "Forbidden", "This operation is not permitted."),
    FaultKind.BLOCKED: x_problem(
        403, "Forbidden", "You do not have permission to DM one or more participants."
    ),
    FaultKind.EXPIRED_TOKEN: x_problem(401, "Unauthorized", "Unauthorized"),
    FaultKind.WINDOW_CLOSED: x_problem(403, "Forbidden", "This operation is not permitted."),
    FaultKind.RESTRICTED: x_problem(402, "CreditsDepleted", "No credits left"),
    FaultKind.ERROR_IN_200: Refusal(200, {"errors": [{"code": 151, "message": "An error"}]}),
    FaultKind.ERROR_YET_KEPT: x_problem(500, "Internal Server Error", "Internal Server Error"),
}
_TABLES: dict[Provider, dict[FaultKind, Refusal]] = {
    "ayrshare": _AYRSHARE,
    "meta": _META,
    "x": _X,
    "sandbox": _META,
}


def _rate_limit(provider: Provider, wait: float | None, now: float) -> Refusal:
    """With a wait in the platform's own header, or (None) without a word of one."""
    headers: dict[str, str] = {}
    match provider:
        case "x":
            headers = {"x-rate-limit-limit": "15", "x-rate-limit-remaining": "0"}
            if wait is not None:
                headers["x-rate-limit-reset"] = f"{math.ceil(now + wait)}"
            return Refusal(429, {"errors": [{"code": 88, "message": "Rate limited"}]}, headers)
        case "ayrshare":
            headers = {"x-ratelimit-max": "300", "x-ratelimit-count": "300"}
            body = ayrshare_error(429, None, "Too many requests").body
        case _:
            body = meta_error(429, 80006, text="There have been too many calls").body
            if wait is not None and wait >= 60:  # noqa: PLR2004 - Meta counts whole minutes
                usage = {"estimated_time_to_regain_access": math.ceil(wait / 60), "call_count": 100}
                headers = {"x-business-use-case-usage": json.dumps({"1": [usage]})}
                return Refusal(400, body, headers)
    if wait is not None:
        headers["retry-after"] = f"{math.ceil(wait)}"
    return Refusal(429, body, headers)
