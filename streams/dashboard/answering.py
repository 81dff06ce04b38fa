"""From a request for numbers to the answer: what is asked, and what is told about it."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from streams.dashboard import questions
from streams.dashboard.asking import Asker, Table

_LONGEST_PERIOD_DAYS = 400
_MOST_SKIPPED = 1_000_000
_MOST_NAMES = 200
HEADERS = {
    # Nothing is loaded from elsewhere. Plotly writes style elements; it makes no code.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Unasked(Exception):  # noqa: N818 - reads as what it is where it is caught
    """The request asks nothing that can be answered; the sentence says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Answers:
    """What the pages fetch. Raises NotAnswered where ClickHouse does not answer."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def rows(self, request: Request) -> Response:
        """Of a list: a page of them."""
        try:
            question, values = _asked(request)
        except Unasked as error:
            return as_json({"error": str(error)}, error.status)
        answer = await self._asker.ask(question.name, question.sql, values)
        if "conversation_id" in answer["columns"] and not question.needs_conversation:
            answer = await _with_names(self._asker, answer)
        about: dict[str, Any] = {"metric": question.metric, "sql": question.sql.strip()}
        if question.total:
            about |= {"order": question.order, "page": questions.MOST}
        return as_json(about | answer)

    async def total(self, request: Request) -> Response:
        """How many rows the pages of a list have together."""
        try:
            question, values = _asked(request)
        except Unasked as error:
            return as_json({"error": str(error)}, error.status)
        if not question.total:
            return as_json({"error": f"{question.name} is no list"}, 404)
        answer = await self._asker.ask(question.name, question.total, values)
        return as_json({"total": answer["rows"][0][0]})


def _asked(request: Request) -> tuple[questions.Question, dict[str, str | int]]:
    """Raises Unasked."""
    question = questions.BY_NAME.get(request.path_params["name"])
    if question is None:
        raise Unasked(404, "there is no such question")
    values = _parameters(request)
    if question.needs_conversation and not values["conversation"]:
        raise Unasked(400, "which conversation? give profile and conversation")
    return question, values


def _parameters(request: Request) -> dict[str, str | int]:
    """Raises Unasked."""
    asked = request.query_params
    days = _whole("days", asked.get("days", "30"), 1, _LONGEST_PERIOD_DAYS)
    skip = _whole("skip", asked.get("skip", "0"), 0, _MOST_SKIPPED)
    return dict(
        questions.parameters(
            profile=asked.get("profile", ""),
            platform=asked.get("platform", ""),
            days=days,
            conversation=asked.get("conversation", ""),
            more=asked.get("more", ""),
            skip=skip,
        )
    )


def _whole(name: str, text: str, least: int, most: int) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not (is_number and least <= int(text) <= most):
        raise Unasked(400, f"{name} is a number from {least} to {most}")
    return int(text)


async def _with_names(asker: Asker, answer: Table) -> Table:
    """The list of conversations with what their correspondents call themselves."""
    profile, conversation = (answer["columns"].index(n) for n in ("profile_id", "conversation_id"))
    places = {(row[profile], row[conversation]) for row in answer["rows"][:_MOST_NAMES]}
    if not places:
        return answer
    profiles = sorted({place[0] for place in places})
    told = await asker.ask(
        "names",
        "SELECT profile_id, conversation_id,"
        " if(correspondent_name != '', correspondent_name, correspondent_username)"
        " FROM conversations WHERE profile_id IN {profiles:Array(String)}"
        " AND conversation_id IN {conversations:Array(String)}",
        {"profiles": _array(profiles), "conversations": _array(sorted({p[1] for p in places}))},
    )
    names = {(row[0], row[1]): row[2] for row in told["rows"]}
    return {
        "columns": [*answer["columns"], "correspondent"],
        "rows": [[*r, names.get((r[profile], r[conversation]), "")] for r in answer["rows"]],
    }


def _array(values: list[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace("'", "\\'") for value in values)
    return "[" + ",".join(f"'{value}'" for value in quoted) + "]"


def as_json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(
        orjson.dumps(body), status, HEADERS | {"Cache-Control": "no-store"}, "application/json"
    )
