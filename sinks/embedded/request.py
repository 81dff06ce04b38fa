"""One HTTP request of ClickHouse's protocol, taken apart. Knows no engine and no web framework."""

import email.parser
import email.policy
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sinks.embedded import compression
from sinks.embedded.errors import refusal

# Parameters that are the protocol's own; everything else in the address is a setting of the engine.
_PROTOCOL = frozenset({
    "query", "database", "default_format", "user", "password", "query_id", "session_id",
    "session_timeout", "session_check", "close_session", "compress", "decompress", "stacktrace",
    "quota_key", "role", "client_protocol_version", "wait_end_of_query", "buffer_size",
})  # fmt: skip
_PARAMETER = "param_"


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for."""

    sql: bytes
    settings: Mapping[str, str]
    params: Mapping[str, str]
    """Values of `{name:Type}`, in TabSeparated escaping."""
    database: str
    default_format: str
    query_id: str
    """As the client named it; it need not be unique."""
    tag: str
    """Ours, unique: by it the statement is found among those that run."""
    session_id: str
    session_timeout: float
    """Seconds."""
    session_must_exist: bool
    packed_blocks: bool
    """`compress=1`: answer in ClickHouse's own compressed blocks."""
    content_encoding: str | None
    """What to pack the answer with, if the client asked for it."""
    is_get: bool
    whole: bool
    """`wait_end_of_query=1`: the answer begins when it is complete, so its status and summary are
    final."""


def take_apart(
    method: str, address: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes
) -> Call:
    """`address` is the query string's pairs. Raises EngineError for what can't be read."""
    body = compression.unpack(body, headers.get("content-encoding", "").lower())
    values = dict(address)
    if values.get("decompress") == "1":
        body = compression.unpack_blocks(body)
    content_type = headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        values |= _form(content_type, body)
        body = b""
    elif content_type.startswith("application/x-www-form-urlencoded") and body.startswith(
        b"query="
    ):
        values |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        body = b""
    query = values.get("query", "").encode()
    return Call(
        # As ClickHouse does: what stands in the address comes first, then the body.
        sql=query + b"\n" + body if query and body else query or body,
        settings={
            name: value
            for name, value in values.items()
            if name not in _PROTOCOL and not name.startswith(_PARAMETER)
        },
        params={
            name.removeprefix(_PARAMETER): value
            for name, value in values.items()
            if name.startswith(_PARAMETER)
        },
        database=values.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=(
            headers.get("x-clickhouse-format") or values.get("default_format") or "TabSeparated"
        ),
        query_id=values.get("query_id") or str(uuid.uuid4()),
        tag=uuid.uuid4().hex,
        session_id=values.get("session_id", ""),
        session_timeout=_seconds(values.get("session_timeout", "60")),
        session_must_exist=values.get("session_check") == "1",
        packed_blocks=values.get("compress") == "1",
        content_encoding=(
            compression.choose(headers.get("accept-encoding", ""))
            if values.get("enable_http_compression") == "1"
            else None
        ),
        is_get=method == "GET",
        whole=values.get("wait_end_of_query") == "1",
    )


def _seconds(text: str) -> float:
    if not text.isdecimal() or int(text) > 3600:  # noqa: PLR2004 - ClickHouse's max_session_timeout
        raise refusal(36, "BAD_ARGUMENTS", "session_timeout is a number of seconds, at most 3600.")
    return float(text)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form. External tables come as files, and are not taken."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise refusal(48, "NOT_IMPLEMENTED", "External tables are not taken by this server.")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode("utf-8", "replace")
    return fields
