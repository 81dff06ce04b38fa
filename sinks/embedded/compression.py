"""Bodies packed and unpacked: HTTP content encodings, and ClickHouse's own blocks (`compress=1`).

clickhouse-connect sends lz4 frames by `Content-Encoding`; the Java client (JDBC, DBeaver) asks for
ClickHouse's blocks: a CityHash128, a head of 9 bytes, an LZ4 block.
"""

import gzip
import struct
import sys
import zlib
from collections.abc import Callable

import lz4.block
import lz4.frame
from clickhouse_cityhash.cityhash import CityHash128

from sinks.embedded.errors import refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PREFERENCE = ("lz4", "zstd", "gzip", "deflate")
_METHOD_LZ4 = 0x82
_METHOD_NONE = 0x02
_BLOCK = 1024 * 1024
_CHECKSUM = struct.Struct("<QQ")
_HEAD = struct.Struct("<BII")
_TOO_LARGE = 1024 * 1024 * 1024


def choose(accept_encoding: str) -> str | None:
    """The content encoding to answer with; None for none."""
    offered = {part.split(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((name for name in _PREFERENCE if name in offered), None)


def pack(data: bytes, encoding: str) -> bytes:
    match encoding:
        case "lz4":
            return bytes(lz4.frame.compress(data))
        case "zstd":
            return bytes(zstd.compress(data, 1))
        case "gzip":
            return gzip.compress(data, 1)
        case "deflate":
            return zlib.compress(data, 1)
    raise _unknown(encoding)


class Packer:
    """Packs a stream whose pieces come one after another, as one frame: some readers stop after
    the first."""

    def __init__(self, encoding: str) -> None:
        self._begin = b""
        self.pack: Callable[[bytes], bytes]
        self.finish: Callable[[], bytes]
        match encoding:
            case "lz4":
                frame = lz4.frame.LZ4FrameCompressor()
                self._begin = bytes(frame.begin())
                self.pack, self.finish = frame.compress, frame.flush
            case "zstd":
                zstandard = zstd.ZstdCompressor(1)
                self.pack, self.finish = zstandard.compress, zstandard.flush
            case "gzip" | "deflate":
                deflate = zlib.compressobj(1, wbits=31 if encoding == "gzip" else 15)
                self.pack, self.finish = deflate.compress, deflate.flush
            case _:
                raise _unknown(encoding)

    def begin(self) -> bytes:
        return self._begin


def unpack(data: bytes, encoding: str) -> bytes:
    """Raises EngineError where the bytes are not what the header says."""
    try:
        match encoding:
            case "" | "identity":
                return data
            case "lz4":
                return bytes(lz4.frame.decompress(data))
            case "zstd":
                return bytes(zstd.decompress(data))
            case "gzip" | "x-gzip":
                return gzip.decompress(data)
            case "deflate":
                return zlib.decompress(data)
    except (RuntimeError, zstd.ZstdError, OSError, EOFError, zlib.error) as error:
        sentence = f"The body is not {encoding}, as Content-Encoding says."
        raise refusal(354, "ZLIB_INFLATE_FAILED", sentence) from error
    raise _unknown(encoding)


def _unknown(encoding: str) -> Exception:
    return refusal(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown content encoding: {encoding[:40]}")


def pack_blocks(data: bytes) -> bytes:
    """ClickHouse's own compressed blocks, LZ4."""
    out = bytearray()
    for start in range(0, len(data), _BLOCK):
        plain = data[start : start + _BLOCK]
        packed = lz4.block.compress(plain, store_size=False)
        body = _HEAD.pack(_METHOD_LZ4, len(packed) + _HEAD.size, len(plain)) + packed
        out += _checksum(body) + body
    return bytes(out)


def unpack_blocks(data: bytes) -> bytes:
    """Raises EngineError where a block is cut, changed or packed in a way not known here."""
    out = bytearray()
    position = 0
    while position < len(data):
        head = position + _CHECKSUM.size
        if len(data) < head + _HEAD.size:
            raise refusal(33, "CANNOT_READ_ALL_DATA", "The compressed body ends inside a block.")
        method, size, plain_size = _HEAD.unpack_from(data, head)
        body = data[head : head + size]
        if len(body) != size or plain_size > _TOO_LARGE:
            raise refusal(33, "CANNOT_READ_ALL_DATA", "The compressed body ends inside a block.")
        if _checksum(body) != data[position : position + _CHECKSUM.size]:
            raise refusal(40, "CHECKSUM_DOESNT_MATCH", "A compressed block is not what was sent.")
        if method == _METHOD_LZ4:
            out += lz4.block.decompress(body[_HEAD.size :], uncompressed_size=plain_size)
        elif method == _METHOD_NONE:
            out += body[_HEAD.size :]
        else:
            raise refusal(432, "UNKNOWN_CODEC", f"Unknown compression method {method:#x}.")
        position = head + size
    return bytes(out)


def _checksum(body: bytes) -> bytes:
    high_and_low: int = CityHash128(body)
    return _CHECKSUM.pack(high_and_low >> 64, high_and_low & 0xFFFF_FFFF_FFFF_FFFF)
