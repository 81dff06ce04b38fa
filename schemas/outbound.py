"""Records of `dm.outbound.*`: accepted sends on their way to a platform. Key: conversation id.

`dm.outbound.<platform>.v1` holds the `send.accepted` event itself; `dm.outbound.delayed.v1` holds
the same with when to go on. What earlier attempts came to is in the delivery worker's journal.
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
    place: int = Field(ge=0)
    """Offset of its first record on the outbound topic: the order of a conversation's sends."""
