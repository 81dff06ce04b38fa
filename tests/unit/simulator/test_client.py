"""Sending over real HTTP."""

import asyncio
import socket
import time
from collections import Counter
from functools import cache

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from streams.simulator.client import GatewayAwayError, Sending, Tally, send
from streams.simulator.sign import Secrets
from streams.simulator.simulation import Simulation, simulate
from tests.unit.simulator.days import parameters
from tests.unit.simulator.gateways import SECRETS, Heard, gateway

KNOWN = Secrets({name: SecretStr(secret) for name, secret in SECRETS.items()})  # type: ignore[misc]


@cache
def a_rough_day() -> Simulation:
    return simulate(parameters(webhooks=300, broken=0.1))


def sent(day: Simulation, url: str, **how: object) -> Tally:
    sending = Sending(url=url, secrets=KNOWN, **how)  # type: ignore[arg-type]
    return asyncio.run(send(day.deliveries(), len(day), sending))


def test_every_request_gets_the_answer_that_was_meant() -> None:
    day = a_rough_day()
    with gateway() as (url, heard):
        tally = sent(day, url)
    assert tally.unexpected == 0
    assert tally.done == len(day) == heard.answers.total()
    meant = Counter((one.provider, one.expected_status) for one in day.deliveries())
    assert heard.answers == meant
    assert {status for _, status in meant} == {200, 400, 401}
    accepted = [one.body for one in day.deliveries() if one.expected_status == 200]
    assert Counter(heard.bodies) == Counter(accepted)


def test_requests_come_about_in_order_and_never_more_at_once_than_allowed() -> None:
    async def taking_its_time(_: Request, body: bytes, heard: Heard) -> Response:
        heard.bodies.append(body)
        await asyncio.sleep(0.002)
        return Response(status_code=200)

    day = simulate(parameters(webhooks=200, broken=0))
    with gateway(taking_its_time) as (url, heard):
        sent(day, url, concurrency=4)
    assert heard.most_at_once == 4
    order = {body: place for place, body in enumerate(one.body for one in day.deliveries())}
    places = [order[body] for body in heard.bodies]
    # A duplicate has one place in `order`: only what is far off counts.
    near = sum(abs(place - at) <= 4 for at, place in enumerate(places))
    assert near > 0.9 * len(places)


def test_a_reader_of_the_progress_that_went_away_ends_it_with_one_plain_error() -> None:
    def nobody_reads(_: Tally) -> None:
        raise BrokenPipeError

    day = simulate(parameters(webhooks=60, broken=0))
    with gateway() as (url, _), pytest.raises(BrokenPipeError):
        asyncio.run(send(day.deliveries(), len(day), Sending(url=url, secrets=KNOWN), nobody_reads))


def test_one_at_a_time_keeps_the_order_exactly() -> None:
    day = simulate(parameters(webhooks=60, broken=0))
    with gateway() as (url, heard):
        sent(day, url, concurrency=1)
    assert heard.bodies == [one.body for one in day.deliveries()]


def test_a_503_is_tried_again_after_the_wait_it_asks_for_and_counts_once() -> None:
    refused_at: list[float] = []
    again_at: list[float] = []

    async def away_at_first(_: Request, __: bytes, heard: Heard) -> Response:
        heard.answers["all", 0] += 1
        if heard.answers["all", 0] == 1:
            refused_at.append(time.monotonic())
            return Response(status_code=503, headers={"Retry-After": "1"})
        again_at.append(time.monotonic())
        return Response(status_code=202)

    day = simulate(parameters(webhooks=1, broken=0))
    with gateway(away_at_first) as (url, _):
        tally = sent(day, url)
    assert (tally.done, tally.unexpected, tally.retries) == (1, 0, 1)
    assert tally.as_meant == {202: 1}
    assert again_at[0] - refused_at[0] >= 1


def test_answers_that_were_not_meant_are_counted_and_the_first_ones_named() -> None:
    async def refusing(_: Request, __: bytes, ___: Heard) -> Response:
        return Response(status_code=401)

    day = a_rough_day()
    with gateway(refusing) as (url, _):
        tally = sent(day, url)
    meant = sum(one.expected_status == 401 for one in day.deliveries())
    assert tally.as_meant == {401: meant}
    assert tally.unexpected == len(day) - meant
    assert len(tally.surprises) == 20
    assert {one.status for one in tally.surprises} == {401}


def test_a_gateway_that_is_away_is_waited_for_a_while_and_then_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(GatewayAwayError, match=f"no answer from {url}/webhooks/"):
        sent(simulate(parameters(webhooks=40)), url, patience_seconds=0.3)


def test_a_gateway_that_only_says_503_is_given_up_too() -> None:
    async def unavailable(_: Request, __: bytes, ___: Heard) -> Response:
        return Response(status_code=503)

    with (
        gateway(unavailable) as (url, _),
        pytest.raises(GatewayAwayError, match="nothing but 503"),
    ):
        sent(simulate(parameters(webhooks=5)), url, patience_seconds=0.3)


def test_a_rate_is_kept() -> None:
    day = simulate(parameters(webhooks=30))
    with gateway() as (url, _):
        began = time.monotonic()
        sent(day, url, rate=50.0)
        seconds = time.monotonic() - began
    assert 0.55 <= seconds < 3


def test_progress_is_told_after_each_answer() -> None:
    day = simulate(parameters(webhooks=25))
    seen: list[int] = []
    with gateway() as (url, _):
        sending = Sending(url=url + "/", secrets=KNOWN)
        asyncio.run(
            send(day.deliveries(), len(day), sending, lambda tally: seen.append(tally.done))
        )
    assert seen == list(range(1, 26))
