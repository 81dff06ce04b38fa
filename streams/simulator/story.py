"""How conversations go: what people write, how fast a shop answers, and what happens beside it."""

import random
from collections.abc import Iterator

from streams.simulator import texts, world
from streams.simulator.happenings import Happening, Pressed, Written
from streams.simulator.scene import Scene
from streams.simulator.world import HOUR_MS, Conversation, Profile

_OPENS, _CLOSES = 8, 20
"""Hours of business, local."""

# Per turn or message; together they make about a dozen happenings of an episode.
_NEVER_ANSWERED = 0.08
_GOES_ON = 0.55
_WRITES_AGAIN = 0.35
_ANSWERS_AGAIN = 0.25
_WITH_MEDIA = 0.12
_AS_REPLY = 0.1
_QUICK_REPLY = 0.04
_EDITS = 0.04
_EDITS_AGAIN = 0.3
_UNSENDS = 0.025
_REACTS = 0.18
_TAKES_IT_BACK = 0.2
_PRESSES = 0.05
_BY_LINK = 0.06
_LOSES_CONTROL = 0.04
_CONTROL_COMES_BACK = 0.7
_ASKED_FOR_CONTROL = 0.01
_UNKNOWN = 0.02
_TYPES = 0.3

_TRIES = 25


def episodes(
    rng: random.Random, profiles: list[Profile], *, until: int, app_id: str
) -> Iterator[list[Happening]]:
    """Endless: one stretch of one conversation after the other, each in the order of time.

    They come in no order of time among each other. Nothing happens after `until`, so that late
    ones end in the middle: those are the conversations that wait for a reply.
    """
    weights = [profile.weight for profile in profiles]
    taken: dict[str, list[tuple[int, int]]] = {}
    while True:
        profile = rng.choices(profiles, weights)[0]
        conversation = world.someone(rng, profile)
        start = world.moment(rng, profile, earliest=0, until=until)
        told = cut(episode(rng, profile, conversation, start, app_id), until)
        busy = taken.setdefault(conversation.id, [])
        # Two at once in one conversation nobody has.
        if not told or any(told[0].at <= end and told[-1].at >= begin for begin, end in busy):
            continue
        busy.append((told[0].at, told[-1].at))
        yield told


def fitting(source: Iterator[list[Happening]], room: int) -> list[Happening]:
    """The next episode of at most `room` happenings, whole.

    Where the room is too small for any, one that has only just begun: its first message.
    """
    for _ in range(_TRIES):
        told = next(source)
        if len(told) <= room:
            return told
    return told[:1]


def cut(told: list[Happening], until: int) -> list[Happening]:
    """Without what is after `until`. A press whose message is cut goes with it (scene.py)."""
    kept = [happening for happening in told if happening.at <= until]
    while kept and isinstance(kept[-1], Pressed):
        kept.pop()
    return kept


def episode(
    rng: random.Random, profile: Profile, conversation: Conversation, start: int, app_id: str
) -> list[Happening]:
    """A correspondent writes, the shop answers, and so on until one of them has enough."""
    scene = Scene(conversation, start, rng, app_id)
    last = scene.writes(texts.opening(rng, scene.person))
    if profile.auto_reply:
        scene.wait(1 + rng.random() * 2)
        scene.answers(texts.AUTO_REPLY)
    _comes_in_some_way(scene, rng)
    while True:
        last = _writes_on(scene, rng, last)
        if rng.random() < _NEVER_ANSWERED:
            break
        scene.now = _answered_at(rng, profile, scene.now)
        last = _answers(scene, rng)
        if rng.random() >= _GOES_ON:
            break
        scene.wait(rng.lognormvariate(4.5, 1.2))
        last = scene.writes(texts.follow_up(rng, scene.person, scene.account.platform))
    scene.wait(2 + rng.random() * 300)
    scene.reads()
    return scene.happenings


def _comes_in_some_way(scene: Scene, rng: random.Random) -> None:
    """After the first message, so that a conversation never consists of these alone."""
    drawn = rng.random()
    if drawn < _BY_LINK:
        scene.wait(20)
        scene.comes_by_link()
    elif drawn < _BY_LINK + _PRESSES:
        scene.wait(5 + rng.random() * 60)
        scene.presses_and_writes(texts.follow_up(rng, scene.person, scene.account.platform))
    elif drawn < _BY_LINK + _PRESSES + _UNKNOWN:
        scene.wait(10)
        scene.does_the_unknown()


def _writes_on(scene: Scene, rng: random.Random, last: Written) -> Written:
    """More messages in a row, and second thoughts about the last one."""
    while rng.random() < _WRITES_AGAIN:
        scene.wait(rng.lognormvariate(3.0, 0.9))
        if rng.random() < _TYPES:
            scene.types()
        last = scene.writes(
            texts.follow_up(rng, scene.person, scene.account.platform),
            reply_to=last.message_id if rng.random() < _AS_REPLY else "",
            quick_reply="choice-1" if rng.random() < _QUICK_REPLY else "",
            with_media=rng.random() < _WITH_MEDIA,
        )
    second_thought = rng.random()
    if second_thought < _EDITS:
        number = 1
        while number == 1 or (rng.random() < _EDITS_AGAIN and number <= _MOST_EDITS):
            scene.wait(8 + rng.random() * 90)
            # The stars, as people set them behind a correction, make each version another text:
            # Ayrshare numbers no edits, so that only the text tells two of them apart.
            text = texts.follow_up(rng, scene.person, scene.account.platform) + "*" * number
            scene.edits(last, text, number)
            number += 1
    elif second_thought < _EDITS + _UNSENDS:
        scene.wait(10 + rng.random() * 120)
        scene.unsends(last)
    return last


_MOST_EDITS = 5
"""Meta lets a person edit a message up to five times."""


def _answers(scene: Scene, rng: random.Random) -> Written:
    """One answer or some, read and perhaps reacted to; rarely another app is in between."""
    if scene.has_thread_control and rng.random() < _ASKED_FOR_CONTROL:
        scene.another_app_asks()
    if scene.has_thread_control and rng.random() < _LOSES_CONTROL:
        _another_app_answers(scene, rng)
    last = scene.answers(texts.answer(rng, scene.person), by_app=rng.random() < 0.7)  # noqa: PLR2004
    while rng.random() < _ANSWERS_AGAIN:
        scene.wait(rng.lognormvariate(3.2, 0.8))
        last = scene.answers(texts.answer(rng, scene.person))
    scene.wait(2 + rng.lognormvariate(4.0, 1.5))
    scene.reads()
    if rng.random() < _REACTS:
        scene.wait(2 + rng.random() * 30)
        scene.reacts(last, then_removes=rng.random() < _TAKES_IT_BACK)
    return last


def _another_app_answers(scene: Scene, rng: random.Random) -> None:
    """An agent takes the thread in Meta's inbox; what is written there we hear on standby."""
    scene.another_app_takes_over()
    scene.wait(20 + rng.random() * 200)
    scene.answers(texts.answer(rng, scene.person))
    scene.wait(20 + rng.random() * 200)
    scene.writes(texts.follow_up(rng, scene.person, scene.account.platform))
    if rng.random() < _CONTROL_COMES_BACK:
        scene.wait(30 + rng.random() * 600)
        scene.control_comes_back()
    scene.wait(5)


def _answered_at(rng: random.Random, profile: Profile, asked: int) -> int:
    """Some minutes later; what falls outside the hours of business waits for the morning."""
    at = asked + int(rng.lognormvariate(0, 0.9) * profile.reply_minutes * 60_000)
    hour = world.local_hour(profile, at)
    if _OPENS <= hour < _CLOSES:
        return at
    hours = (_OPENS - hour) % 24
    return at // HOUR_MS * HOUR_MS + hours * HOUR_MS + int(rng.random() * 40 * 60_000)
