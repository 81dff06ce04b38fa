"""A flood of refused webhooks is no flood of log lines."""

import structlog

from streams.gateway.complaints import Complaints


def test_each_outcome_is_said_once_a_second_and_the_rest_is_counted() -> None:
    now = 0.0
    with structlog.testing.capture_logs() as logs:
        complaints = Complaints(structlog.get_logger(), clock=lambda: now)
        for _ in range(5):
            complaints.say("refused", "signature_mismatch")
        complaints.say("refused", "body_too_large")
        now = 1.0
        complaints.say("refused", "signature_mismatch")
        now = 2.0
        complaints.say("refused", "signature_mismatch")
    assert [(entry["outcome"], entry["left_out"]) for entry in logs] == [
        ("signature_mismatch", 0),
        ("body_too_large", 0),
        ("signature_mismatch", 4),
        ("signature_mismatch", 0),
    ]
