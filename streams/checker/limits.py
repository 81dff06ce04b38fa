"""No profile answers in more conversations than its limit; what comes in is never refused."""

from collections.abc import Iterator

from schemas.events import LimitChanged, SendAccepted
from streams.checker.findings import Finding
from streams.checker.reading import Reading

_REFUSED = range(400, 500)


def limits(reading: Reading) -> Iterator[Finding]:
    """Never more conversations allowed to send in a month than the highest limit that held so far;
    and no webhook that is right was refused."""
    highest: dict[str, int] = {}
    sending: dict[tuple[str, str], set[str]] = {}
    for record, event in reading.events:
        profile = event.profileid
        if isinstance(event, LimitChanged) and event.data.monthly_limit is not None:
            before = highest.get(profile, reading.history.monthly_limit)
            highest[profile] = max(before, event.data.monthly_limit)
        elif isinstance(event, SendAccepted) and event.subject is not None:
            limit = highest.get(profile, reading.history.monthly_limit)
            allowed = sending.setdefault((profile, event.data.month), set())
            if event.subject in allowed:
                continue
            allowed.add(event.subject)
            if len(allowed) > limit:
                what = (
                    f"{len(allowed)} conversations were allowed to send in {event.data.month}, "
                    f"the limit is {limit}"
                )
                yield Finding("limit", what, profile, record.place)
    for request in reading.history.requests or ():
        if request.meant // 100 == 2 and request.answered in _REFUSED:  # noqa: PLR2004 - any yes
            what = f"a right webhook was refused with {request.answered}: body "
            yield Finding("limit", what + request.sha256[:16])
