"""Commands of one partition, decided one after another at their records' timestamps.

The order of writing holds the promises: first the events, then (once they are durable) the send on
its outbound topic. A worker that dies in between reads the command again, finds its outcome in the
state, and hands the send on; the delivery worker's journal makes a second handing-on harmless.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from schemas.accounts import AccountRecord, account_key
from schemas.commands import AnyCommand, BackfillHistory, SendMessage, parse_command
from schemas.events import AccountLinked, Event, ProfileRegistered
from schemas.failures import Failure
from schemas.topics import ACCOUNTS
from streams.agents.counting import count_decided
from streams.agents.failing import places
from streams.agents.partition import ConversationPartition
from streams.agents.working_set import WorkingSet
from streams.conversation.administration import InvalidCommand
from streams.conversation.decide import decide
from streams.conversation.history import asked_for
from streams.conversation.keys import addressed
from streams.conversation.sending import accepted_again
from streams.conversation.state import State
from streams.partitions import partition_of


@dataclass(frozen=True, slots=True)
class Deciding:
    """Of `dm.commands.v1`. The partition hands on what was accepted, after the events that `decide`
    wrote are durable."""

    partition: ConversationPartition
    states: WorkingSet

    def decide(self, records: Iterable[Any]) -> None:
        for record in records:
            command = self._read(record)
            if command is not None:
                self._decide(record, command)

    def _decide(self, record: Any, command: AnyCommand) -> None:
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        state = self._state(command)
        rules = self.partition.rules
        try:
            events = decide(state, command, at, rules)
        except InvalidCommand as error:
            self.partition.fail(record, Failure("command", "invalid_command", str(error)))
            return
        self.partition.write(events, self.states)
        for event in events:
            self._note(event, command)
        count_decided(events)
        if isinstance(command, BackfillHistory):
            self.partition.ask_for_history(asked_for(command, at))
        if not events and isinstance(command, SendMessage):
            again = accepted_again(state, command, at, rules)
            if again is not None:
                self.partition.hand_on_again(again)

    def _note(self, event: Event, command: AnyCommand) -> None:
        if isinstance(event, AccountLinked):
            self._tell_directory(
                AccountRecord(
                    provider=event.data.provider,
                    reference=event.data.account_id,
                    profileid=command.profileid,
                    credential=event.data.credential,
                    linked_at=event.time,
                )
            )
        elif isinstance(event, ProfileRegistered) and event.data.reference:
            # Only Ayrshare names a profile by something that is no account: its refId.
            self._tell_directory(
                AccountRecord(
                    provider="ayrshare",
                    reference=event.data.reference,
                    profileid=command.profileid,
                    linked_at=event.time,
                )
            )

    def _tell_directory(self, record: AccountRecord) -> None:
        key = account_key(record.provider, record.reference)
        self.partition.outbox.add(
            self.partition.settings.topic(ACCOUNTS), key.encode(), record.model_dump_json().encode()
        )

    def _state(self, command: AnyCommand) -> State:
        profile = self.states.state(command.profileid, None, None).profile
        conversation = addressed(command, profile)
        named: str | None = getattr(command, "conversation_id", None)
        if conversation is None and named is not None:
            conversation = self.states.conversation_named(command.profileid, named)
        return self.states.state(command.profileid, conversation, command.command_id)

    def _read(self, record: Any) -> AnyCommand | None:
        try:
            command = parse_command(record.value or b"")
        except ValidationError as error:
            message = _INVALID.format(places(error))
            self.partition.fail(record, Failure("command", "invalid_command", message))
            return None
        home = partition_of(command.profileid.encode(), self.partition.settings.partitions)
        if home != record.partition:
            message = _MISPLACED.format(command.profileid, home, record.partition)
            self.partition.fail(record, Failure("command", "wrong_partition", message))
            return None
        return command


_INVALID = (
    "The record is no command of the contract, at: {}. "
    "Mend its writer (schemas.commands.parse_command accepts what is right)."
)
_MISPLACED = (
    "The command of profile {} belongs on partition {}, it came on {}: "
    "write commands with the profile id as the record's key."
)
