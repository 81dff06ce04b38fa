"""The OpenAPI document and the table of errors say what the code does."""

import re
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import orjson
import pytest

from streams.api.app import document_app
from streams.api.errors import KINDS
from streams.api.openapi import document, written
from streams.conversation.can_reply import Reason
from streams.gateway import keep
from streams.providers.protocol import ErrorClass

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = document(document_app())


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_checked_in_document_is_the_one_that_the_code_makes() -> None:
    """Otherwise: make openapi."""
    assert (ROOT / "docs/openapi.json").read_bytes() == written(document_app())


def test_it_is_openapi_3_1_and_asks_for_a_key_everywhere() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    for method, path, operation in operations():
        assert operation["security"], f"{method} {path}"
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])


def test_every_body_that_is_sent_has_an_example() -> None:
    for _, path, operation in operations():
        body = operation.get("requestBody")
        if body is not None:
            name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            properties = DOCUMENT["components"]["schemas"][name]["properties"]
            assert any("examples" in one for one in properties.values()), path


def test_each_good_answer_has_an_example_that_its_schema_takes_and_that_has_no_other_name() -> None:
    for method, path, operation in operations():
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if int(status) >= 300 or content is None or path == "/openapi.json":
                continue
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            jsonschema_rs.validate(schema, content["example"])
            name = content["schema"]["$ref"].rpartition("/")[2]
            known = DOCUMENT["components"]["schemas"][name]["properties"]
            assert set(content["example"]) <= set(known), f"{method} {path}"


def test_each_error_has_the_one_shape_and_an_example_of_it() -> None:
    for _, _, operation in operations():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                content = response["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorAnswer")
                assert KINDS[content["example"]["reason"]].status == int(status)


def test_every_reason_that_the_core_a_platform_or_the_broker_gives_is_in_the_table() -> None:
    away = [keep.broker_away, keep.broker_slow, keep.topic_missing, keep.stopping,
            keep.broker_refused, lambda: keep.partitions_differ("")]  # fmt: skip
    given = {*get_args(Reason), *(make().reason for make in away), "expired"}
    # What may have been delivered is no error.
    given |= {kind.value for kind in ErrorClass} - {"maybe_delivered"}
    assert given <= set(KINDS)


def test_the_manual_s_table_of_errors_is_the_code_s() -> None:
    manual = (ROOT / "docs/api.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (.*) \| (.*) \|$", manual, re.MULTILINE)
    told = {name: (int(status), int(code), *texts) for name, status, code, *texts in rows}
    assert told == {
        name: (kind.status, kind.code, kind.sentence, kind.until or "-")
        for name, kind in KINDS.items()
    }


@pytest.mark.parametrize("path", [path for _, path, _ in operations()])
def test_the_manual_names_every_route(path: str) -> None:
    assert path in (ROOT / "docs/api.md").read_text()


def test_the_document_holds_nothing_of_this_machine() -> None:
    text = orjson.dumps(DOCUMENT).decode()
    assert "127.0.0.1" not in text
    assert "HTTPValidationError" not in text
