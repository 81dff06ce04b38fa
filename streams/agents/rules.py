"""The rules' numbers from settings: the same for the worker that decides and for whoever asks."""

from streams.conversation.rules import Rules
from streams.settings import Settings


def rules_of(settings: Settings) -> Rules:
    return Rules(
        monthly_limit=settings.monthly_limit,
        month_zone=settings.month_zone,
        auto_register=settings.auto_register,
    )
