"""What people write: many languages and scripts, emoji of several code points, mostly short.

The phrases are data (phrases.json), so that text from right to left and look-alike letters are
reviewed where an editor shows them, not between code.
"""

import random
from functools import cache
from importlib.resources import files
from typing import Protocol

from schemas.base import Model, Platform

AUTO_REPLY = "Thank you for contacting us. A customer care agent will get back to you soon."

# One message in fifty is long: that is where platforms' limits and careless columns break.
_LONG_SHARE = 0.02
_ANY_LANGUAGE_SHARE = 0.15
_LIMIT_BYTES: dict[Platform, int] = {"instagram": 1_000, "facebook": 2_000, "x": 10_000}
"""Instagram counts bytes, Messenger and X characters; in bytes we stay below all three."""


class Language(Model):
    weight: int
    """How many of a hundred correspondents speak it."""
    openings: list[str]
    follow_ups: list[str]
    answers: list[str]


class Phrases(Model):
    languages: dict[str, Language]
    in_any_language: list[str]
    long: list[str]
    items: list[str]
    colours: list[str]
    sizes: list[str]
    days: list[str]
    first_names: list[str]
    last_names: list[str]
    reels: list[str]


class Speaker(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def language(self) -> str: ...


@cache
def phrases() -> Phrases:
    stored = files("streams.simulator").joinpath("phrases.json").read_bytes()
    return Phrases.model_validate_json(stored)


def language(rng: random.Random) -> str:
    known = phrases().languages
    return rng.choices(list(known), [one.weight for one in known.values()])[0]


def person_name(rng: random.Random) -> str:
    known = phrases()
    return f"{_one(rng, known.first_names)} {_one(rng, known.last_names)}"


def opening(rng: random.Random, to_shop_from: Speaker) -> str:
    return _said(rng, phrases().languages[to_shop_from.language].openings, to_shop_from)


def follow_up(rng: random.Random, to_shop_from: Speaker, platform: Platform) -> str:
    drawn = rng.random()
    if drawn < _LONG_SHARE:
        return _long(rng, to_shop_from, _LIMIT_BYTES[platform])
    if drawn < _LONG_SHARE + _ANY_LANGUAGE_SHARE:
        return _said(rng, phrases().in_any_language, to_shop_from)
    return _said(rng, phrases().languages[to_shop_from.language].follow_ups, to_shop_from)


def answer(rng: random.Random, from_shop_to: Speaker) -> str:
    """In the correspondent's language."""
    return _said(rng, phrases().languages[from_shop_to.language].answers, from_shop_to)


def _long(rng: random.Random, speaker: Speaker, limit: int) -> str:
    """Whole sentences up to the platform's limit or to a length drawn, whichever is less."""
    wanted = min(limit, int(rng.lognormvariate(6.5, 0.8)))
    told: list[str] = []
    size = 0
    while size < wanted:
        sentence = _said(rng, phrases().long, speaker)
        size += len(sentence.encode())
        if size > limit:
            break
        told.append(sentence)
    return "".join(told).strip()


def _said(rng: random.Random, choices: list[str], speaker: Speaker) -> str:
    """Only the marks that are there are filled: most phrases have none, and this is hot."""
    phrase = _one(rng, choices)
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
        phrase = phrase.replace("{count}", str(int(rng.random() * 5) + 2))
    return phrase.replace("{name}", speaker.name.partition(" ")[0])


def _one(rng: random.Random, values: list[str]) -> str:
    """`rng.choice` at a third of its cost."""
    return values[int(rng.random() * len(values))]
