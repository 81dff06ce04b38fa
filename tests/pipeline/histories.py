"""Random histories of a profile, as events: what the read models must make the same of in any
order. Times are few and ids fewer, so that events meet: on one message, at one instant."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from schemas import data, events
from schemas.envelope import Envelope
from schemas.ids import event_id

BASE = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
"""Some reply windows of seven days are over, and some are not."""
MONTH = datetime.now(UTC).strftime("%Y-%m")
EARLIER_MONTH = "2020-02"

_TEXTS = st.sampled_from(["", "hi", "señor \N{WAVING HAND SIGN}", 'a "b" \\ \n c', "x" * 300])
_INSTANTS = st.integers(0, 7).map(lambda step: BASE + timedelta(hours=29 * step, milliseconds=step))
_DELAYS = st.integers(0, 3).map(lambda seconds: timedelta(seconds=seconds))
_MESSAGE_IDS = st.sampled_from(["m1", "m2", "m3", "m4"])
_PEOPLE = st.sampled_from(["the correspondent", "the page"])
_PARTIES = st.sampled_from(["correspondent", "account"])
_CONVERSATIONS = st.sampled_from([("instagram", "c1"), ("instagram", "c1"), ("facebook", "c2")])


@st.composite
def _common(draw: st.DrawFn, profile: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of the envelope, and of the data."""
    platform, correspondent = draw(_CONVERSATIONS)
    at = draw(_INSTANTS)
    envelope = {
        "source": "/dmstream/meta/page",
        "time": at,
        "receivedat": at + draw(_DELAYS),
        "subject": f"{platform}:page:{correspondent}",
        "profileid": profile,
        "platform": platform,
    }
    body = {"provider": "meta", "account_id": "page", "correspondent_id": correspondent}
    return envelope, body


def _id(envelope: dict[str, Any], kind: str, *parts: object) -> str:
    return event_id("meta", "page", kind, envelope["subject"], *map(str, parts))


@st.composite
def _message(draw: st.DrawFn, profile: str) -> Envelope:
    envelope, body = draw(_common(profile))
    message_id = draw(_MESSAGE_IDS)
    # The direction follows from the id: copies of one message may differ, but not in that.
    is_ours = message_id in ("m3", "m4")
    content: dict[str, Any] = {
        "message_id": message_id,
        "text": draw(st.none() | _TEXTS),
        "attachments": draw(
            st.sampled_from([(), (data.Attachment(type="image", platform_type="image", url="u"),)])
        ),
        "backfilled": draw(st.booleans()),
        "standby": draw(st.booleans()),
        "correspondent": draw(
            st.sampled_from([None, data.Person(name="Ada"), data.Person(username="ada")])
        ),
        "reply_to_message_id": draw(st.sampled_from([None, "m1"])),
    }
    kind: type[events.MessageSent | events.MessageReceived] = events.MessageReceived
    if is_ours:
        kind = events.MessageSent
        content["origin"] = draw(st.sampled_from(["elsewhere", "auto", "api"]))
        content["command_id"] = draw(st.sampled_from([None, f"command {message_id}"]))
    body["provider"] = draw(st.sampled_from(["meta", "meta", "ayrshare"]))
    name = event_id(body["provider"], "page", "message", envelope["subject"], message_id)
    return kind(id=name, data=data.Message(**body, **content), **envelope)


@st.composite
def _change(draw: st.DrawFn, profile: str) -> Envelope:
    envelope, body = draw(_common(profile))
    message_id = draw(_MESSAGE_IDS)
    match draw(st.sampled_from(["edited", "deleted", "added", "removed"])):
        case "edited":
            number, text = draw(st.none() | st.integers(1, 3)), draw(_TEXTS)
            name = _id(envelope, "edited", message_id, number or text)
            edit = data.MessageEdit(**body, message_id=message_id, text=text, edit_number=number)
            return events.MessageEdited(id=name, data=edit, **envelope)
        case "deleted":
            name = _id(envelope, "deleted", message_id)
            deletion = data.MessageDeletion(**body, message_id=message_id, by=draw(_PARTIES))
            return events.MessageDeleted(id=name, data=deletion, **envelope)
        case change:
            person, emoji = draw(_PEOPLE), draw(st.sampled_from(["❤", "😢", None]))
            name = _id(envelope, "reaction", message_id, person, change, emoji, envelope["time"])
            kind = events.ReactionAdded if change == "added" else events.ReactionRemoved
            reaction = data.Reaction(
                **body, message_id=message_id, person_id=person, emoji=emoji, name="love"
            )
            return kind(id=name, data=reaction, **envelope)


@st.composite
def _receipt(draw: st.DrawFn, profile: str) -> Envelope:
    envelope, body = draw(_common(profile))
    by = draw(_PARTIES)
    kind = draw(st.sampled_from([events.MessageRead, events.MessageDelivered]))
    if draw(st.sampled_from([True, False, False])):
        message_id = draw(_MESSAGE_IDS)
        name = _id(envelope, kind.__name__, by, message_id)
        return kind(id=name, data=data.Receipt(**body, message_id=message_id, by=by), **envelope)
    watermark = draw(_INSTANTS)
    name = _id(envelope, kind.__name__, by, watermark)
    return kind(id=name, data=data.Receipt(**body, watermark_at=watermark, by=by), **envelope)


@st.composite
def _state(draw: st.DrawFn, profile: str) -> Envelope:
    envelope, body = draw(_common(profile))
    match draw(st.sampled_from(["activated", "archived", "unarchived", "lost", "gained"])):
        case "activated":
            month = draw(st.sampled_from([MONTH, EARLIER_MONTH]))
            rank = 1 + ["c1", "c2"].index(body["correspondent_id"])
            activated = data.ConversationActivated(**body, month=month, rank=rank, cause_id="m")
            return events.ConversationActivated(
                id=_id(envelope, "activated", month), data=activated, **envelope
            )
        case "archived" | "unarchived" as change:
            kind = (
                events.ConversationArchived
                if change == "archived"
                else events.ConversationUnarchived
            )
            name = _id(envelope, change, envelope["time"])
            return kind(id=name, data=data.ConversationArchived(**body), **envelope)  # type: ignore[arg-type]
        case change:
            control = events.ThreadControlLost if change == "lost" else events.ThreadControlGained
            name = _id(envelope, "thread", change, envelope["time"])
            return control(id=name, data=data.ThreadControl(**body), **envelope)


@st.composite
def _limit(draw: st.DrawFn, profile: str) -> Envelope:
    envelope, _ = draw(_common(profile))
    del envelope["subject"], envelope["platform"]
    changed = data.LimitChanged(
        monthly_limit=draw(st.none() | st.integers(0, 3)),
        reply_window_seconds=draw(
            st.none()
            | st.dictionaries(
                st.sampled_from(["instagram", "facebook"]),
                st.none() | st.sampled_from([0, 86_400]),
                max_size=2,
            )
        ),
    )
    name = event_id("meta", "", "limit", profile, str(envelope["time"]))
    return events.LimitChanged(id=name, data=changed, **envelope)


def histories(profile: str) -> st.SearchStrategy[list[Envelope]]:
    """Events of one profile, copies of one happening among them that differ in content."""
    one = st.one_of(
        _message(profile),
        _message(profile),
        _change(profile),
        _receipt(profile),
        _receipt(profile),
        _state(profile),
        _limit(profile),
    )
    # Short ones for the edges, long ones so that rules meet.
    return st.lists(one, max_size=8) | st.lists(one, min_size=25, max_size=60)
