"""Media addresses: public ones only, unless the settings allow others.

The platforms fetch most media themselves; what our delivery worker fetches, it checks again at
the moment of connecting. Here the caller is told at once, and nothing of it reaches the log.
"""

from collections.abc import Sequence

from streams import public_addresses
from streams.api.errors import Problem

_WEB = frozenset({"http", "https"})


async def check(urls: Sequence[str], *, allow_private: bool) -> None:
    """Raises Problem. It names the address by its number: one may hold a signature."""
    if allow_private:
        return
    for number, url in enumerate(urls, start=1):
        why = await public_addresses.why_not(url, _WEB)
        if why is not None:
            raise Problem("invalid", f"Media address {number} {why}.")
