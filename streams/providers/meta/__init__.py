"""Messenger and Instagram by Meta's own API."""

from streams.providers.meta.connector import Meta
from streams.providers.meta.errors import classify_error

__all__ = ["Meta", "classify_error"]
