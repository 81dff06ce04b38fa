"""A small world for the rules: what platforms and people tell, and one worker that keeps state.

`Worker` uses the core as an agent does: state under the keys of `streams.conversation.keys`, what
follows applied at once and appended to the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import events
from schemas.base import Platform, Provider, conversation_id
from schemas.commands import AnyCommand, SendMessage
from schemas.events import Event
from schemas.ids import event_id
from streams.conversation import keys
from streams.conversation.decide import decide
from streams.conversation.evolve import evolve
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import CommandOutcome, ConversationState, ProfileState, State

PROFILE = "profile-1"
ACCOUNT = "900100"
PERSON = "555"
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)

PROVIDERS: dict[Platform, Provider] = {"facebook": "meta", "instagram": "ayrshare", "x": "x"}


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def after(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


def thread(platform: Platform = "instagram", person: str = PERSON, account: str = ACCOUNT) -> str:
    return conversation_id(platform, account, person)


def _envelope(kind: str, at: datetime, heard: datetime | None, **more: Any) -> dict[str, Any]:
    return {
        "type": f"dm.{kind}.v1",
        "source": "/dmstream/test",
        "time": at,
        "profileid": PROFILE,
        "receivedat": at if heard is None else heard,
    } | more


def _in(platform: Platform, person: str, account: str, provider: Provider | None) -> dict[str, Any]:
    return {
        "provider": provider or PROVIDERS[platform],
        "account_id": account,
        "correspondent_id": person,
    }


def told(
    kind: str,
    at: datetime = NOW,
    platform: Platform = "instagram",
    *,
    person: str = PERSON,
    account: str = ACCOUNT,
    provider: Provider | None = None,
    heard: datetime | None = None,
    identity: str | None = None,
    **body: Any,
) -> Any:
    """An event of a conversation, such as a provider tells it."""
    where = _in(platform, person, account, provider)
    parts = identity or f"{person}|{at.isoformat()}|{sorted(body.items())!r}"
    return events._EVENT.validate_python(
        _envelope(
            kind,
            at,
            heard,
            id=event_id(where["provider"], account, kind, parts),
            subject=thread(platform, person, account),
            platform=platform,
            data=where | body,
        )
    )


def writes(
    at: datetime = NOW, platform: Platform = "instagram", *, message_id: str = "", **more: Any
) -> events.MessageReceived:
    """The correspondent wrote."""
    return _message("message.received", at, platform, message_id, more)


def echo(
    at: datetime = NOW, platform: Platform = "instagram", *, message_id: str = "", **more: Any
) -> events.MessageSent:
    """A message of the account, as the platform echoes it."""
    return _message("message.sent", at, platform, message_id, more)


def _message(kind: str, at: datetime, platform: Platform, mid: str, more: dict[str, Any]) -> Any:
    mid = mid or f"{kind}|{more.get('person', PERSON)}|{at.isoformat()}"
    event = told(kind, at, platform, **({"text": "hello"} | more), message_id=mid)
    provider, account = event.data.provider, event.data.account_id
    return event.model_copy(update={"id": event_id(provider, account, "message", mid)})


def became(
    kind: str, command_id: str, at: datetime, platform: Platform = "instagram", **more: Any
) -> Any:
    """What the delivery tells of a send."""
    if kind == "send.attempted":
        more.setdefault("attempt", 1)
    elif kind in {"send.failed", "send.unknown"}:
        more = {"reason": "transient", "message": "it did not work"} | more
    return told(kind, at, platform, command_id=command_id, identity=f"{command_id}|{more}", **more)


def of_profile(
    kind: str, at: datetime = LONG_AGO, *, identity: str | None = None, **body: Any
) -> Any:
    return events._EVENT.validate_python(
        _envelope(kind, at, None, id=identity or f"{kind}|{at.isoformat()}|{body}", data=body)
    )


def linked(
    platform: Platform = "instagram",
    at: datetime = LONG_AGO,
    *,
    account: str = ACCOUNT,
    provider: Provider | None = None,
    kind: str = "account.linked",
) -> Any:
    provider = provider or PROVIDERS[platform]
    return of_profile(
        kind, at, provider=provider, platform=platform, account_id=account,
        identity=f"{kind}|{provider}|{platform}|{account}|{at.isoformat()}",
    )  # fmt: skip


def ready(*platforms: Platform) -> list[Event]:
    """A profile as a webhook registers it: all at the same time."""
    return [
        of_profile("profile.registered"),
        *(linked(platform) for platform in platforms or ("instagram",)),
        of_profile("messaging.activated"),
    ]


def send(
    command_id: str = "c-1",
    platform: Platform = "instagram",
    person: str = PERSON,
    *,
    to: str | None = None,
    text: str | None = "good day",
    **more: Any,
) -> SendMessage:
    return SendMessage(
        command_id=command_id,
        profileid=PROFILE,
        issued_at=NOW,
        conversation_id=to or thread(platform, person),
        text=text,
        **more,
    )


@dataclass
class Worker:
    """One worker, with the state of one profile."""

    rules: Rules = field(default_factory=Rules)
    profile: ProfileState = field(default_factory=ProfileState)
    conversations: dict[str, ConversationState] = field(default_factory=dict)
    outcomes: dict[str, CommandOutcome] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)

    def state_for(self, conversation: str | None, command_id: str | None) -> State:
        return State(
            self.profile,
            self.conversations.get(conversation or ""),
            self.outcomes.get(command_id or ""),
        )

    def apply(self, event: Event) -> State:
        """`evolve`, and nothing else."""
        conversation, command_id = keys.conversation_of(event), keys.command_of(event)
        state = evolve(self.state_for(conversation, command_id), event)
        self.profile = state.profile
        if conversation is not None and state.conversation is not None:
            self.conversations[conversation] = state.conversation
        if command_id is not None and state.outcome is not None:
            self.outcomes[command_id] = state.outcome
        return state

    def hear(self, *told: Event) -> list[Event]:
        """Takes what the log says; gives what followed."""
        return [derived for event in told for derived in self._take(event)]

    def _take(self, event: Event) -> list[Event]:
        self.log.append(event)
        derived = list(react(self.apply(event), event, self.rules))
        self._write(derived)
        return derived

    def do(self, command: AnyCommand, at: datetime = NOW) -> list[Event]:
        """Decides a command; gives its events."""
        answer = list(decide(self.state_of(command), command, at, self.rules))
        self._write(answer)
        return answer

    def state_of(self, command: AnyCommand) -> State:
        return self.state_for(keys.addressed(command, self.profile), command.command_id)

    def _write(self, written: Iterable[Event]) -> None:
        for event in written:
            self.apply(event)
            self.log.append(event)

    def reason(self, command: SendMessage, at: datetime = NOW) -> str | None:
        """Why a send is rejected; None for an accepted one."""
        last = self.do(command, at)[-1]
        if isinstance(last, events.SendRejected):
            return last.data.reason
        assert isinstance(last, events.SendAccepted)
        return None

    def conversation(
        self, platform: Platform = "instagram", person: str = PERSON
    ) -> ConversationState:
        return self.conversations[thread(platform, person)]


def worker(*platforms: Platform, rules: Rules | None = None) -> Worker:
    """A worker whose profile is registered, linked and on."""
    one = Worker(rules or Rules())
    one.hear(*ready(*platforms))
    return one


def folded(log: Iterable[Event]) -> Worker:
    """The state that the log alone gives."""
    one = Worker()
    for event in log:
        one.apply(event)
    return one


def kinds(told: Iterable[Event]) -> list[str]:
    return [event.type.removeprefix("dm.").removesuffix(".v1") for event in told]
