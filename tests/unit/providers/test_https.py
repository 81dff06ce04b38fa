"""The way to a platform: whose proxy, whose certificate, and no token in the clear."""

import asyncio
import ssl
from pathlib import Path

import pytest

from streams.local.processes import free_port
from streams.providers.client import make_client
from streams.providers.http import Answer, NoAnswer, base_address
from tests.unit.providers.loopback import Authority, Heard, answering, server
from tests.unit.providers.posting import against, post


def test_the_credential_is_never_replaced_by_the_system_s_netrc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    _, heard = against(answering())
    assert b"authorization: bearer t" in heard.requests[0].lower()


def test_a_proxy_of_the_environment_is_asked_for_what_is_not_exempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "graph.example")

    async def proxies() -> list[str | None]:
        addresses = ("api.example/x", "graph.example/x", "localhost:8090/x")
        async with make_client() as client:
            return [client.proxy_of(f"https://{address}") for address in addresses]

    assert asyncio.run(proxies()) == ["http://proxy.example:3128", None, None]


def test_the_system_s_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    answer, _ = against(answering())
    assert isinstance(answer, Answer)


def over_tls(authority: Authority, verify: ssl.SSLContext | None) -> tuple[object, Heard]:
    async def attempt() -> tuple[object, Heard]:
        async with (
            server(answering(), authority.server) as heard,
            make_client(verify=verify) as client,
        ):
            return await post(client, f"https://localhost:{heard.port}/"), heard

    return asyncio.run(attempt())


def test_a_server_whose_certificate_nobody_vouches_for_is_refused_before_a_byte_is_written() -> (
    None
):
    answer, heard = over_tls(Authority(), None)
    assert isinstance(answer, NoAnswer)
    assert not answer.written
    assert heard.requests == []


def test_a_certificate_for_another_name_is_refused() -> None:
    authority = Authority("elsewhere.example")
    answer, heard = over_tls(authority, authority.trusting())
    assert isinstance(answer, NoAnswer)
    assert heard.requests == []


def test_the_same_server_is_accepted_once_its_authority_is_trusted() -> None:
    """So that the two refusals above are about trust and nothing else."""
    authority = Authority()
    answer, heard = over_tls(authority, authority.trusting())
    assert isinstance(answer, Answer)
    assert len(heard.requests) == 1


@pytest.mark.parametrize(
    "url", ["https://api.example/v1/", "http://127.0.0.1:8090/x", "http://[::1]:1"]
)
def test_https_and_loopback_addresses_are_accepted(url: str) -> None:
    assert base_address(url, "DM_X_URL") == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://api.example", "http://10.0.0.1", "ftp://x", "", "https://"]
)
def test_an_address_that_would_carry_a_token_in_the_clear_is_refused_by_its_setting(
    url: str,
) -> None:
    with pytest.raises(ValueError, match="DM_X_URL must be an https address"):
        base_address(url, "DM_X_URL")
