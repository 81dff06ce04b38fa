"""Short stand-ins for ids and texts: equal if those are, and nothing to read in them."""

from hashlib import blake2b
from unicodedata import normalize
from zlib import crc32


def of_text(text: str | None) -> str | None:
    """12 hex digits for a text; None where it has no visible character.

    Platforms hand a text back composed differently and with other blanks; that is the same text.
    """
    words = "" if text is None else " ".join(normalize("NFC", text).split())
    return _hex(words, 6) if words else None


def of_id(identifier: str) -> str:
    """8 hex digits for a command or message id."""
    return _hex(identifier, 4)


def of_conversation(conversation_id: str) -> int:
    """32 bits, never 0."""
    return crc32(conversation_id.encode("utf-8", "surrogatepass")) or 1


def _hex(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
