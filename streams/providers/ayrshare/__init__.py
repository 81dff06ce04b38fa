"""Facebook, Instagram and X through Ayrshare."""

from streams.providers.ayrshare.connector import Ayrshare
from streams.providers.ayrshare.errors import classify_error

__all__ = ["Ayrshare", "classify_error"]
