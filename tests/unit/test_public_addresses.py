"""Which addresses are of the public internet, in every way that one can be written."""

import asyncio

import pytest

from streams.public_addresses import is_public, why_not

WEB = frozenset({"http", "https"})


@pytest.mark.parametrize(
    "host",
    [
        # IPv4 in other bases, with parts left out, in other scripts, with a final dot
        "0177.0.0.1", "0177.1", "0x7f.1", "127.1", "2130706433", "0", "127.0.0.1.",
        "\N{FULLWIDTH DIGIT ONE}27.0.0.1", "127\N{IDEOGRAPHIC FULL STOP}0.0.1",
        # IPv4 within IPv6: mapped, compatible, translated, NAT64 of both kinds, 6to4, Teredo
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
        "[2001:0:53aa:64c:0:0:80ff:fffe]",
        # Ranges
        "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "198.18.0.1",
        "192.0.0.170", "192.0.0.192", "168.63.129.16", "100.100.100.200", "[2002:a83f:8110::]",
        "[64:ff9b::a83f:8110]",
        "240.0.0.1", "255.255.255.255", "224.0.0.1", "[::]", "[::1]", "[fd00::1]",
        "[fe80::1%25eth0]", "[fe80::1%eth0]", "[fec0::1]", "[ff02::1]", "[100::1]", "[5f00::1]",
        "[2001:db8::1]", "[3fff::1]",
        # Names
        "localhost", "LOCALHOST", "localhost.", "a.localhost.", "metadata.google.internal",
        "metadata.google.internal.", "printer.local", "%31%32%37.0.0.1", "127.0.0.1%00.example.com",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_refused_however_it_is_written(host: str) -> None:
    for url in (f"https://{host}/a.jpg", f"http://{host}:8123/a.jpg"):
        why = asyncio.run(why_not(url, WEB))
        assert why == "is not on the public internet", url


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1#@example.com/", "https://example.com\\@127.0.0.1/", "https://a@b/",
     "https://127.0.0.1\\@example.com/", "//127.0.0.1/", "https:///x", "https://", "file:///etc/passwd",
     "gopher://93.184.216.34/", "https://93.184.216.34:99999/", "https://93.184.216.34:0/",
     "https://[::1/"],
)  # fmt: skip
def test_what_two_readers_could_read_as_two_addresses_is_refused(url: str) -> None:
    assert asyncio.run(why_not(url, WEB)) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
