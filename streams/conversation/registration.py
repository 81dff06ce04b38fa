"""A webhook from an account that nobody registered registers its profile.

The provider only sends webhooks where messaging is on, so that is a fact as soon as the first
webhook is there. (Setting `auto_register`; off, the caller refuses.) The link of the account
follows from its first message, in `react`.
"""

from schemas import data
from schemas.base import Provider
from schemas.envelope import Envelope
from schemas.events import Event, MessagingActivated, ProfileRegistered
from schemas.ids import event_id


def profile_events(provider: Provider, reference: str, cause: Envelope) -> tuple[Event, ...]:
    """A profile whose id is the provider's reference for it, with messaging on."""
    return (
        ProfileRegistered(
            id=event_id(provider, reference, "registered"),
            data=data.ProfileRegistered(reference=reference),
            **_shared(provider, reference, cause),
        ),
        MessagingActivated(
            id=event_id(provider, reference, "messaging_activated"),
            data=data.MessagingSwitched(reason="auto_register"),
            **_shared(provider, reference, cause),
        ),
    )


def _shared(provider: Provider, account_id: str, cause: Envelope) -> dict[str, object]:
    return {
        "source": f"/dmstream/{provider}/{account_id}",
        "time": cause.time,
        "receivedat": cause.receivedat,
        "profileid": cause.profileid,
        "correlationid": cause.correlationid,
        "causationid": cause.id,
    }
