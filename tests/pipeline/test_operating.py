"""What an operator does on the command line, against the running pipeline."""

import json
from collections.abc import Iterator

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.cli.account import account_app
from streams.cli.inspect import inspect_command
from streams.cli.key import key_app
from streams.cli.profile import profile_app
from streams.cli.send import send_command
from streams.conversation.deletion import DELETED
from tests.engines import Broker
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Account, Talk, own_settings, talking

pytestmark = pytest.mark.pipeline

APP = typer.Typer()
APP.command("send")(send_command)
APP.command("inspect")(inspect_command)
APP.add_typer(profile_app, name="profile")
APP.add_typer(account_app, name="account")
APP.add_typer(key_app, name="key")


@pytest.fixture(scope="module")
def talk(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("operating")
    settings = own_settings(broker, folder)
    with talking(settings, folder, "conversations", "delivery") as found:
        yield found


def run(talk: Talk, *arguments: str) -> Result:
    return CliRunner().invoke(APP, arguments, env=talk.running.environment())


def test_an_operator_sets_up_a_profile_answers_a_person_and_looks_at_the_conversation(
    talk: Talk,
) -> None:
    shop, page, person = f"shop-{digits()}", digits(), digits()
    talk.box.post("accounts", provider="meta", platform="facebook", account_id=page)
    place = ["--provider", "meta", "--platform", "facebook"]
    for arguments in (
        ["profile", "register", shop, "--title", "The shop"],
        ["profile", "activate", shop],
        ["account", "link", shop, page, *place, "--credential", "meta"],
        ["profile", "limit", shop, "--monthly", "1", "--window", "facebook=86400"],
    ):
        result = run(talk, *arguments)
        assert result.exit_code == 0, result.output
    talk.somebody_writes(Account("facebook", page, "meta"), person)
    conversation = f"facebook:{page}:{person}"
    sent = run(talk, "send", shop, conversation, "--text", "Yes, in blue.", "--command-id", "s1")
    assert sent.exit_code == 0, sent.output
    told = [json.loads(line) for line in sent.stdout.splitlines()]
    assert [line["event"] for line in told] == ["send.accepted", "send.attempted", "message.sent"]
    assert "blue" not in sent.output
    assert talk.texts_kept(person) == ["Yes, in blue."]
    shown = run(talk, "inspect", conversation)
    assert shown.exit_code == 0, shown.output
    assert f"of profile {shop}, by meta" in shown.stdout
    assert "may send      yes" in shown.stdout
    assert "#1" in shown.stdout
    assert shown.stdout.count("message.sent") == 1, "the answer and the echo are one event"
    assert "  api, command s1" in shown.stdout
    other = talk.somebody_writes(Account("facebook", page, "meta"))
    refused = run(talk, "send", shop, f"facebook:{page}:{other}", "--text", "You too.")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout.splitlines()[-1])["reason"] == "monthly_limit_reached"
    shown = run(talk, "inspect", f"facebook:{page}:{other}")
    assert "may send      no: monthly_limit_reached" in shown.stdout
    again = run(
        talk, "send", shop, conversation, "--text", "Twice?", "--command-id", "s1", "--wait", "2"
    )
    assert again.exit_code == 1
    assert talk.texts_kept(person) == ["Yes, in blue."]
    unlinked = run(talk, "account", "unlink", shop, page, *place)
    assert unlinked.exit_code == 0, unlinked.output
    assert "no: account_unlinked" in run(talk, "inspect", conversation).stdout


def test_what_can_t_be_carried_out_is_told_at_once_with_its_reason(talk: Talk) -> None:
    page = talk.account("facebook")
    person = talk.somebody_writes(page)
    gone = run(talk, "profile", "deactivate", page.profile, "--reason", DELETED)
    assert gone.exit_code == 0, gone.output
    shown = run(talk, "inspect", page.conversation(person))
    assert "may send      no: messaging_inactive" in shown.stdout
    assert "deleted: register it anew" in shown.stdout
    refused = run(talk, "profile", "activate", page.profile)
    assert refused.exit_code == 1
    assert "can't be carried out: the profile was deleted: register it anew" in refused.output
    assert run(talk, "profile", "register", page.profile).exit_code == 0
    assert run(talk, "profile", "activate", page.profile).exit_code == 0


def test_settings_of_a_profile_that_nobody_registered_are_told_as_such_and_hold(talk: Talk) -> None:
    slip = f"shpo-{digits()}"
    for arguments in (
        ("limit", slip, "--monthly", "7"),
        ("auto-response", slip, "--on"),
        ("activate", slip),
        ("deactivate", slip),
    ):
        told = run(talk, "profile", *arguments)
        assert told.exit_code == 0, told.output
        assert f"Nobody has registered a profile '{slip}'" in told.stderr
    assert run(talk, "profile", "register", slip).exit_code == 0
    assert "Nobody" not in run(talk, "profile", "activate", slip).output


def test_a_conversation_that_nobody_heard_of_is_said_to_be_unknown(talk: Talk) -> None:
    result = run(talk, "inspect", "facebook:1:2")
    assert result.exit_code == 1
    assert "Nothing was ever heard" in result.stdout


def test_an_operator_makes_a_key_lets_it_in_and_revokes_it(talk: Talk) -> None:
    options = ["--name", "till", "--scope", "read", "--profile", "shop-1"]
    made = run(talk, "key", "create", *options)
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    key_id, secret = key.split("_", 2)[1:]
    address = f"http://127.0.0.1:{talk.running.settings.port}/openapi.json"
    headers = {"authorization": f"Bearer {key}"}

    def status() -> int:
        return httpx.get(address, headers=headers).status_code

    talk.running.wait(lambda: status() == 200, 10, "key")
    listed = run(talk, "key", "list")
    assert key_id in listed.stdout
    assert "shop-1" in listed.stdout
    assert secret not in listed.stdout
    assert run(talk, "key", "revoke", key_id).exit_code == 0
    talk.running.wait(lambda: status() == 401, 5, "revocation")
    unknown = run(talk, "key", "revoke", "0" * 16)
    assert unknown.exit_code == 1
    assert "key list" in unknown.output
