"""A webhook from an account that nobody registered registers it.

The provider only sends webhooks where messaging is on and the account is linked, so both are
facts as soon as the first webhook is there. (Setting `auto_register`; off, the caller refuses.)
"""

from schemas import data
from schemas.base import Platform, Provider
from schemas.envelope import Envelope
from schemas.events import AccountLinked, Event, MessagingActivated, ProfileRegistered
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


def account_event(
    provider: Provider, reference: str, platform: Platform, account_id: str, cause: Envelope
) -> Event:
    """An account seen under a reference for the first time."""
    return AccountLinked(
        id=event_id(provider, account_id, "linked", reference, platform),
        platform=platform,
        data=data.AccountLink(
            provider=provider, platform=platform, account_id=account_id, reason="auto_register"
        ),
        **_shared(provider, account_id, cause),
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
