"""Which send gets which fault, and how the sandbox sees a message that came twice."""

from dataclasses import replace

import orjson
import pytest

from schemas.base import Provider
from streams.providers import ayrshare, meta, x
from streams.sandbox.config import Account
from streams.sandbox.errors import refusal
from streams.sandbox.faults import EFFECTS, FaultKind, Faults, Rule
from streams.sandbox.store import Attempt, Incoming, Store, conversation_id, sent_again

ACCOUNT = Account("meta", "facebook", "1")
SEND = Incoming("meta", "facebook", ACCOUNT, "2", text="hi")


def picks(*rules: Rule, count: int = 6, send: Incoming = SEND) -> list[str | None]:
    faults = Faults(seed=3, rules=list(rules))
    found = [faults.pick(send) for _ in range(count)]
    return [rule.kind.value if rule is not None else None for rule in found]


def test_a_rule_fires_so_many_times_after_so_many() -> None:
    assert picks(Rule(FaultKind.BUSY, next=2, skip=1)) == [None, "busy", "busy", None, None, None]


def test_the_first_rule_that_meets_the_send_decides() -> None:
    first = Rule(FaultKind.BLOCKED, recipient="3")
    then = Rule(FaultKind.BUSY, account="1", platform="facebook", provider="meta")
    assert picks(first, then, count=1) == ["busy"]
    assert picks(first, then, count=1, send=replace(SEND, recipient_id="3")) == ["blocked"]
    assert picks(Rule(FaultKind.BUSY, on="history"), count=1) == [None]


def test_chance_is_drawn_from_the_seed() -> None:
    rule = Rule(FaultKind.BUSY, probability=0.5)
    drawn = picks(replace(rule), count=50)
    assert drawn == picks(replace(rule), count=50)
    assert 10 < drawn.count("busy") < 40


def test_every_kind_of_fault_has_an_effect() -> None:
    assert set(EFFECTS) == set(FaultKind)


def an_attempt(*, kept: bool, settled: bool, key: str = "k") -> Attempt:
    return Attempt(key, "meta", "facebook", "1", "2", None, "hi", None, kept, settled, None)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([(False, True), (False, True), (True, False)], []),
        ([(True, False), (True, False)], ["k"]),
        ([(False, False), (True, False)], ["k"]),
        ([(True, False), (False, True)], ["k"]),
        ([(False, True)], []),
    ],
)
def test_a_message_is_sent_again_where_an_earlier_attempt_was_not_certainly_refused(
    attempts: list[tuple[bool, bool]], expected: list[str]
) -> None:
    made = [an_attempt(kept=kept, settled=settled) for kept, settled in attempts]
    assert sent_again([*made, an_attempt(kept=True, settled=False, key="other")]) == expected


def test_ids_are_in_each_platform_s_style_and_never_the_same_twice() -> None:
    store = Store(clock=lambda: 1_800_000_000.0)
    made = [store.add(Account("x", "x", "9"), "10", "correspondent").message_id for _ in range(100)]
    assert len(set(made)) == 100
    assert made == sorted(made)
    assert store.add(ACCOUNT, "2", "account").message_id.startswith("m_")
    assert conversation_id(Account("x", "x", "10"), "9") == "9-10"
    assert conversation_id(Account("x", "x", "9"), "10") == "9-10"


ANSWERS = {
    FaultKind.RATE_LIMITED: "rate_limited",
    FaultKind.BUSY: "transient",
    FaultKind.ERROR_IN_200: "bad_request",
    FaultKind.THREAD_CONTROL: "thread_control",
    FaultKind.BLOCKED: "recipient_unavailable",
    FaultKind.EXPIRED_TOKEN: "token_invalid",
    FaultKind.WINDOW_CLOSED: "window_closed",
    FaultKind.RESTRICTED: "account_restricted",
    FaultKind.ERROR_YET_KEPT: "maybe_delivered",
}


@pytest.mark.parametrize("provider", ["meta", "ayrshare", "x"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_refusals_are_what_the_connectors_read_them_as(provider: Provider, kind: FaultKind) -> None:
    classify = {"meta": meta, "ayrshare": ayrshare, "x": x}[provider].classify_error
    answer = refusal(provider, Rule(kind), now=0.0)
    error = classify(answer.status, answer.headers, orjson.dumps(answer.body))
    unknown_to_x = provider == "x" and kind in (FaultKind.THREAD_CONTROL, FaultKind.WINDOW_CLOSED)
    assert error.error_class == ("bad_request" if unknown_to_x else ANSWERS[kind])
