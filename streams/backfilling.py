"""Asks for accounts' histories, and follows on the log how the delivery worker gets on with it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from schemas.commands import BackfillHistory
from schemas.events import HistoryBackfilled, parse_event
from schemas.topics import EVENTS, FAILURES
from streams.commanding import reader_from_here, write
from streams.conversation.accounts import is_linked, links_of
from streams.conversation.history import request_id_of
from streams.conversation.state import AccountKey
from streams.inspecting import profile_state
from streams.partitions import partition_of
from streams.settings import Settings
from streams.told_failures import told_failure


class NoSuchAccountError(LookupError):
    """There is nothing to ask for; the sentence says what is missing."""


async def chosen_accounts(
    settings: Settings, profileid: str, named: Sequence[str], platform: str | None
) -> list[AccountKey]:
    """The profile's linked accounts that are meant: those named, or all. Raises NoSuchAccountError.

    A network that the provider linked without naming the account stands for itself.
    """
    profile = await profile_state(settings, profileid)
    if profile is None:
        raise NoSuchAccountError(f"nobody has heard of profile {profileid}: is its id right?")
    linked = sorted(
        key
        for key in profile.accounts
        if is_linked(links_of(profile, key)) and platform in {key[1], None}
    )
    by_name = {key[:2] for key in linked if key[2]}
    chosen = [
        key for key in linked if (key[2] in named if named else key[2] or key[:2] not in by_name)
    ]
    missing = set(named) - {key[2] for key in chosen}
    if missing or not chosen:
        raise NoSuchAccountError(
            f"profile {profileid} has not linked {', '.join(sorted(missing)) or 'an account'} "
            f"there; linked are: {_names(linked)} (dmstream account link)"
        )
    return chosen


def _names(keys: Sequence[AccountKey]) -> str:
    return ", ".join(f"{key[1]} {key[2] or '(not named)'}" for key in keys) or "nothing"


@dataclass(slots=True)
class Course:
    """How the backfill of one account goes."""

    command: BackfillHistory
    seen: set[str] = field(default_factory=set)
    """Ids of the events told so far: a page that a kill cut is told twice."""
    result: HistoryBackfilled | None = None
    refused: tuple[str, str] | None = None
    """Reason and sentence of the failure."""

    @property
    def is_over(self) -> bool:
        return self.result is not None or self.refused is not None


async def backfill(
    settings: Settings, commands: Sequence[BackfillHistory]
) -> AsyncIterator[list[Course]]:
    """Writes the commands, all of one profile, and gives their courses whenever something was
    told, until all are over. Whoever stops listening stops nothing: the worker goes on. The
    settings are those that `agreed` gave.
    """
    key = commands[0].profileid.encode()
    number = partition_of(key, settings.partitions)
    events = TopicPartition(settings.topic(EVENTS), number)
    failures = TopicPartition(settings.topic(FAILURES), number)
    courses = [Course(command) for command in commands]
    by_request = {
        request_id_of(course.command.profileid, course.command.command_id): course
        for course in courses
    }
    by_command = {course.command.command_id: course for course in courses}
    async with reader_from_here(settings, events, failures) as reader:
        await write(settings, *commands)
        yield courses
        while not all(course.is_over for course in courses):
            found = await reader.getmany(timeout_ms=500)
            for record in found.get(events, ()):
                _note_event(record.value or b"", by_request)
            for record in found.get(failures, ()):
                _note_failure(record, by_request, by_command)
            yield courses


def _note_event(value: bytes, by_request: dict[str, Course]) -> None:
    event = parse_event(value)
    course = by_request.get(event.causationid or "")
    if course is None:
        return
    if isinstance(event, HistoryBackfilled):
        course.result = event
    else:
        course.seen.add(event.id)


def _note_failure(
    record: Any, by_request: dict[str, Course], by_command: dict[str, Course]
) -> None:
    failure = told_failure(record)
    if failure is None:
        return
    named = failure.original
    course = by_request.get(named.get("request_id", "")) or by_command.get(
        named.get("command_id", "")
    )
    if course is not None:
        course.refused = (failure.reason, failure.sentence)
