"""``paseport clients``, used by an operator at a terminal and by a program."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from installation import Installation, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = ("--name", "Shop", "--redirect-uri", "https://shop.example.com/callback")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(
        tmp_path_factory.mktemp("cli-clients"), MOBILE_REDIRECT_URIS="com.example.app:/callback,http://127.0.0.1/"
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        yield running


async def test_an_operator_creates_changes_and_deletes_a_client(installation: Installation) -> None:
    created = await installation.run(
        "clients", "create", "shop", *SHOP, "--grant", "authorization_code", "--grant", "refresh_token",
        "--scope", "openid", "--scope", "offline_access", "--access-token-lifetime", "60", "--json",
    )  # fmt: skip
    changed = await installation.run(
        "clients", "update", "shop", "--name", "Corner shop", "--disable", "--clear", "access_token_lifetime", "--json"
    )
    shown = await installation.run("clients", "show", "shop", "--json")
    page = await installation.run("clients", "show", "shop")
    unsure = await installation.run("clients", "delete", "shop", "--json")
    deleted = await installation.run("clients", "delete", "shop", "--yes", "--json")
    gone = await installation.run("clients", "show", "shop", "--json")

    assert (created.code, created.err) == (0, "")
    assert created.json()["client_secret"].startswith("pcs_")
    assert (created.json()["scopes"], created.json()["access_token_lifetime"]) == (["openid", "offline_access"], 60)
    assert (changed.json()["name"], changed.json()["disabled"]) == ("Corner shop", True)
    assert changed.json()["access_token_lifetime"] is None
    assert shown.json() == changed.json()
    assert "https://shop.example.com/callback" in page.out
    assert created.json()["client_secret"] not in page.out + shown.out
    assert (unsure.code, unsure.json()["error"]["code"]) == (2, "usage")
    assert (deleted.code, deleted.json()) == (0, {"deleted": "shop"})
    assert (gone.code, gone.json()["error"]["code"]) == (1, "not_found")


async def test_an_operator_rolls_a_secret_and_ends_the_old_one(installation: Installation) -> None:
    created = (await installation.run("clients", "create", "till", *SHOP, "--json")).json()
    old = created["secrets"][0]["id"]

    rolled = await installation.run("clients", "roll-secret", "till", "--previous-expires-in", "60", "--json")
    ended = await installation.run("clients", "delete-secret", "till", old, "--json")
    leaked = await installation.run("clients", "roll-secret", "till", "--previous-expires-in", "0")
    shown = (await installation.run("clients", "show", "till", "--json")).json()

    assert [(held["id"], held["expires_at"] is None) for held in rolled.json()["secrets"]] == [
        (old, False),
        (rolled.json()["id"], True),
    ]
    assert ended.code == 0
    assert "pcs_" in leaked.out
    assert [held["expires_at"] for held in shown["secrets"]] == [None]
    assert shown["secrets"][0]["id"] not in (old, rolled.json()["id"])


async def test_a_list_shows_the_clients_of_the_installation_too(installation: Installation) -> None:
    await installation.run("clients", "create", "zoo", *SHOP, "--auth-method", "none")

    first = (await installation.run("clients", "list", "--limit", "3", "--json")).json()
    rest = (await installation.run("clients", "list", "--cursor", first["next"], "--json")).json()
    table = await installation.run("clients", "list", "--search", "paseport")

    assert [client["client_id"] for client in first["items"]] == ["bff", "cli", "mobile"]
    assert "zoo" in [client["client_id"] for client in rest["items"]]
    assert "3 of 3 clients" in table.out
    assert "built in" in table.out


async def test_refused_values_are_named(installation: Installation) -> None:
    """AZ-05."""
    bad = await installation.run(
        "clients", "create", "x", "--name", "X", "--redirect-uri", "https://*.example.com/", "--scope", "root"
    )
    built_in = await installation.run("clients", "update", "bff", "--disable", "--json")
    nothing = await installation.run("clients", "update", "till", "--json")
    dots = await installation.run("clients", "show", "..", "--json")

    assert (bad.code, bad.out) == (1, "")
    for field in ("client_id: ", "redirect_uris: Number 1 must not have a wildcard", "scopes: "):
        assert field in bad.err
    assert (built_in.code, built_in.json()["error"]["code"]) == (1, "built_in_client")
    assert (nothing.code, nothing.json()["error"]["code"]) == (2, "usage")
    assert (dots.code, dots.json()["error"]["code"]) == (1, "not_found")


async def test_clients_without_a_command_say_what_there_is(installation: Installation) -> None:
    ended = await installation.run("clients")

    assert ended.code == 2
    assert "roll-secret" in ended.out + ended.err
