"""The OpenAPI 3.1 document, made from the routes and their models.

`python -m streams.api.openapi > docs/openapi.json` writes it; a test compares the two.
"""

import sys
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from streams.api.documents import with_rates
from streams.api.examples import put_examples

API_VERSION = "1"
_DESCRIPTION = (
    "Direct messages of Messenger, Instagram and X: send, read complete histories, archive, answer"
    " by itself. Bodies are those of Ayrshare's messages endpoints; what is more is marked in"
    " docs/api.md."
)
_FASTAPIS = ("HTTPValidationError", "ValidationError")
"""Schemas of an answer that is never given: what is invalid is 400, in our shape."""


def document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(
            title="dmstream", version=API_VERSION, description=_DESCRIPTION, routes=app.routes
        )
        for path in made["paths"].values():
            for operation in path.values():
                _without_fastapis(operation["responses"])
        for name in _FASTAPIS:
            made["components"]["schemas"].pop(name, None)
        put_examples(made)
        app.openapi_schema = with_rates(made)
    return app.openapi_schema


def written(app: FastAPI) -> bytes:
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document(app), option=options)


def _without_fastapis(responses: dict[str, Any]) -> None:
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema and schema.get("$ref", "").endswith(_FASTAPIS):
        del responses["422"]


if __name__ == "__main__":
    from streams.api.app import document_app

    sys.stdout.buffer.write(written(document_app()))
