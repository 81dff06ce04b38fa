"""Thread control: on Facebook and Instagram only one app can send in a thread at a time.

State keeps the latest sign of who that is. Control comes back by itself and nobody may tell, so
that after a while one send is let through as a probe.
"""

from typing import Literal

from streams.conversation.merging import latest
from streams.conversation.rules import Rules
from streams.conversation.state import ConversationState, ThreadMark

# Meta delivers a thread's events on `messaging` to the app that controls it and on `standby` to
# the others, so that a message on the normal channel shows control. Ayrshare forwards both alike.
# History is fetched whoever controls the thread, so a backfilled message shows nothing.
PROVIDERS_WITH_STANDBY = frozenset({"meta"})


def sign(
    conversation: ConversationState,
    at: int,
    event_id: str,
    holder: Literal["ours", "other"],
    app_id: str | None = None,
) -> ThreadMark | None:
    """The latest sign, this one included."""
    if conversation.id.startswith("x:"):
        return conversation.thread
    return latest(conversation.thread, (at, event_id, holder, app_id or ""))


def probe_at(conversation: ConversationState, rules: Rules) -> int | None:
    """When (ms) the next send is let through although another app has the thread.

    None where none has. A send accepted since the sign was the probe: from then on the wait runs
    anew, and if the probe fails with the thread-control error, from that.
    """
    mark = conversation.thread
    if mark is None or mark[2] == "ours":
        return None
    return max(mark[0], conversation.last_accepted_at or 0) + rules.thread_probe_after
