"""The day that `make run` shows: ten profiles, and on purpose what an operator has to see.

Beside ordinary days: Instagram conversations that wait for a reply with hours or minutes left of
their window, or none; one profile close to its 100 conversations of the month, one above.
"""

import random
from collections.abc import Iterator
from datetime import datetime

from streams.simulator import instants, story, texts, world
from streams.simulator.client import Progress, Sending, Tally, send
from streams.simulator.happenings import Happening
from streams.simulator.intention import Intention
from streams.simulator.scene import Scene
from streams.simulator.sign import Secrets
from streams.simulator.simulation import APP_ID, Parameters, Simulation, compose
from streams.simulator.world import DAY_MS, HOUR_MS, Conversation, Profile

PROFILES = 10

_MONTHLY_LIMIT = 100
_NEAR = range(84, 96)
_OVER = range(103, 112)
_ANSWERED = 0.7
_MINUTE_MS = 60_000

_WAITING_SINCE_MS = (
    9 * _MINUTE_MS,
    70 * _MINUTE_MS,
    5 * HOUR_MS,
    26 * HOUR_MS,
    3 * DAY_MS,
    5 * DAY_MS + 7 * HOUR_MS,
    6 * DAY_MS + 16 * HOUR_MS,
    6 * DAY_MS + 22 * HOUR_MS,
    7 * DAY_MS - 35 * _MINUTE_MS,
    7 * DAY_MS + 20 * _MINUTE_MS,
    8 * DAY_MS,
    12 * DAY_MS,
)
"""Instagram's window is 7 days: from fresh over nearly closed to closed."""


class UnintendedAnswersError(Exception):
    """The gateway answered otherwise than meant; `tally` says where."""

    def __init__(self, tally: Tally) -> None:
        first = tally.surprises[0]
        super().__init__(
            f"{tally.unexpected} of {tally.total} requests were not answered as meant; the first, "
            f"number {first.number} of {first.provider}, got {first.status} in place of "
            f"{first.expected_status}"
        )
        self.tally = tally


async def demonstration(
    url: str,
    secrets: Secrets,
    *,
    seed: int,
    until: datetime,
    webhooks: int,
    progress: Progress | None = None,
    app_id: str = APP_ID,
) -> Intention:
    """Sends the day and returns what was meant to happen.

    Raises ValueError for too few webhooks (800 are enough), GatewayAwayError, and
    UnintendedAnswersError.
    """
    day = plan(seed=seed, until=until, webhooks=webhooks, app_id=app_id)
    sending = Sending(url=url, secrets=secrets)
    tally = await send(day.deliveries(), len(day), sending, progress)
    if tally.unexpected:
        raise UnintendedAnswersError(tally)
    return day.intention


def plan(*, seed: int, until: datetime, webhooks: int, app_id: str = APP_ID) -> Simulation:
    """The day without sending it. Raises ValueError for too few webhooks."""
    parameters = Parameters(
        seed=seed, until=until, webhooks=webhooks, profiles=PROFILES, app_id=app_id
    )
    profiles = world.build(parameters.lasting("world"), PROFILES, parameters.providers)
    rng = parameters.of_the_day("scenes")
    near, over, waiting = _cast(profiles)
    arranged = [
        *_busy_month(rng, near, _NEAR, parameters),
        *_busy_month(rng, over, _OVER, parameters),
        *_waiting(rng, waiting, parameters),
    ]
    # Of the two at their limit nothing else is told: their numbers are exact.
    others = [profile for profile in profiles if profile not in (near, over)]
    return compose(parameters, others, arranged)


def _cast(profiles: list[Profile]) -> tuple[Profile, Profile, list[Profile]]:
    """One with accounts on several platforms, two on Instagram, whatever the order."""
    several = [profile for profile in profiles if len(profile.accounts) > 1]
    instagram = [profile for profile in profiles if profile.accounts[0].route == "instagram"]
    near, over = several[0], instagram[0]
    return near, over, [*several[1:], *instagram[1:]]


def _busy_month(
    rng: random.Random, profile: Profile, wanted: range, parameters: Parameters
) -> Iterator[Happening]:
    """So many conversations in the month of `until`, most of them answered.

    However young the month is: minutes after midnight of its first day they all fall into those.
    Number and people are the month's: another day of it has other messages of the same people,
    so that a demonstration that runs again does not push the profile over its limit.
    """
    until = parameters.end
    month = instants.month(until)
    month_began = instants.parse(f"{month}-01T00:00:00Z")
    people = parameters.lasting(f"{profile.profile_id}/{month}")
    for _ in range(people.choice(wanted)):
        conversation = world.stranger(people, profile)
        start = world.moment(rng, profile, earliest=month_began, until=until)
        scene = Scene(conversation, start, rng, parameters.app_id)
        scene.writes(texts.opening(rng, scene.person), plain=True)
        if rng.random() < _ANSWERED:
            scene.wait(rng.lognormvariate(0, 0.8) * profile.reply_minutes * 60)
            scene.answers(texts.answer(rng, scene.person))
            scene.wait(5 + rng.random() * 600)
            scene.reads()
        yield from story.cut(scene.happenings, until)


def _waiting(
    rng: random.Random, profiles: list[Profile], parameters: Parameters
) -> Iterator[Happening]:
    """Conversations whose last word is the correspondent's, since just then."""
    for number, since in enumerate(_WAITING_SINCE_MS):
        profile = profiles[number % len(profiles)]
        account = next(one for one in profile.accounts if one.platform == "instagram")
        conversation = world.stranger(rng, profile, account)
        # Nobody comes back to it: it has to wait until the end.
        profile.conversations.remove(conversation)
        yield from _left_waiting(rng, conversation, parameters.end - since, parameters.app_id)


def _left_waiting(
    rng: random.Random, conversation: Conversation, last_word: int, app_id: str
) -> Iterator[Happening]:
    scene = Scene(conversation, last_word - rng.randint(2, 9) * HOUR_MS, rng, app_id)
    scene.writes(texts.opening(rng, scene.person), plain=True)
    scene.wait(240 + rng.random() * 900)
    scene.answers(texts.answer(rng, scene.person))
    scene.wait(60 + rng.random() * 900)
    scene.reads()
    scene.now = last_word
    scene.writes(texts.opening(rng, scene.person), plain=True)
    yield from scene.happenings
