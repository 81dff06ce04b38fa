"""The states that one batch touches: read from the table once, written back once."""

from collections.abc import Iterator
from typing import Protocol

from schemas.events import Event
from streams.conversation import codec
from streams.conversation.keys import (
    command_of,
    conversation_key,
    conversation_of,
    external_key,
    outcome_key,
)
from streams.conversation.state import CommandOutcome, ConversationState, ProfileState, State

# The first byte of a table's key says which kind of state it is.
_PROFILE, _CONVERSATION, _OUTCOME, _EXTERNAL = "p", "c", "o", "x"


class Store(Protocol):
    """The part of a mapping that is needed: bytes to bytes."""

    def get(self, key: bytes) -> bytes | None: ...


class WorkingSet:
    """Decoded states by key. `changes` gives what must be written, in the order of first touch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._profiles: dict[str, ProfileState] = {}
        self._conversations: dict[tuple[str, str], ConversationState | None] = {}
        self._outcomes: dict[tuple[str, str], CommandOutcome | None] = {}
        self._externals: dict[tuple[str, str], str | None] = {}
        self._changed: dict[tuple[str, str, str], None] = {}

    def load(self, event: Event) -> State:
        """The states that an event is about: its profile, its conversation, its command."""
        return self.state(event.profileid, conversation_of(event), command_of(event))

    def state(self, profile: str, conversation: str | None, command_id: str | None) -> State:
        return State(
            profile=self._profile(profile),
            conversation=self._conversation(profile, conversation) if conversation else None,
            outcome=self._outcome(profile, command_id) if command_id else None,
        )

    def store(self, event: Event, before: State, after: State) -> None:
        """Keeps what differs, by identity: the core gives the same object back for no change."""
        profile = event.profileid
        if after.profile is not before.profile:
            self._profiles[profile] = after.profile
            self._changed[_PROFILE, profile, ""] = None
        if after.conversation is not None and after.conversation is not before.conversation:
            self._conversations[profile, after.conversation.id] = after.conversation
            self._changed[_CONVERSATION, profile, after.conversation.id] = None
            self._index(profile, before.conversation, after.conversation)
        command_id = command_of(event)
        if command_id and after.outcome is not None and after.outcome is not before.outcome:
            self._outcomes[profile, command_id] = after.outcome
            self._changed[_OUTCOME, profile, command_id] = None

    def conversation_named(self, profile: str, external_id: str) -> str | None:
        """Our id of the conversation that a provider calls `external_id`; None if unknown."""
        if (profile, external_id) in self._externals:
            return self._externals[profile, external_id]
        stored = self._store.get(table_key(_EXTERNAL, profile, external_id))
        return stored.decode() if stored else None

    def _index(
        self, profile: str, before: ConversationState | None, after: ConversationState
    ) -> None:
        named = after.external[1] if after.external else None
        known = before.external[1] if before and before.external else None
        if named == known:
            return
        # The index holds what the states hold and no more: an erased conversation's must go, and
        # an index that kept every id ever told would depend on the order of the telling.
        if known is not None and self.conversation_named(profile, known) == after.id:
            self._externals[profile, known] = None
            self._changed[_EXTERNAL, profile, known] = None
        if named is not None:
            self._externals[profile, named] = after.id
            self._changed[_EXTERNAL, profile, named] = None

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """(key, value) of each state that differs from the table's; None for one that is gone."""
        for kind, profile, name in self._changed:
            yield table_key(kind, profile, name), self._encoded(kind, profile, name)

    def _encoded(self, kind: str, profile: str, name: str) -> bytes | None:
        if kind == _PROFILE:
            return codec.profile_to_bytes(self._profiles[profile])
        if kind == _EXTERNAL:
            found = self._externals[profile, name]
            return None if found is None else found.encode()
        conversation = self._conversations.get((profile, name))
        if kind == _CONVERSATION and conversation is not None:
            return codec.conversation_to_bytes(conversation)
        outcome = self._outcomes[profile, name]
        if outcome is None:
            raise LookupError(f"outcome {name} of profile {profile} was marked but never stored")
        return codec.outcome_to_bytes(outcome)

    def _profile(self, profile: str) -> ProfileState:
        found = self._profiles.get(profile)
        if found is None:
            stored = self._store.get(table_key(_PROFILE, profile, ""))
            found = codec.profile_from_bytes(stored) if stored else ProfileState()
            self._profiles[profile] = found
        return found

    def _conversation(self, profile: str, conversation: str) -> ConversationState | None:
        place = (profile, conversation)
        if place not in self._conversations:
            stored = self._store.get(table_key(_CONVERSATION, profile, conversation))
            self._conversations[place] = (
                codec.conversation_from_bytes(stored, conversation) if stored else None
            )
        return self._conversations[place]

    def _outcome(self, profile: str, command_id: str) -> CommandOutcome | None:
        place = (profile, command_id)
        if place not in self._outcomes:
            stored = self._store.get(table_key(_OUTCOME, profile, command_id))
            self._outcomes[place] = codec.outcome_from_bytes(stored) if stored else None
        return self._outcomes[place]


def table_key(kind: str, profile: str, name: str) -> bytes:
    """`p` profile, `c` conversation, `o` command outcome, `x` a provider's conversation id."""
    if kind == _PROFILE:
        return f"{_PROFILE}{profile}".encode()
    make = {_CONVERSATION: conversation_key, _OUTCOME: outcome_key, _EXTERNAL: external_key}[kind]
    return f"{kind}{make(profile, name)}".encode()
