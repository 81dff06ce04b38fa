"""What media each provider takes on each platform. Sizes are the provider's to judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from schemas.base import Platform, Provider

_IMAGES = frozenset({"jpg", "jpeg", "png", "gif"})
_VIDEOS = frozenset({"mp4", "ogg", "avi", "mov", "webm"})
_AUDIO = frozenset({"aac", "m4a", "wav"})
_VOICE = frozenset({"aac", "wav"})
_DOCUMENTS = frozenset(
    {"pdf", "csv", "txt", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "mp3"}
)
_X_MEDIA = frozenset({"jpg", "jpeg", "png", "gif", "webp", "mp4", "mov"})


@dataclass(frozen=True, slots=True)
class MediaRule:
    """What one provider takes on one platform."""

    extensions: frozenset[str]
    most: int = 1
    """Files in one message; more than one only where all are images."""
    with_text: Literal["allowed", "required", "refused"] = "allowed"
    """Whether a message with media may, must or can't have text too."""
    query: bool = True
    """Whether an address may have a query string."""


# Ayrshare: the address must end in a known extension, a query string breaks it on Facebook and
# Instagram; images, a video or a voice message (aac, wav). X takes one file, and text with it.
# Meta's Send API: a message is text or attachments, never both; Instagram takes ten images at
# once; Messenger's type `file` takes documents. X's v2 API: one attachment.
_AYRSHARE = MediaRule(_IMAGES | _VIDEOS | _VOICE, most=10, query=False)
_X = MediaRule(_X_MEDIA)
MEDIA_RULES: Mapping[tuple[Provider, Platform], MediaRule] = {
    ("ayrshare", "facebook"): _AYRSHARE,
    ("ayrshare", "instagram"): _AYRSHARE,
    ("ayrshare", "x"): MediaRule(_X_MEDIA, with_text="required"),
    ("meta", "facebook"): MediaRule(
        _IMAGES | _VIDEOS | _AUDIO | _DOCUMENTS, most=1, with_text="refused"
    ),
    ("meta", "instagram"): MediaRule(
        _IMAGES | _VIDEOS | _AUDIO | {"pdf"}, most=10, with_text="refused"
    ),
    ("x", "x"): _X,
    ("sandbox", "facebook"): _AYRSHARE,
    ("sandbox", "instagram"): _AYRSHARE,
    ("sandbox", "x"): _X,
}


def media_problem(urls: tuple[str, ...], *, has_text: bool, rule: MediaRule) -> str | None:
    """What is wrong with these addresses under the rule, in one sentence; None if nothing."""
    if len(urls) > rule.most:
        return f"{len(urls)} media files: at most {rule.most} can be sent in one message."
    if len(urls) > 1 and not all(_extension(url) in _IMAGES for url in urls):
        return "Several files can be sent in one message only where all are images."
    if rule.with_text == "refused" and has_text:
        return "Text and media can't go in one message here: send them as two."
    if rule.with_text == "required" and not has_text:
        return "Media needs a text beside it here."
    problems = (_file_problem(url, number, rule) for number, url in enumerate(urls, start=1))
    return next(filter(None, problems), None)


def _file_problem(url: str, number: int, rule: MediaRule) -> str | None:
    if _extension(url) not in rule.extensions:
        known = ", ".join(sorted(rule.extensions))
        return f"Media address {number} does not end in a known extension ({known})."
    if not rule.query and urlsplit(url).query:
        return f"Media address {number} has a query string, which breaks the upload here."
    return None


def address_problem(urls: tuple[str, ...]) -> str | None:
    """Whether all are http or https addresses with a host. The address itself is not told."""
    for number, url in enumerate(urls, start=1):
        try:
            parts = urlsplit(url)
            well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            well_formed = False
        if not well_formed or any(character.isspace() for character in url):
            return f"Media address {number} is not an http or https address."
    return None


def _extension(url: str) -> str:
    name = urlsplit(url).path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""
