"""Simulated days that several tests look at: made once."""

from datetime import UTC, datetime
from functools import cache

from streams.simulator.simulation import Parameters, Simulation, simulate

UNTIL = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)


def parameters(**changed: object) -> Parameters:
    return Parameters(**({"seed": 7, "until": UNTIL, "webhooks": 400} | changed))  # type: ignore[arg-type]


@cache
def a_large_day() -> Simulation:
    """Enough for every kind to occur, and for one POST with more than a hundred updates."""
    return simulate(parameters(webhooks=20_000, broken=0.003))


@cache
def a_small_day() -> Simulation:
    return simulate(parameters(webhooks=1_500, broken=0.01))
