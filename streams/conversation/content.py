"""Whether a command to send is well formed for where it goes: the reason `invalid`."""

from collections.abc import Mapping

from schemas.base import Platform, Provider
from schemas.commands import SendMessage
from streams.conversation.instants import to_ms
from streams.conversation.keys import Address
from streams.conversation.media import MediaRule, address_problem, media_problem
from streams.conversation.rules import Rules

_USUAL_PROVIDER: Mapping[Platform, Provider] = {
    "facebook": "ayrshare",
    "instagram": "ayrshare",
    "x": "x",
}
"""Whose media rules hold while no provider is known for the account."""


def content_problem(command: SendMessage, address: Address, at: int, rules: Rules) -> str | None:
    """What is wrong, in one sentence without any of the content; None if nothing is."""
    return (
        _addressing_problem(command, address)
        or _emptiness_problem(command)
        or _length_problem(command, address, rules)
        or address_problem(command.media_urls)
        or _media_problem(command, address, rules)
        or _expiry_problem(command, at)
    )


def _addressing_problem(command: SendMessage, address: Address) -> str | None:
    if command.conversation_id is None:
        if command.platform is None or not command.recipient_id:
            return "Name the conversation, or platform and recipient."
        return None
    if not command.conversation_id:
        return "The conversation's id is empty."
    if command.platform not in {None, address.platform} and address.platform is not None:
        return "The conversation is on another platform than the command says."
    if command.recipient_id not in {None, address.correspondent_id} and address.id is not None:
        return "The conversation is with another recipient than the command says."
    return None


def _emptiness_problem(command: SendMessage) -> str | None:
    if has_text(command) or command.media_urls:
        return None
    return "The message has neither text nor media."


def _length_problem(command: SendMessage, address: Address, rules: Rules) -> str | None:
    if command.text is None or address.platform is None:
        return None
    limit = rules.text_limits.get(address.platform)
    if limit is None:
        return None
    if limit.unit == "bytes":
        length = len(command.text.encode("utf-8", "surrogatepass"))
    else:
        length = len(command.text)
    if length <= limit.most:
        return None
    return f"The text has {length} {limit.unit}, at most {limit.most} can be sent."


def _media_problem(command: SendMessage, address: Address, rules: Rules) -> str | None:
    rule = media_rule(address, rules)
    if not command.media_urls or rule is None:
        return None
    return media_problem(command.media_urls, has_text=has_text(command), rule=rule)


def media_rule(address: Address, rules: Rules) -> MediaRule | None:
    """None where the platform is not known."""
    if address.platform is None:
        return None
    provider = address.provider or _USUAL_PROVIDER[address.platform]
    return rules.media.get((provider, address.platform))


def _expiry_problem(command: SendMessage, at: int) -> str | None:
    if command.expires_at is not None and to_ms(command.expires_at) <= at:
        return "The command had expired when it was written."
    return None


def has_text(command: SendMessage) -> bool:
    return command.text is not None and not command.text.isspace() and command.text != ""
