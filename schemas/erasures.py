"""Who was erased: what workers that know no state must not say any more. Topic `dm.erasures.v1`."""

from schemas.base import Instant, Model


class ErasureRecord(Model):
    """Value of `dm.erasures.v1`; the key is the conversation's id."""

    profileid: str
    conversation_id: str
    erased_at: Instant
    """Sends that were accepted up to then are not attempted any more."""
