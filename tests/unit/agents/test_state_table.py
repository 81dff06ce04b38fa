"""State by partition: read over all, dropped as a whole."""

from streams.agents.state_table import Parts


def test_keys_are_found_whatever_their_partition_and_go_with_it() -> None:
    parts = Parts()
    parts.apply(1, [(b"a", b"1"), (b"b", b"2")])
    parts.apply(3, [(b"c", b"3")])
    assert (parts.get(b"a"), parts.get(b"c"), parts.get(b"d")) == (b"1", b"3", None)
    assert sorted(parts.items()) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    parts.keep({3, 5})
    assert list(parts.items()) == [(b"c", b"3")]
    assert parts.get(b"a") is None


def test_of_several_changes_of_a_key_the_last_holds_and_none_takes_it_away() -> None:
    parts = Parts()
    parts.apply(0, [(b"a", b"1"), (b"a", None), (b"b", None), (b"c", b"1"), (b"c", b"2")])
    assert list(parts.items()) == [(b"c", b"2")]
    parts.apply(0, [(b"a", b"3")])
    assert parts.get(b"a") == b"3"
