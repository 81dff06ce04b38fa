"""The last events of `dmstream inspect`."""

from streams.cli.inspect import line_of
from streams.inspecting import happenings
from tests.unit.conversation.world import NOW, after, became, echo, writes


def test_what_is_told_twice_is_one_line_that_says_so_and_whose_doing_it_was() -> None:
    answer = echo(after(seconds=2), message_id="m1", command_id="c-1", origin="api")
    echoed = echo(after(seconds=1), message_id="m1")
    told = [writes(NOW), became("send.attempted", "c-1", NOW), echoed, answer]
    received, attempted, sent = map(line_of, happenings(told))
    assert received.split() == [NOW.isoformat(timespec="milliseconds"), "message.received"]
    assert attempted.endswith("send.attempted          attempt 1, command c-1")
    assert sent.split(maxsplit=2)[1:] == [
        "message.sent", "api, command c-1, one event, told 2 times",
    ]  # fmt: skip


def test_a_failed_send_is_told_with_its_reason_and_its_command() -> None:
    (line,) = map(line_of, happenings([became("send.failed", "c-1", NOW, reason="expired")]))
    assert line.endswith("send.failed             expired, command c-1")


def test_an_id_that_a_client_chose_moves_no_cursor() -> None:
    (line,) = map(line_of, happenings([became("send.failed", "c\x1b[2J\n1", NOW)]))
    assert line.isprintable()


def test_two_messages_are_two_lines() -> None:
    told = [echo(NOW, message_id="m1"), echo(NOW, message_id="m2")]
    assert len(happenings(told)) == 2
