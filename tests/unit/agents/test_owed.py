"""What an earlier owner left undone, as far as it holds back acknowledgements."""

from schemas import events
from streams.agents.owed import Heard, Owed
from streams.agents.working_set import WorkingSet
from tests.unit.agents.deciding import Table, message


def received(number: int) -> Heard:
    return Heard(message(events.MessageReceived, f"m{number}"), number, 0)


def test_what_is_owed_counts_from_the_oldest_record_that_is_not_settled() -> None:
    owed, states = Owed(), WorkingSet(Table())
    for number in (3, 5, 8):
        owed.note(received(number), decides=True, asks=False)
    open_ids = {received(5).event.id, received(8).event.id}
    owed.settle(states, lambda event: event.id in open_ids)
    assert owed.first_offset() == 5
    open_ids = {received(8).event.id}
    owed.settle(states, lambda event: event.id in open_ids)
    assert owed.first_offset() == 8
    found, sends = owed.take(states)
    assert ([heard.offset for heard in found], sends) == ([8], [])
    assert owed.first_offset() is None


def test_one_that_stays_open_spares_the_look_at_all_behind_it() -> None:
    owed, states, looked = Owed(), WorkingSet(Table()), list[str]()
    for number in range(100):
        owed.note(received(number), decides=True, asks=False)
    owed.settle(states, lambda event: not looked.append(event.id))
    assert looked == [received(0).event.id]


def test_an_account_whose_history_stays_due_holds_no_acknowledgement_back() -> None:
    owed, states = Owed(), WorkingSet(Table())
    owed.note(received(1), decides=False, asks=True)
    assert owed.first_offset() is None
    assert [heard.offset for heard in owed.take(states)[0]] == [1]
