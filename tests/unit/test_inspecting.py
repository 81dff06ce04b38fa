"""Which conversations are found in the last records of the state's changelog."""

from streams.agents.working_set import table_key
from streams.conversation import codec
from streams.conversation.state import ConversationState, ProfileState
from streams.inspecting import found_in

NAME = "facebook:1:2"
CONVERSATION = ConversationState(id=NAME, provider="meta")
PROFILE = ProfileState(registered_at=5, last_registered_at=5)


def conversation_key(profile: str, name: str = NAME) -> bytes:
    return table_key("c", profile, name)


def test_a_conversation_is_found_under_each_profile_that_has_it() -> None:
    value = codec.conversation_to_bytes(CONVERSATION)
    states = {
        conversation_key("shop"): value,
        conversation_key("club"): value,
        conversation_key("club", "facebook:1:22"): value,
        table_key("p", "shop", ""): codec.profile_to_bytes(PROFILE),
        table_key("p", "club", ""): codec.profile_to_bytes(ProfileState()),
    }
    found = {one.profileid: one for one in found_in(states, NAME)}
    assert sorted(found) == ["club", "shop"]
    assert (found["shop"].conversation, found["shop"].profile) == (CONVERSATION, PROFILE)


def test_a_profile_without_a_record_is_one_of_which_nothing_is_known() -> None:
    states = {conversation_key("shop"): codec.conversation_to_bytes(CONVERSATION)}
    (found,) = found_in(states, NAME)
    assert found.profile == ProfileState()
    (found,) = found_in(states | {table_key("p", "shop", ""): None}, NAME)
    assert found.profile == ProfileState()


def test_a_tombstone_is_no_conversation() -> None:
    states = {
        conversation_key("shop"): None,
        table_key("p", "shop", ""): codec.profile_to_bytes(PROFILE),
    }
    assert found_in(states, NAME) == []
