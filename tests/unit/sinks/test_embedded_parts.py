"""The embedded server's parts that need no engine."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lz4 import frame

from sinks.embedded import compression, formats, statement
from sinks.embedded.errors import EngineError, from_engine
from sinks.embedded.request import take_apart
from sinks.embedded.statement import Insert, Query


@pytest.mark.parametrize(
    ("sql", "head", "settings", "form", "rows"),
    [
        (
            b"INSERT INTO t (a) FORMAT Native\n\x01;\n",
            b"INSERT INTO t (a) ",
            b"",
            "Native",
            b"\x01;\n",
        ),
        (b"insert into t format CSV\r\n1\n", b"insert into t ", b"", "CSV", b"1\n"),
        (b"INSERT INTO t FORMAT TSV 1\n", b"INSERT INTO t ", b"", "TSV", b"1\n"),
        (
            b"INSERT INTO t SETTINGS a=1, b='FORMAT x' FORMAT TSV\n1\n",
            b"INSERT INTO t ",
            b"SETTINGS a=1, b='FORMAT x' ",
            "TSV",
            b"1\n",
        ),
        (
            b"INSERT INTO `FORMAT x` (`VALUES`) VALUES (1)",
            b"INSERT INTO `FORMAT x` (`VALUES`) ",
            b"",
            "Values",
            b" (1)",
        ),
        (b"INSERT INTO format FORMAT CSV\n1", b"INSERT INTO format ", b"", "CSV", b"1"),
        (b"INSERT INTO d.values VALUES (1)", b"INSERT INTO d.values ", b"", "Values", b" (1)"),
        (
            b"/* FORMAT a */ INSERT INTO t -- FORMAT b\n VALUES (1)",
            b"/* FORMAT a */ INSERT INTO t -- FORMAT b\n ",
            b"",
            "Values",
            b" (1)",
        ),
    ],
)
def test_an_insert_is_taken_apart(
    sql: bytes, head: bytes, settings: bytes, form: str, rows: bytes
) -> None:
    assert statement.parse(sql) == Insert(head, settings, form, rows)


@pytest.mark.parametrize(
    ("sql", "form", "is_select"),
    [
        (b"INSERT INTO t SELECT 1 FORMAT Null", None, False),
        (b"INSERT INTO t WITH 1 AS a SELECT a", None, False),
        (b"SELECT 1", None, True),
        (b" (SELECT 1) FORMAT JSON;", "JSON", True),
        (b"SELECT 'FORMAT x', (SELECT 1 FORMAT y) format CSV -- FORMAT z", "CSV", True),
        (b"WITH 1 AS a SELECT a", None, True),
        (b"SHOW TABLES FORMAT JSON", "JSON", False),
        (b"", None, False),
        (b"'", None, False),
    ],
)
def test_a_question_is_left_whole(sql: bytes, form: str | None, is_select: bool) -> None:
    assert statement.parse(sql) == Query(sql, form, is_select=is_select)


@given(st.binary(max_size=200))
def test_rows_of_any_bytes_stay_whole(data: bytes) -> None:
    parsed = statement.parse(b"INSERT INTO t FORMAT Native\n" + data)
    assert isinstance(parsed, Insert)
    assert parsed.data == data


@given(st.binary(max_size=100))
def test_any_bytes_are_a_statement_of_some_kind(sql: bytes) -> None:
    statement.parse(sql)


@given(st.binary(max_size=3_000_000 // 1000), st.integers(0, 1200))
def test_blocks_come_back(data: bytes, times: int) -> None:
    assert compression.unpack_blocks(compression.pack_blocks(data * times)) == data * times


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_changed_or_cut_block_is_refused(data: bytes, draw: st.DataObject) -> None:
    packed = bytearray(compression.pack_blocks(data))
    at = draw.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(EngineError):
        compression.unpack_blocks(bytes(packed[:at]) or b"\0")
    packed[at] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(EngineError):
        compression.unpack_blocks(bytes(packed))


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_a_stream_is_packed_as_one_frame(encoding: str) -> None:
    packer = compression.Packer(encoding)
    pieces = [b"a" * 1000, b"", b"b" * 100_000]
    packed = packer.begin() + b"".join(map(packer.pack, pieces)) + packer.finish()
    assert compression.unpack(packed, encoding) == b"".join(pieces)
    assert len(packed) < 5_000


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate", "br", "nonsense"])
def test_a_body_that_is_not_what_it_says_is_refused(encoding: str) -> None:
    with pytest.raises(EngineError):
        compression.unpack(b"plain text", encoding)


def test_the_quickest_offered_encoding_is_chosen() -> None:
    assert compression.choose("gzip, deflate, lz4;q=0.5, zstd") == "lz4"
    assert compression.choose("br") is None
    assert compression.choose("") is None


def test_settings_parameters_and_protocol_are_told_apart() -> None:
    call = take_apart(
        "POST",
        [("query", "SELECT 1"), ("max_threads", "1"), ("param_a", "x"), ("database", "d"),
         ("compress", "1"), ("session_id", "s"), ("client_protocol_version", "54405"),
         ("user", "u"), ("wait_end_of_query", "1")],
        {"accept-encoding": "gzip"},
        b"",
    )  # fmt: skip
    assert (call.sql, call.settings, call.params, call.database) == (
        b"SELECT 1",
        {"max_threads": "1"},
        {"a": "x"},
        "d",
    )
    assert call.packed_blocks
    assert call.whole
    assert call.content_encoding is None, "only with enable_http_compression"


def test_the_statement_in_the_address_comes_before_the_body() -> None:
    for body, encoding in (
        (b"1\n", ""),
        (gzip.compress(b"1\n"), "gzip"),
        (frame.compress(b"1\n"), "lz4"),
    ):
        call = take_apart(
            "POST", [("query", "INSERT INTO t FORMAT TSV")], {"content-encoding": encoding}, body
        )
        assert call.sql == b"INSERT INTO t FORMAT TSV\n1\n"


def test_a_form_is_read() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xc3\xa9\r\n--x--\r\n'
    )
    call = take_apart(
        "POST", [("max_threads", "1")], {"content-type": "multipart/form-data; boundary=x"}, body
    )
    assert (call.sql, call.params) == (b"SELECT {a:String}", {"a": "é"})


def test_an_external_table_is_refused_and_not_passed_over() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--x--\r\n'
    with pytest.raises(EngineError, match="External tables"):
        take_apart("POST", [], {"content-type": "multipart/form-data; boundary=x"}, body)


def test_errors_of_the_engine_are_freed_of_their_wrapping() -> None:
    wrapped = (
        "Streaming query failed: Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify"
        " 'x' setting in readonly mode. (READONLY) (version 26.9.2.1). (READONLY)"
    )
    error = from_engine(RuntimeError(wrapped))
    assert (error.code, error.status) == (164, 403)
    assert (
        error.text
        == "Code: 164. DB::Exception: Cannot modify 'x' setting in readonly mode. (READONLY)"
    )
    assert from_engine(RuntimeError("strange")).code == 1002


def test_formats_have_content_types() -> None:
    assert formats.content_type("TabSeparatedWithNames").startswith("text/tab-separated-values")
    assert formats.content_type("JSONCompact").startswith("application/json")
    assert formats.content_type("RowBinaryWithNames") == "application/octet-stream"
    assert formats.content_type("Pretty").startswith("text/plain")
