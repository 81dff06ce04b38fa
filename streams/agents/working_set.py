"""The states that one batch touches: read from the table once, written back once."""

from collections.abc import Iterator
from typing import Protocol

from schemas.events import Event
from streams.conversation import (
    CommandOutcome,
    ConversationState,
    ProfileState,
    State,
    codec,
)


class Store(Protocol):
    """The part of a mapping that is needed: bytes to bytes."""

    def get(self, key: bytes) -> bytes | None: ...


def profile_key(profile: str) -> bytes:
    return b"p\x00" + profile.encode()


def conversation_key(profile: str, conversation: str) -> bytes:
    return b"c\x00" + profile.encode() + b"\x00" + conversation.encode()


def command_key(profile: str, command_id: str) -> bytes:
    return b"o\x00" + profile.encode() + b"\x00" + command_id.encode()


class WorkingSet:
    """Decoded states by key. `changes` gives what must be written, in the order of first touch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._profiles: dict[str, ProfileState] = {}
        self._conversations: dict[tuple[str, str], ConversationState | None] = {}
        self._outcomes: dict[tuple[str, str], CommandOutcome | None] = {}

    def load(self, event: Event) -> State:
        """The states that an event is about: its profile, its conversation, its command."""
        command_id: str | None = getattr(event.data, "command_id", None)
        return self.state(event.profileid, event.subject, command_id)

    def state(self, profile: str, conversation: str | None, command_id: str | None) -> State:
        return State(
            profile=self._profile(profile),
            conversation=self._conversation(profile, conversation) if conversation else None,
            outcome=self._outcome(profile, command_id) if command_id else None,
        )

    def store(self, event: Event, state: State) -> None:
        self._profiles[event.profileid] = state.profile
        if event.subject and state.conversation is not None:
            self._conversations[event.profileid, event.subject] = state.conversation
        command_id: str | None = getattr(event.data, "command_id", None)
        if command_id and state.outcome is not None:
            self._outcomes[event.profileid, command_id] = state.outcome

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of each state whose bytes differ from the table's."""
        for key, value in self._encoded():
            if self._store.get(key) != value:
                yield key, value

    def _encoded(self) -> Iterator[tuple[bytes, bytes]]:
        for profile, profile_state in self._profiles.items():
            yield profile_key(profile), codec.profile_to_bytes(profile_state)
        for (profile, conversation), state in self._conversations.items():
            if state is not None:
                yield conversation_key(profile, conversation), codec.conversation_to_bytes(state)
        for (profile, command_id), outcome in self._outcomes.items():
            if outcome is not None:
                yield command_key(profile, command_id), codec.outcome_to_bytes(outcome)

    def _profile(self, profile: str) -> ProfileState:
        found = self._profiles.get(profile)
        if found is None:
            stored = self._store.get(profile_key(profile))
            found = codec.profile_from_bytes(stored) if stored else ProfileState(profile)
            self._profiles[profile] = found
        return found

    def _conversation(self, profile: str, conversation: str) -> ConversationState | None:
        place = (profile, conversation)
        if place not in self._conversations:
            stored = self._store.get(conversation_key(profile, conversation))
            self._conversations[place] = codec.conversation_from_bytes(stored) if stored else None
        return self._conversations[place]

    def _outcome(self, profile: str, command_id: str) -> CommandOutcome | None:
        place = (profile, command_id)
        if place not in self._outcomes:
            stored = self._store.get(command_key(profile, command_id))
            self._outcomes[place] = codec.outcome_from_bytes(stored) if stored else None
        return self._outcomes[place]
