"""State is a fold of the log, whatever dies when (invariants 4 to 7)."""

from collections import defaultdict

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import events
from schemas.events import Event
from streams.conversation import months
from streams.conversation.keys import command_of
from streams.conversation.outcomes import outcome_of
from streams.conversation.rules import Rules
from tests.unit.conversation.erasing import without_what_was_erased
from tests.unit.conversation.pipeline import Pipeline
from tests.unit.conversation.test_order import the_same
from tests.unit.conversation.world import folded

ACTIONS = [
    "writes", "types_elsewhere", "is_delivered_again", "thread_passes", "limit_changes",
    "is_asked_to_send", "is_asked_again", "time_passes", "sends", "echo_comes_late", "reads",
    "decides", "commits", "stores", "dies", "is_asked_to_erase", "account_comes_and_goes",
    "answers_by_itself", "clock_moves",
]  # fmt: skip
GHOSTS = ["is_taken_for_dead", "a_ghost_writes"]
STEADY = [name for name in ACTIONS if name not in {"limit_changes", "thread_passes"}]

Steps = list[tuple[str, int, int]]


def steps(actions: list[str]) -> st.SearchStrategy[Steps]:
    numbers = st.integers(0, 9)
    return st.lists(st.tuples(st.sampled_from(actions), numbers, numbers), max_size=60)


def run(chosen: Steps, limit: int = 2) -> Pipeline:
    pipeline = Pipeline(rules=Rules(monthly_limit=limit))
    for action, one, two in chosen:
        getattr(pipeline, action)(one, two)
    pipeline.drains()
    return pipeline


def by_command(log: list[Event]) -> dict[str, list[Event]]:
    told: dict[str, list[Event]] = defaultdict(list)
    for event in log:
        command_id = command_of(event)
        if command_id is not None:
            told[command_id].append(event)
    return told


@settings(deadline=None, max_examples=150)
@given(steps(ACTIONS))
@example([("writes", 0, 0), ("reads", 9, 0), ("dies", 1, 0), ("reads", 9, 0)])
def test_state_rebuilt_from_the_log_equals_the_live_state(chosen: Steps) -> None:
    """Invariant 4."""
    pipeline = run(chosen)
    the_same(pipeline.worker, folded(pipeline.log))


@settings(deadline=None, max_examples=150)
@given(steps(ACTIONS))
@example([("writes", 0, 0), ("clock_moves", 9, 0), ("is_asked_to_erase", 0, 0), ("reads", 9, 9)])
def test_state_rebuilt_from_a_log_without_what_was_erased_equals_the_live_state(
    chosen: Steps,
) -> None:
    """Invariant 4: the archive has no content of who was erased, and must fold to the same."""
    pipeline = run(chosen)
    the_same(pipeline.worker, folded(without_what_was_erased(pipeline.log)))


@settings(deadline=None, max_examples=100)
@given(steps(ACTIONS))
def test_every_command_gets_exactly_one_outcome(chosen: Steps) -> None:
    """Invariant 6."""
    pipeline = run(chosen)
    told = by_command(pipeline.log)
    asked_for = {command.command_id for command, _ in pipeline.commands} - pipeline.refused
    for command_id in asked_for | {name for name in told if name.startswith("auto-")}:
        outcome = outcome_of(told[command_id])
        assert outcome.status in {"sent", "failed", "rejected", "unknown", "applied"}
        assert not outcome.contradictory


@settings(deadline=None, max_examples=100)
@given(steps(ACTIONS))
def test_no_message_is_taken_for_two_commands(chosen: Steps) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for event in run(chosen).log:
        if isinstance(event, events.MessageSent) and event.data.command_id is not None:
            owners[event.data.message_id].add(event.data.command_id)
    assert all(len(commands) == 1 for commands in owners.values())


@settings(deadline=None, max_examples=100)
@given(steps(STEADY), st.integers(0, 3))
def test_never_more_conversations_than_the_limit_are_sent_to_in_a_month(
    chosen: Steps, limit: int
) -> None:
    """Invariant 7."""
    sent_to: dict[str, set[str | None]] = defaultdict(set)
    for event in run(chosen, limit).log:
        if isinstance(event, events.SendAccepted):
            sent_to[event.data.month].add(event.subject)
    assert all(len(conversations) <= limit for conversations in sent_to.values())


@settings(deadline=None, max_examples=100)
@given(steps(ACTIONS))
def test_one_conversation_is_given_one_rank_and_one_rank_one_conversation(chosen: Steps) -> None:
    ranks: dict[tuple[str, str], set[int]] = defaultdict(set)
    for event in run(chosen).log:
        if isinstance(event, events.ConversationActivated | events.SendAccepted):
            ranks[event.data.month, event.subject or ""].add(event.data.rank)
    assert all(len(given_out) == 1 for given_out in ranks.values())
    months = {month for month, _ in ranks}
    for month in months:
        taken = [next(iter(rank)) for (of, _), rank in ranks.items() if of == month]
        assert len(set(taken)) == len(taken)


@settings(deadline=None, max_examples=150)
@given(steps([*ACTIONS, *GHOSTS]))
def test_state_equals_the_logs_even_where_a_worker_taken_for_dead_writes_on(chosen: Steps) -> None:
    """Invariant 4."""
    pipeline = run(chosen)
    the_same(pipeline.worker, folded(pipeline.log))


@settings(deadline=None, max_examples=150)
@given(steps([*STEADY, *GHOSTS]), st.integers(0, 3))
def test_no_more_places_than_the_limit_even_where_a_worker_taken_for_dead_writes_on(
    chosen: Steps, limit: int
) -> None:
    """Invariant 7. What the ghost accepted is accepted; but places stay places of one."""
    pipeline = run(chosen, limit)
    worker = pipeline.worker
    for month in worker.profile.holders:
        places = [
            months.rank_of(worker.profile, conversation, month)
            for conversation in worker.conversations.values()
        ]
        allowed = [place for place in places if place is not None and place <= limit]
        assert len(set(allowed)) == len(allowed) <= limit
