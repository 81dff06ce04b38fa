"""Each field of an event is content, or is not: a new one has to be put in its place."""

import re
from typing import get_args

from pydantic import BaseModel

from schemas import data, events
from sinks import redaction
from sinks.migrate import migrations

CONTENT = {
    "text", "attachments", "quick_reply_payload", "correspondent", "emoji", "name", "title",
    "payload", "metadata", "media_urls",
}  # fmt: skip


def bodies() -> list[type[BaseModel]]:
    """Of all events that are about a conversation."""
    union = get_args(events.Event)[0]
    found = [kind.model_fields["data"].annotation for kind in get_args(union)]
    of_conversations = (data.InConversation, data.Unrecognised)
    return [body for body in found if issubclass(body, of_conversations)]


def test_each_field_of_an_event_is_kept_emptied_or_content() -> None:
    fields = {name for body in bodies() for name in body.model_fields}
    kinds = [redaction.KEPT, redaction.EMPTIED, {redaction.UNTIL_ERASED}, CONTENT]
    assert fields == set().union(*kinds)
    assert sum(map(len, kinds)) == len(fields), "a field stands in two places"


def test_what_the_contract_asks_for_is_never_dropped() -> None:
    for body in bodies():
        required = {name for name, field in body.model_fields.items() if field.is_required()}
        assert required <= redaction.KEPT | redaction.EMPTIED, body


def test_the_proof_looks_for_each_kind_of_content() -> None:
    (view,) = [m.text for m in migrations() if m.name == "0007_erasures"]
    looked_for = set(re.findall(r"'(\w+)'", " ".join(re.findall(r"\[('\w+'[^]]*)\]", view))))
    columns = {"text", "attachments", "emoji", "correspondent"}
    assert looked_for | columns >= CONTENT
    assert f"'{redaction.MARK}'" in view
