"""X by its own API."""

from streams.providers.x.connector import X
from streams.providers.x.errors import classify_error
from streams.providers.x.media import MediaFetcher

__all__ = ["MediaFetcher", "X", "classify_error"]
