"""Records of `dm.outbound.*`: accepted sends on their way to a platform. Key: conversation id.

`dm.outbound.<platform>.v1` holds the `send.accepted` event itself; `dm.outbound.delayed.v1` holds
the same with when to go on and what earlier attempts came to.
"""

from pydantic import Field

from schemas.base import Instant, Model
from schemas.events import SendAccepted


class DelayedSend(Model):
    send: SendAccepted
    not_before: Instant
    turn: int = Field(ge=1)
    """How often it was put here. Only the newest counts: a worker that starts again reads older
    ones too."""
    attempts: int = Field(default=0, ge=0)
    """Attempts made. None of them was delivered, or `delivered` names what was."""
    delivered: tuple[str, ...] = ()
    """Message ids that earlier attempts got, where one command makes several messages."""
