"""No 2xx before the record is kept, and a bound of what waits for it (invariant 1)."""

import asyncio
from typing import Any

import pytest

from streams.gateway.keep import broker_away, broker_slow
from tests.unit.gateway.calls import RecordingPublisher, call, call_async, gateway
from tests.unit.gateway.signing import META_BODY, post, signed


@pytest.mark.parametrize("trouble", [broker_away(), broker_slow()])
def test_a_record_that_may_not_be_kept_is_503_with_retry_after(trouble: Any) -> None:
    """Invariant 1."""
    reply = post(gateway(RecordingPublisher(trouble=trouble)), "meta", META_BODY)
    assert (reply.status, reply.error["reason"]) == (503, trouble.reason)
    assert int(reply.headers["retry-after"]) >= 1


class Ending(RecordingPublisher):
    """The loop ends: what is under way is cancelled."""

    def publish(self, *_: Any) -> asyncio.Future[None]:  # type: ignore[override]
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.get_loop().call_soon(future.cancel)
        return future


def test_a_record_whose_keeping_is_cancelled_is_503_and_its_bytes_are_given_back() -> None:
    """Invariant 1."""

    async def scenario() -> None:
        app = gateway(Ending(), max_in_flight_bytes=len(META_BODY))
        for _ in range(2):
            async with asyncio.timeout(5):
                reply = await call_async(
                    app,
                    "POST",
                    "/webhooks/meta",
                    headers=signed("meta", META_BODY),
                    chunks=[META_BODY],
                )
            assert (reply.status, reply.error["reason"]) == (503, "shutting_down")

    asyncio.run(scenario())


def test_no_answer_is_given_before_the_record_is_kept() -> None:
    """Invariant 1."""

    async def scenario() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        request = asyncio.create_task(
            call_async(
                gateway(publisher),
                "POST",
                "/webhooks/meta",
                headers=signed("meta", META_BODY),
                chunks=[META_BODY],
            )
        )
        await asyncio.sleep(0.02)
        assert not request.done()
        publisher.gate.set()
        assert (await request).status == 200
        assert len(publisher.kept) == 1

    asyncio.run(scenario())


def test_above_the_bound_of_bytes_under_way_webhooks_are_503_until_there_is_room() -> None:
    async def scenario() -> None:
        publisher = RecordingPublisher(gate=asyncio.Event())
        app = gateway(publisher, max_in_flight_bytes=2 * len(META_BODY))

        def one() -> Any:
            headers = signed("meta", META_BODY)
            return call_async(app, "POST", "/webhooks/meta", headers=headers, chunks=[META_BODY])

        held = [asyncio.create_task(one()) for _ in range(2)]
        await asyncio.sleep(0.02)
        refused = await one()
        assert (refused.status, refused.error["reason"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        publisher.gate.set()
        assert [(await task).status for task in held] == [200, 200]
        assert (await one()).status == 200

    asyncio.run(scenario())


def test_bytes_of_failed_requests_are_given_back() -> None:
    publisher = RecordingPublisher()
    app = gateway(publisher, max_in_flight_bytes=len(META_BODY), max_body_bytes=len(META_BODY))
    for _ in range(3):
        call(app, "POST", "/webhooks/meta", chunks=[META_BODY])  # 401
        call(app, "POST", "/webhooks/meta", chunks=[META_BODY[:9]], disconnects=True)
        call(app, "POST", "/webhooks/meta", chunks=[META_BODY, b"too long"])
        publisher.trouble = broker_away()
        post(app, "meta", META_BODY)
        publisher.trouble = None
    assert post(app, "meta", META_BODY).status == 200
