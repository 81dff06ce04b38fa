"""The reply window: how long after the correspondent's last message one may answer."""

from streams.conversation.rules import Rules
from streams.conversation.settings import reply_window
from streams.conversation.state import ConversationState, ProfileState


def last_written_at(conversation: ConversationState, rules: Rules) -> int | None:
    """When (ms) the correspondent last wrote; None if never.

    A maximum over the log: a late, older message never moves it back, a backfilled one counts,
    and a message that is later deleted still was written.
    """
    written = conversation.last_correspondent_message_at
    pressed = conversation.last_button_press_at if rules.button_press_is_writing else None
    if written is None or pressed is None:
        return pressed if written is None else written
    return max(written, pressed)


def expires_at(profile: ProfileState, conversation: ConversationState, rules: Rules) -> int | None:
    """The first millisecond at which the window is closed; None where there is no window."""
    window = reply_window(profile, conversation.platform, rules)
    written = last_written_at(conversation, rules)
    return None if window is None or written is None else written + window
