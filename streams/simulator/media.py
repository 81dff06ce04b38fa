"""Media of messages and the names of reactions, as each platform has them."""

import random

from schemas.base import Platform
from streams.simulator import platform_ids, texts
from streams.simulator.happenings import Media
from streams.simulator.world import Account

# (how often, the platform's word). Since 2026-08-30 Messenger tells a sticker as `sticker` alone.
_MESSENGER = ((60, "image"), (10, "video"), (10, "audio"), (8, "file"), (8, "sticker"), (4, "reel"))
_INSTAGRAM = (
    (55, "image"),
    (10, "video"),
    (8, "audio"),
    (12, "ig_reel"),
    (10, "share"),
    (5, "story_mention"),
)
_X = ((80, "photo"), (20, "animated_gif"))
_AYRSHARE = ((75, "image"), (15, "video"), (10, "audio"))
_ENDINGS = {"image": "jpg", "video": "mp4", "audio": "aac", "file": "pdf"}

_MESSENGER_REACTIONS = (
    ("love", "❤"),
    ("smile", "😆"),
    ("like", "👍"),
    ("wow", "😮"),
    ("sad", "😢"),
)
_INSTAGRAM_REACTIONS = (("love", "❤️"), ("laugh", "😂"), ("like", "👍"), ("other", "🔥"))


def draw(rng: random.Random, account: Account) -> Media:
    if account.provider == "ayrshare":
        return _ayrshare(rng)
    if account.platform == "x":
        return _x(rng)
    if account.platform == "facebook":
        return _messenger(rng)
    return _instagram(rng)


def story(rng: random.Random) -> Media:
    asset = platform_ids.digits(rng, 17)
    return Media("story", _lookaside(asset), asset)


def reaction(rng: random.Random, platform: Platform) -> tuple[str, str]:
    """(the platform's name, emoji)."""
    choices = _MESSENGER_REACTIONS if platform == "facebook" else _INSTAGRAM_REACTIONS
    return choices[int(rng.random() * len(choices))]


def _ayrshare(rng: random.Random) -> Media:
    kind = _weighted(rng, _AYRSHARE)
    name = platform_ids.digits(rng, 12)
    return Media(kind, f"https://media.example.com/{name}.{_ENDINGS[kind]}")


def _messenger(rng: random.Random) -> Media:
    kind = _weighted(rng, _MESSENGER)
    number = platform_ids.digits(rng, 15)
    if kind == "reel":
        title = rng.choice(texts.phrases().reels)
        return Media(kind, f"https://www.facebook.com/reel/{number}/", number, title)
    if kind == "sticker":
        return Media(kind, f"https://scontent.xx.fbcdn.net/v/t39.1997-6/{number}_n.png", number)
    signed = f"?_nc_cat=105&ccb=1-5&oh={number}&oe={number[:8]}"
    return Media(kind, f"https://scontent.xx.fbcdn.net/v/{number}_n.{_ENDINGS[kind]}{signed}")


def _instagram(rng: random.Random) -> Media:
    kind = _weighted(rng, _INSTAGRAM)
    asset = platform_ids.digits(rng, 17)
    if kind == "ig_reel":
        return Media(kind, _lookaside(asset), asset, rng.choice(texts.phrases().reels))
    return Media(kind, _lookaside(asset))


def _x(rng: random.Random) -> Media:
    kind = _weighted(rng, _X)
    number = platform_ids.digits(rng, 19)
    return Media(kind, f"https://ton.x.com/1.1/ton/data/dm/{number}/{number[:10]}.jpg", number)


def _lookaside(asset: str) -> str:
    return f"https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={asset}&signature={asset[::-1]}"


def _weighted(rng: random.Random, choices: tuple[tuple[int, str], ...]) -> str:
    drawn = rng.random() * 100
    for share, kind in choices:
        drawn -= share
        if drawn < 0:
            return kind
    return choices[0][1]
