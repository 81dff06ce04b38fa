"""Paths, methods and health: what is there, and whether it is ready."""

import pytest

from streams.gateway.draining import Draining
from streams.gateway.keep import broker_away
from tests.unit.gateway.calls import RecordingPublisher, call, gateway


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/", "/webhooks/meta/", "/webhooks/y"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_404(path: str, method: str) -> None:
    reply = call(gateway(RecordingPublisher()), method, path)
    assert (reply.status, reply.error["reason"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/webhooks/ayrshare", {"POST"}),
        ("PUT", "/webhooks/meta", {"GET", "HEAD", "POST"}),
        ("DELETE", "/webhooks/x", {"GET", "HEAD", "POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("POST", "/readyz", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_405_with_allow(method: str, path: str, allowed: set[str]) -> None:
    reply = call(gateway(RecordingPublisher()), method, path)
    assert (reply.status, reply.error["reason"]) == (405, "method_not_allowed")
    assert set(reply.headers["allow"].split(", ")) == allowed


def test_the_process_lives_though_the_broker_is_away_but_is_not_ready() -> None:
    app = gateway(RecordingPublisher(trouble=broker_away()))
    assert call(app, "GET", "/healthz").status == 200
    reply = call(app, "GET", "/readyz")
    assert (reply.status, reply.error["reason"]) == (503, "broker_unavailable")
    assert call(gateway(RecordingPublisher()), "GET", "/readyz").status == 200


@pytest.mark.parametrize("path", ["/readyz", "/health/ready"])
def test_a_drained_gateway_is_alive_and_not_ready_until_it_takes_again(path: str) -> None:
    draining = Draining()
    app = gateway(RecordingPublisher(), draining=draining)
    draining.is_on = True
    reply = call(app, "GET", path)
    assert (reply.status, reply.error["reason"]) == (503, "draining")
    assert reply.headers["retry-after"] == "30"
    assert call(app, "GET", "/health/live").status == 200
    draining.is_on = False
    assert call(app, "GET", path).status == 200
