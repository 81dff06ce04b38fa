"""A simulation: parameters in, requests and the intention out. No clock, no network."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from random import Random

from schemas.base import Provider, rfc3339, to_milliseconds
from streams.simulator import story, world
from streams.simulator.broken import broken_requests, expected_failure
from streams.simulator.delivery import Broken, Delivery, Schedule, schedule
from streams.simulator.happenings import Happening
from streams.simulator.instants import to_ms
from streams.simulator.intention import Header, Intention
from streams.simulator.outcome import outcome

APP_ID = "1840264013927504"
"""The Meta app that the simulated pages are connected to, where the settings name none."""

PROVIDERS: tuple[Provider, ...] = ("ayrshare", "meta", "x")

_BATCHED = 0.1
"""Of Meta's happenings, how many share a POST with another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All that a simulation depends on. Raises ValueError where they contradict each other."""

    seed: int
    until: datetime
    """The end of the simulated day; nothing happens after it."""
    webhooks: int
    """All requests: first ones, duplicates and broken ones."""
    profiles: int = 12
    duplicates: float = 0.05
    late: float = 0.02
    broken: float = 0.002
    """Shares of the webhooks."""
    providers: tuple[Provider, ...] = PROVIDERS
    app_id: str = APP_ID
    """Of the pipeline's Meta app (`DM_META_APP_IDS`): thread control comes back to it."""

    def __post_init__(self) -> None:
        if self.webhooks < 1 or self.profiles < 1 or not self.providers:
            raise ValueError("a simulation needs a webhook, a profile and a provider")
        shares = (self.duplicates, self.late, self.broken)
        if min(shares) < 0 or self.duplicates + self.broken >= 1 or self.late > 1:
            raise ValueError("duplicates, late and broken are shares of the webhooks, 0 to 1")
        if self.firsts < 1:
            raise ValueError("no share of the webhooks is left to tell anything for the first time")

    @property
    def doubled(self) -> int:
        return round(self.webhooks * self.duplicates)

    @property
    def spoilt(self) -> int:
        return round(self.webhooks * self.broken)

    @property
    def firsts(self) -> int:
        """Requests that tell something for the first time."""
        return self.webhooks - self.doubled - self.spoilt

    @property
    def end(self) -> int:
        return to_ms(to_milliseconds(self.until))

    def of_the_day(self, part: str) -> Random:
        """A source of its own for each part: a change in one leaves the others as they were.

        Another day is another source, else a second day would tell the messages of the first
        again, under the same ids and at other times.
        """
        return Random(f"dmstream/{self.seed}/{self.end}/{part}")

    def lasting(self, part: str) -> Random:
        """For what is the same from day to day: the profiles and their accounts."""
        return Random(f"dmstream/{self.seed}/{part}")

    def header(self, answers: dict[int, int]) -> Header:
        told = asdict(self) | {"until": rfc3339(to_milliseconds(self.until))}
        return Header(
            parameters=told | {"providers": list(self.providers)},
            webhooks=self.webhooks,
            answers=answers,
        )


@dataclass(frozen=True, slots=True)
class Simulation:
    schedule: Schedule
    intention: Intention

    def __len__(self) -> int:
        return len(self.schedule)

    def deliveries(self) -> Iterator[Delivery]:
        """In the order of sending. Made one by one, the same bytes each time."""
        return self.schedule.deliveries()


def simulate(parameters: Parameters) -> Simulation:
    """Some ordinary days of `parameters.profiles` profiles."""
    profiles = world.build(parameters.lasting("world"), parameters.profiles, parameters.providers)
    return compose(parameters, profiles, [])


def compose(
    parameters: Parameters, profiles: list[world.Profile], arranged: list[Happening]
) -> Simulation:
    """What was arranged, and ordinary episodes of `profiles` until the webhooks are used up.

    Raises ValueError where what was arranged needs more webhooks than there are.
    """
    with _no_cycle_collection():
        return _compose(parameters, profiles, arranged)


def _compose(
    parameters: Parameters, profiles: list[world.Profile], arranged: list[Happening]
) -> Simulation:
    happenings = _fill(parameters, profiles, arranged)
    broken = broken_requests(
        parameters.of_the_day("broken"), happenings, parameters.providers, parameters.spoilt
    )
    planned = schedule(
        parameters.of_the_day("delivery"),
        happenings,
        firsts=parameters.firsts,
        duplicates=parameters.doubled,
        late=round(parameters.webhooks * parameters.late),
        broken=broken,
        until=parameters.end,
    )
    intention = outcome(parameters.header(_answers(planned)), happenings)
    failures = (expected_failure(one) for one in broken)
    intention.failures = [failure for failure in failures if failure is not None]
    return Simulation(planned, intention)


@contextmanager
def _no_cycle_collection() -> Iterator[None]:
    """Half a million small objects that all stay, and no cycles among them.

    The collector walks them over and over: 3.7 to 4.9 s with it, 3.3 s without, for 100,000.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _fill(
    parameters: Parameters, profiles: list[world.Profile], arranged: list[Happening]
) -> list[Happening]:
    """One happening a request, and some more that will share one (Meta's)."""
    firsts = parameters.firsts
    happenings = list(arranged)
    shared = sum(one.conversation.account.provider == "meta" for one in arranged) * _BATCHED
    if len(happenings) - int(shared) > firsts:
        raise ValueError(
            f"{len(arranged)} happenings are arranged and {firsts} webhooks can't tell them: "
            "ask for more webhooks"
        )
    source = story.episodes(
        parameters.of_the_day("story"), profiles, until=parameters.end, app_id=parameters.app_id
    )
    while (room := firsts + int(shared) - len(happenings)) > 0:
        told = story.fitting(source, room)
        happenings += told
        if told[0].conversation.account.provider == "meta":
            shared += len(told) * _BATCHED
    return happenings


def _answers(planned: Schedule) -> dict[int, int]:
    answers: dict[int, int] = {}
    for one in planned.planned:
        status = one.request.expected_status if isinstance(one.request, Broken) else 200
        answers[status] = answers.get(status, 0) + 1
    return dict(sorted(answers.items()))
