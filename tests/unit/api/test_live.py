"""Live streams, as far as no broker is needed."""

import pytest

from streams.api.errors import Problem
from streams.api.live import MOST_BACK, Start, frame, is_for, is_the_end, where_to_begin
from streams.api.open_streams import MOST_OF_A_KEY, OpenStreams
from streams.conversation.deletion import DELETED
from tests.unit.agents.test_hook_lane import Record as Bare
from tests.unit.agents.test_hook_lane import record
from tests.unit.conversation.world import of_profile


def test_without_an_id_it_begins_now_and_with_one_where_the_client_was() -> None:
    assert where_to_begin(None, "log", 9) == Start("log", 9, gap=False)
    assert where_to_begin("log:4", "log", 9) == Start("log", 4, gap=False)
    assert where_to_begin("log:9", "log", 9) == Start("log", 9, gap=False)


@pytest.mark.parametrize(
    "given",
    ["earlier:4", "log:10", "log:-1", "log", "4", "log:4 ", "x" * 200, f"log:{10**20}", "log:٤"],
)
def test_what_is_no_place_of_this_log_begins_now_and_says_so(given: str) -> None:
    assert where_to_begin(given, "log", 9) == Start("log", 9, gap=True)


def test_nobody_goes_back_farther_than_the_limit() -> None:
    end = MOST_BACK + 100
    assert not where_to_begin("log:100", "log", end).gap
    assert where_to_begin("log:99", "log", end).gap


def test_a_frame_names_the_place_behind_it_and_holds_the_event_on_one_line() -> None:
    found = frame("log", record(41)).split(b"\n")
    assert found[0] == b"id: log:42"
    assert found[1] == b"event: message.received"
    assert found[2] == b"data: " + record(41).value
    assert found[3:] == [b"", b""]


def test_a_stream_ends_with_the_event_that_says_that_the_profile_was_deleted() -> None:
    assert is_the_end(of_profile("messaging.deactivated", reason=DELETED).to_json())
    for other in (
        of_profile("messaging.deactivated", reason="a holiday"),
        of_profile("messaging.activated", reason=DELETED),
    ):
        assert not is_the_end(other.to_json())
    assert not is_the_end(record(41).value)
    assert not is_the_end(b'{"type":"dm.messaging.deactivated.v1"}')


class Timed(Bare):
    timestamp = 1_000


def test_only_the_profiles_own_news_are_told() -> None:
    def of(key: bytes, value: bytes, *headers: tuple[str, bytes]) -> Timed:
        return Timed(1, key, value, list(headers))

    assert is_for(of(b"shop", b"{}"), b"shop", 1_000)
    assert not is_for(of(b"shop", b"{}"), b"shop", 1_001)
    assert not is_for(of(b"other", b"{}"), b"shop", 0)
    assert not is_for(of(b"shop", b"{}", ("dm-restored-from", b"x")), b"shop", 0)
    assert not is_for(of(b"shop", b'{\n"id: forged"}'), b"shop", 0)


def test_a_key_holds_some_streams_and_a_gateway_more() -> None:
    streams = OpenStreams(MOST_OF_A_KEY + 1)
    for _ in range(MOST_OF_A_KEY):
        streams.take("a")
    with pytest.raises(Problem):
        streams.take("a")
    streams.take("b")
    with pytest.raises(Problem):
        streams.take("c")
    streams.free("a")
    streams.take("c")
