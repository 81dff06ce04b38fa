"""A command as Meta's messages: media first, text last, the command's id on the last."""

from typing import Any

import pytest

from schemas.base import Platform
from streams.providers.meta.requests import media_type, messages
from streams.providers.protocol import OutboundSend

IMAGE = "https://cdn.example/a.PNG"


def a_send(platform: Platform = "facebook", **more: Any) -> OutboundSend:
    return OutboundSend("c-1", platform, "100", "200", **more)


def test_a_text_is_one_response_that_carries_the_command_s_id() -> None:
    assert messages(a_send(text="hi")) == [
        {
            "recipient": {"id": "200"},
            "messaging_type": "RESPONSE",
            "message": {"text": "hi", "metadata": "dm:c-1"},
        }
    ]


def test_text_and_media_are_several_messages_media_first_and_only_the_last_is_marked() -> None:
    bodies = messages(a_send(text="hi", media_urls=(IMAGE, "https://cdn.example/b.mp4?x=1")))
    contents = [body["message"] for body in bodies]
    assert [list(content) for content in contents] == [
        ["attachment"],
        ["attachment"],
        ["text", "metadata"],
    ]
    assert [c["attachment"]["type"] for c in contents[:2]] == ["image", "video"]
    assert contents[0]["attachment"]["payload"] == {"url": IMAGE}


def test_media_alone_carry_the_mark_on_the_last_medium() -> None:
    contents = [b["message"] for b in messages(a_send(media_urls=(IMAGE, IMAGE)))]
    assert "metadata" not in contents[0]
    assert contents[1]["metadata"] == "dm:c-1"


def test_instagram_takes_up_to_ten_images_in_one_message_and_no_metadata() -> None:
    contents = [b["message"] for b in messages(a_send("instagram", media_urls=(IMAGE,) * 12))]
    assert [len(c["attachments"]) for c in contents] == [10, 2]
    assert all("metadata" not in c for c in contents)


def test_instagram_media_of_several_types_go_one_by_one() -> None:
    urls = (IMAGE, "https://cdn.example/v.mp4")
    contents = [b["message"] for b in messages(a_send("instagram", media_urls=urls, text="hi"))]
    assert [list(c) for c in contents] == [["attachment"], ["attachment"], ["text"]]


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
def test_the_human_agent_tag_is_used_only_when_a_person_wrote_it(platform: Platform) -> None:
    by_a_person = messages(a_send(platform, text="hi", human_agent=True))[0]
    assert (by_a_person["messaging_type"], by_a_person["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    by_a_program = messages(a_send(platform, text="hi"))[0]
    assert by_a_program["messaging_type"] == "RESPONSE"
    assert "tag" not in by_a_program


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://c.example/a.jpeg", "image"),
        ("https://c.example/a.MOV?token=x.png", "video"),
        ("https://c.example/v.wav#t=1", "audio"),
        ("https://c.example/doc.pdf", "file"),
        ("https://c.example/plain", "file"),
    ],
)
def test_the_type_is_told_by_the_path_s_ending(url: str, expected: str) -> None:
    assert media_type(url) == expected
