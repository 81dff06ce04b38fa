"""Who there is: profiles with their accounts, the people who write to them, and when they do."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.base import Platform, Provider, conversation_id
from streams.simulator import platform_ids, texts

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Route = Literal["messages", "activity", "page", "instagram", "aaa", "xaa"]
"""Which form the account's webhooks have: Ayrshare's two, Meta's two objects, X's two products."""

# Share of a day's writing by local hour, from a quiet night to the evening's peak.
_HOURS = (4, 2, 1, 1, 1, 2, 5, 10, 16, 22, 26, 28, 30, 27, 24, 23, 24, 27, 31, 34, 33, 26, 16, 8)
_DAY_HOURS = 24

_KNOWN_AGAIN = 0.4
"""How often it is somebody who wrote before."""


@dataclass(frozen=True, slots=True)
class Correspondent:
    id: str
    name: str
    username: str
    language: str
    sends_receipts: bool
    """Their app tells what was delivered and read: always or never, as people set it."""
    joined_ms: int
    picture_url: str


@dataclass(frozen=True, slots=True)
class Account:
    provider: Provider
    platform: Platform
    account_id: str
    profile_id: str
    route: Route
    name: str
    username: str

    @property
    def whole_seconds(self) -> bool:
        """Ayrshare's `created` has no milliseconds: nothing there happens between two seconds."""
        return self.route == "messages"


@dataclass(frozen=True, slots=True)
class Conversation:
    account: Account
    correspondent: Correspondent
    id: str
    external_id: str
    """The provider's own id of it."""


@dataclass(slots=True)
class Profile:
    """`profile_id` is what the first webhook registers it under: the provider's reference."""

    profile_id: str
    accounts: list[Account]
    weight: float
    """Its share of all that happens."""
    utc_offset_hours: int
    weekend: float
    """How busy a weekend day is beside a weekday: a shop's quiet days are a café's best."""
    reply_minutes: float
    """The median until somebody answers, within the hours of business."""
    auto_reply: bool
    conversations: list[Conversation] = field(default_factory=list)


def build(rng: random.Random, count: int, providers: Sequence[Provider]) -> list[Profile]:
    """`count` profiles over the providers in turn; the heaviest few have half of everything."""
    kinds = [kind for kind in _IN_TURN if _provider_of(kind) in providers]
    weights = [1 / (place + 1) for place in range(count)]
    rng.shuffle(weights)
    return [
        _profile(rng, kinds[number % len(kinds)], weight) for number, weight in enumerate(weights)
    ]


_Kind = Literal["ayrshare", "ayrshare_x", "page", "instagram", "aaa", "xaa"]
_IN_TURN: tuple[_Kind, ...] = (
    "ayrshare", "instagram", "page", "aaa", "ayrshare_x", "instagram",
    "page", "xaa", "ayrshare", "instagram",
)  # fmt: skip


def _provider_of(kind: _Kind) -> Provider:
    if kind in {"page", "instagram"}:
        return "meta"
    return "x" if kind in {"aaa", "xaa"} else "ayrshare"


def _profile(rng: random.Random, kind: _Kind, weight: float) -> Profile:
    accounts = _accounts(rng, kind)
    return Profile(
        profile_id=accounts[0].profile_id,
        accounts=accounts,
        weight=weight,
        utc_offset_hours=rng.choice((-8, -5, 0, 1, 1, 2, 3, 9)),
        weekend=rng.choice((0.4, 0.7, 1.0, 1.3)),
        reply_minutes=rng.choice((2.0, 5.0, 12.0, 30.0, 55.0)),
        auto_reply=rng.random() < 0.4,  # noqa: PLR2004
    )


def _accounts(rng: random.Random, kind: _Kind) -> list[Account]:
    name = texts.person_name(rng).split()[-1] + rng.choice((" & Co", " Studio", " Shop", ""))
    username = "shop_" + platform_ids.digits(rng, 6)

    def account(platform: Platform, account_id: str, profile_id: str, route: Route) -> Account:
        provider = _provider_of(kind)
        return Account(provider, platform, account_id, profile_id, route, name, username)

    if kind == "page":
        page = platform_ids.digits(rng, 15)
        return [account("facebook", page, page, "page")]
    if kind == "instagram":
        professional = platform_ids.instagram_account(rng)
        return [account("instagram", professional, professional, "instagram")]
    if kind in {"aaa", "xaa"}:
        user = platform_ids.x_user(rng)
        return [account("x", user, user, "aaa" if kind == "aaa" else "xaa")]
    ref_id = platform_ids.reference(rng)
    linked = [
        account("facebook", platform_ids.digits(rng, 15), ref_id, "messages"),
        account("instagram", platform_ids.instagram_account(rng), ref_id, "messages"),
    ]
    if kind == "ayrshare_x":
        route: Route = rng.choice(("messages", "activity"))
        linked.append(account("x", platform_ids.x_user(rng), ref_id, route))
    return linked


def someone(rng: random.Random, profile: Profile) -> Conversation:
    """The next to write: somebody new, or, four times in ten, somebody known."""
    if profile.conversations and rng.random() < _KNOWN_AGAIN:
        return profile.conversations[int(rng.random() * len(profile.conversations))]
    return stranger(rng, profile)


def stranger(rng: random.Random, profile: Profile, account: Account | None = None) -> Conversation:
    """A conversation that has not been before."""
    on = account or profile.accounts[int(rng.random() * len(profile.accounts))]
    person = _correspondent(rng, on)
    made = Conversation(
        account=on,
        correspondent=person,
        id=conversation_id(on.platform, on.account_id, person.id),
        external_id=_external_id(rng, on, person),
    )
    profile.conversations.append(made)
    return made


def moment(rng: random.Random, profile: Profile, *, earliest: int, until: int) -> int:
    """An instant in ms of the last 24 hours or the days before, by the profile's hours and week.

    At or after `earliest`: where the draw falls before it, the whole way is drawn evenly.
    """
    if rng.random() < _TODAY:
        at = until - _hours_back(rng, profile, until) * HOUR_MS - int(rng.random() * HOUR_MS)
    else:
        days = 1 + min(int(rng.expovariate(1 / 9)), _DAYS_BACK)
        if _is_weekend(until - days * DAY_MS) and rng.random() > profile.weekend:
            days += 2
        back = days * _DAY_HOURS + _hours_back(rng, profile, until)
        at = until - back * HOUR_MS - int(rng.random() * HOUR_MS)
    return at if at >= earliest else earliest + int(rng.random() * (until - earliest))


_TODAY = 0.88
_DAYS_BACK = 40


def _hours_back(rng: random.Random, profile: Profile, until: int) -> int:
    now = local_hour(profile, until)
    weights = [_HOURS[(now - back) % _DAY_HOURS] for back in range(_DAY_HOURS)]
    return rng.choices(range(_DAY_HOURS), weights)[0]


def local_hour(profile: Profile, at: int) -> int:
    return (at // HOUR_MS + profile.utc_offset_hours) % _DAY_HOURS


def _is_weekend(at: int) -> bool:
    return (at // DAY_MS + 3) % 7 >= 5  # noqa: PLR2004  1970-01-01 was a Thursday


def _correspondent(rng: random.Random, account: Account) -> Correspondent:
    on_x = account.platform == "x"
    person = platform_ids.x_user(rng) if on_x else platform_ids.digits(rng, 16)
    return Correspondent(
        id=person,
        name=texts.person_name(rng),
        username="u" + person[-9:],
        language=texts.language(rng),
        sends_receipts=rng.random() < 0.75,  # noqa: PLR2004
        joined_ms=1_300_000_000_000 + int(rng.random() * 4e11),
        picture_url=f"https://img.example.com/p/{person}.jpg",
    )


def _external_id(rng: random.Random, account: Account, person: Correspondent) -> str:
    if account.platform == "facebook":
        return "t_" + platform_ids.digits(rng, 17)
    if account.platform == "instagram":
        return platform_ids.instagram_thread(account.account_id, person.id)
    return platform_ids.x_conversation(account.account_id, person.id)
