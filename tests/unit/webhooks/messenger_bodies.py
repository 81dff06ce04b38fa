"""Bodies of Messenger with one item changed, or with broken ones among good ones."""

from typing import Any

from tests.unit.webhooks import reading


def message(**changes: Any) -> dict[str, Any]:
    """A Messenger body whose one item has these keys changed."""
    body = reading.tree("meta", "messenger_text")
    item = body["entry"][0]["messaging"][0]
    for key, value in changes.items():
        if value is ...:
            del item[key]
        else:
            item[key] = value
    return body


def batch(*broken: Any) -> dict[str, Any]:
    """A good item, broken ones, a good item."""
    body = reading.tree("meta", "messenger_text")
    good = body["entry"][0]["messaging"][0]
    last = {**good, "message": {"mid": "m_last", "text": "last"}}
    body["entry"][0]["messaging"] = [good, *broken, last]
    return body
