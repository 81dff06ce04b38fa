"""Which port each process is watched on, where nobody says so."""

NAMES = ("gateway", "conversations", "delivery", "history", "webhooks")
FIRST = 9460
"""Of the gateway; the workers have the next ones, in the order of NAMES."""


def port_of(wanted: int | None, name: str) -> int:
    """`wanted`, or the one that belongs to the name. 0: none."""
    return FIRST + NAMES.index(name) if wanted is None else wanted
