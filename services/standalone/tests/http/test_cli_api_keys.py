"""``paseport api-keys``, used by an operator at a terminal and by a program."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from installation import Installation, Running
from paseport_shared.domain.models.api_key import SCANNER_PATTERN
from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.cli.issuer_client import IssuerClient

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("cli-api-keys"))


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        await installation.run("users", "create", "ada", "--email", "ada@example.com", "--role", "User")
        yield running


async def test_an_operator_makes_restricts_disables_and_revokes_a_key(installation: Installation) -> None:
    created = await installation.run(
        "api-keys", "create", "backup", "--owner", "ada", "--role", "User", "--scope", "reports",
        "--host", "app.example.com", "--host", "*.apps.example.com", "--path", "/reports", "--method", "GET",
        "--cidr", "10.0.0.0/8", "--rate-limit", "100/60", "--strict", "--expires-in-days", "30",
        "--comment", "runs at night", "--email", "ops@example.com", "--json",
    )  # fmt: skip
    body = created.json()
    key_id = body["id"]
    disabled = await installation.run("api-keys", "disable", key_id, "--json")
    enabled = await installation.run("api-keys", "enable", body["prefix"], "--json")
    shown = await installation.run("api-keys", "show", key_id, "--json")
    page = await installation.run("api-keys", "show", key_id)
    unsure = await installation.run("api-keys", "revoke", body["key"], "--json")
    # Whoever found a key somewhere has the whole of it at hand.
    revoked = await installation.run("api-keys", "revoke", body["key"], "--yes", "--json")
    gone = await installation.run("api-keys", "show", key_id, "--json")

    assert (created.code, created.err) == (0, "")
    assert re.fullmatch(SCANNER_PATTERN, body["key"])
    assert (body["owner"]["username"], body["roles"], body["scopes"]) == ("ada", ["User"], ["reports"])
    assert (body["hosts"], body["paths"]) == (["app.example.com", "*.apps.example.com"], ["/reports"])
    assert (body["methods"], body["cidrs"]) == (["GET"], ["10.0.0.0/8"])
    assert body["rate_limit"] == {"count": 100, "window_seconds": 60, "strict": True}
    assert (disabled.json()["disabled"], enabled.json()["disabled"]) == (True, False)
    assert shown.json() == enabled.json()
    assert "100 in 60 s, strict" in page.out
    assert "10.0.0.0/8" in page.out
    assert body["key"].split("_")[2] not in page.out + shown.out + unsure.out + unsure.err
    assert (unsure.code, unsure.json()["error"]["code"]) == (2, "usage")
    assert (revoked.code, revoked.json()) == (0, {"revoked": key_id})
    assert (gone.code, gone.json()["error"]["code"]) == (1, "not_found")


async def test_an_operator_rotates_a_key_with_a_while_for_both(installation: Installation) -> None:
    first = (await installation.run("api-keys", "create", "deploy", "--owner", "ada@example.com", "--json")).json()

    rotated = await installation.run("api-keys", "rotate", first["id"], "--overlap-hours", "2", "--json")
    third = await installation.run("api-keys", "rotate", first["id"], "--json")
    leaked = await installation.run("api-keys", "rotate", first["id"], "--overlap-hours", "0")
    shown = (await installation.run("api-keys", "show", first["id"], "--json")).json()

    assert rotated.json()["key"] != first["key"]
    assert [held["expires_at"] is None for held in rotated.json()["secrets"]] == [False, True]
    assert (third.code, third.json()["error"]["code"]) == (1, "too_many_secrets")
    assert re.search(SCANNER_PATTERN, leaked.out)
    assert [held["expires_at"] for held in shown["secrets"]] == [None]


async def test_a_key_that_never_expires_is_asked_for_in_so_many_words(installation: Installation) -> None:
    made = await installation.run("api-keys", "create", "forever", "--owner", "ada", "--never-expires")
    usual = (await installation.run("api-keys", "create", "usual", "--owner", "ada", "--json")).json()

    assert (made.code, "never" in made.out) == (0, True)
    assert usual["expires_at"] is not None


async def test_a_list_is_searched_and_paged(installation: Installation) -> None:
    for name in ("list-one", "list-two", "list-three"):
        await installation.run("api-keys", "create", name, "--owner", "ada")

    first = (await installation.run("api-keys", "list", "--search", "list-", "--limit", "2", "--json")).json()
    rest = (await installation.run("api-keys", "list", "--search", "list-", "--cursor", first["next"], "--json")).json()
    table = await installation.run("api-keys", "list", "--search", "list-", "--owner", "ada")
    nobodys = await installation.run("api-keys", "list", "--owner", "nobody", "--json")

    found = [key["name"] for key in first["items"] + rest["items"]]
    assert found == ["list-three", "list-two", "list-one"]
    assert "3 of 3 keys" in table.out
    assert "everywhere" in table.out
    assert nobodys.json()["items"] == []


async def test_refused_values_are_named(installation: Installation) -> None:
    bad = await installation.run(
        "api-keys", "create", "x", "--owner", "ada", "--host", "*", "--role", "Admin", "--method", "get"
    )
    nobody = await installation.run("api-keys", "create", "x", "--owner", "nobody", "--json")
    built_in = await installation.run("api-keys", "create", "x", "--mine", "--json")
    wrong_usage = [
        await installation.run("api-keys", "create", "x", *options, "--json")
        for options in ((), ("--mine", "--strict"), ("--mine", "--rate-limit", "often"))
    ]
    no_key = [await installation.run("api-keys", "show", text, "--json") for text in ("..", "0" * 16)]

    assert (bad.code, bad.out) == (1, "")
    for field in ("roles: ", "hosts: Number 1", "methods: "):
        assert field in bad.err
    assert (nobody.code, nobody.json()["error"]["code"]) == (1, "not_found")
    assert (built_in.code, built_in.json()["error"]["code"]) == (1, "built_in_account")
    assert {(ended.code, ended.json()["error"]["code"]) for ended in wrong_usage} == {(2, "usage")}
    assert {(ended.code, ended.json()["error"]["code"]) for ended in no_key} == {(1, "not_found")}


async def test_api_keys_without_a_command_say_what_there_is(installation: Installation) -> None:
    ended = await installation.run("api-keys")

    assert ended.code == 2
    assert "rotate" in ended.out + ended.err


async def test_whoever_is_no_administrator_manages_their_own_keys(
    installation: Installation, paseport: Running
) -> None:
    """What ``--mine`` does once somebody has signed in with ``paseport login``."""
    password = "correct horse battery staple"
    await installation.run(
        "users", "create", "bo", "--email", "bo@example.com", "--password-stdin", stdin=f"{password}\n"
    )
    async with paseport.client() as browser:
        token = await paseport.sign_in(browser, "bo", password)
    with httpx.Client(base_url=paseport.url, trust_env=False, timeout=20) as http:
        bo = IssuerClient(http, token)
        made = bo.create_api_key({"name": "own"}, None)
        rotated = bo.rotate_api_key(made.id, 1, own=True)
        disabled = bo.change_api_key(made.id, {"disabled": True}, own=True)
        listed = bo.api_keys({}, own=True)
        gone = bo.revoke_api_key(made.key, own=True)
        with pytest.raises(CommandFailed) as refused:
            bo.api_keys({}, own=False)

    assert (made.owner.username, rotated.key != made.key, disabled.disabled) == ("bo", True, True)
    assert [key.id for key in listed.items] == [made.id] == [gone.id]
    assert refused.value.code == "insufficient_role"
