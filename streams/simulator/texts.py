"""What people write: many languages and scripts, emoji of several code points, mostly short.

The phrases are data (phrases.json), so that text from right to left and look-alike letters are
reviewed where an editor shows them, not between code.
"""

import json
import random
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

AUTO_REPLY = (
    "Thank you for contacting us. A customer care agent will get back to you soon."  # the default
)

# One message in fifty is long: that is where platforms' limits and careless columns break.
_LONG_SHARE = 0.02
_LIMIT_BYTES = {"instagram": 1_000, "facebook": 2_000, "x": 10_000}
"""Instagram counts bytes, Messenger and X characters; in bytes we stay below all three."""


@dataclass(frozen=True, slots=True)
class Phrases:
    openings: list[str]
    follow_ups: list[str]
    answers: list[str]
    long: list[str]
    items: list[str]
    colours: list[str]
    sizes: list[str]
    days: list[str]
    first_names: list[str]
    last_names: list[str]
    reels: list[str]


@cache
def phrases() -> Phrases:
    stored = files("streams.simulator").joinpath("phrases.json").read_text(encoding="utf-8")
    return Phrases(**json.loads(stored))


def opening(rng: random.Random, name: str) -> str:
    return _fill(rng, _one(rng, phrases().openings), name)


def follow_up(rng: random.Random, name: str, platform: str) -> str:
    if rng.random() < _LONG_SHARE:
        return _long(rng, name, _LIMIT_BYTES[platform])
    return _fill(rng, _one(rng, phrases().follow_ups), name)


def answer(rng: random.Random, name: str) -> str:
    return _fill(rng, _one(rng, phrases().answers), name)


def person_name(rng: random.Random) -> str:
    known = phrases()
    return f"{_one(rng, known.first_names)} {_one(rng, known.last_names)}"


def _long(rng: random.Random, name: str, limit: int) -> str:
    """Whole sentences up to the platform's limit or to a length drawn, whichever is less."""
    wanted = min(limit, int(rng.lognormvariate(6.5, 0.8)))
    told, size = [], 0
    while size < wanted:
        sentence = _fill(rng, _one(rng, phrases().long), name)
        size += len(sentence.encode())
        if size > limit:
            break
        told.append(sentence)
    return "".join(told).strip()


def _fill(rng: random.Random, phrase: str, name: str) -> str:
    """Only the marks that are there: most phrases have none, and this runs once a message."""
    if "{" not in phrase:
        return phrase
    known = phrases()
    for mark, values in (
        ("{item}", known.items),
        ("{colour}", known.colours),
        ("{size}", known.sizes),
        ("{day}", known.days),
    ):
        if mark in phrase:
            phrase = phrase.replace(mark, _one(rng, values))
    if "{order}" in phrase:
        phrase = phrase.replace("{order}", f"#{int(rng.random() * 900_000) + 100_000}")
    if "{count}" in phrase:
        phrase = phrase.replace("{count}", str(int(rng.random() * 8) + 2))
    return phrase.replace("{name}", name.partition(" ")[0])


def _one(rng: random.Random, values: list[str]) -> str:
    """`rng.choice` at a third of its cost."""
    return values[int(rng.random() * len(values))]
