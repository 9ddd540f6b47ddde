"""``paseport verifiers``, used by an operator at a terminal, by a program, and by the service that it is made for."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from installation import Installation, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUDIENCE = "https://reports.example.com"
UNKNOWN = {"subject": "01890a5d-ac96-774b-bcce-b302099a8057"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("cli-verifiers"))


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        yield running


def status(paseport: Running, verifier_id: str, secret: str) -> int:
    """What a service with this credential is answered."""
    with httpx.Client(base_url=paseport.url, auth=(verifier_id, secret), trust_env=False) as service:
        feed = service.get("/verifiers/v1/feed")
        principal = service.post("/verifiers/v1/principals", json=UNKNOWN)
    assert principal.status_code == (404 if feed.status_code == 200 else feed.status_code)
    return feed.status_code


async def test_an_operator_registers_rolls_and_revokes_a_verifier(
    installation: Installation, paseport: Running
) -> None:
    created = await installation.run("verifiers", "create", "Reports", "--audience", AUDIENCE, "--json")
    made = created.json()
    verifier = made["client_id"]
    first = status(paseport, verifier, made["client_secret"])
    shown = await installation.run("verifiers", "show", verifier, "--json")
    page = await installation.run("verifiers", "show", verifier)
    rolled = await installation.run("verifiers", "roll-secret", verifier, "--previous-expires-in", "0", "--json")
    old = status(paseport, verifier, made["client_secret"])
    new = status(paseport, verifier, rolled.json()["client_secret"])
    unsure = await installation.run("verifiers", "revoke", verifier, "--json")
    revoked = await installation.run("verifiers", "revoke", verifier, "--yes", "--json")
    after = status(paseport, verifier, rolled.json()["client_secret"])
    gone = await installation.run("verifiers", "show", verifier, "--json")

    assert (created.code, created.err) == (0, "")
    assert made["client_secret"].startswith("pcs_")
    assert (made["name"], made["audience"]) == ("Reports", AUDIENCE)
    assert shown.json() == {name: value for name, value in made.items() if name != "client_secret"}
    assert AUDIENCE in page.out
    assert made["client_secret"] not in page.out + shown.out
    assert (first, old, new, after) == (200, 401, 200, 401)
    assert (unsure.code, unsure.json()["error"]["code"]) == (2, "usage")
    assert (revoked.code, revoked.json()) == (0, {"revoked": verifier})
    assert (gone.code, gone.json()["error"]["code"]) == (1, "not_found")


async def test_an_operator_is_told_the_secret_once_and_how_to_use_it(
    installation: Installation, paseport: Running
) -> None:
    made = await installation.run("verifiers", "create", "Wiki", "--audience", "https://wiki.example.com")

    _, _, after = made.out.partition("The secret, shown this once:\n")
    secret, _, rest = after.partition("\n")
    program = rest[rest.index("import asyncio") :]
    compile(program, "the program", "exec")
    listed = (await installation.run("verifiers", "list", "--search", "wiki", "--json")).json()
    assert secret.startswith("pcs_")
    assert secret not in program
    for value in (f"issuer='{paseport.url}'", "https://wiki.example.com", listed["items"][0]["client_id"]):
        assert value in program


async def test_a_list_shows_verifiers_and_no_clients(installation: Installation) -> None:
    for name in ("A", "B", "C"):
        await installation.run("verifiers", "create", f"Zoo {name}", "--audience", "urn:example:zoo")

    first = (await installation.run("verifiers", "list", "--search", "zoo", "--limit", "2", "--json")).json()
    rest = await installation.run("verifiers", "list", "--search", "zoo", "--cursor", first["next"], "--json")
    table = await installation.run("verifiers", "list", "--search", "zoo")
    clients = (await installation.run("clients", "list", "--json")).json()

    names = [verifier["name"] for verifier in first["items"] + rest.json()["items"]]
    assert sorted(names) == ["Zoo A", "Zoo B", "Zoo C"]
    assert "3 of 3 verifiers" in table.out
    assert [client["client_id"] for client in clients["items"]] == ["bff", "cli"]


async def test_refused_values_are_named(installation: Installation, paseport: Running) -> None:
    own = await installation.run("verifiers", "create", "X", "--audience", f"{paseport.url}/api")
    named = [await installation.run("verifiers", "show", name, "--json") for name in ("..", "feed", "bff", "nobody")]

    assert (own.code, own.out) == (1, "")
    assert "audience: It is a name of the issuer itself." in own.err
    assert [(ended.code, ended.json()["error"]["code"]) for ended in named] == [(1, "not_found")] * 4


async def test_verifiers_without_a_command_say_what_there_is(installation: Installation) -> None:
    ended = await installation.run("verifiers")

    assert ended.code == 2
    assert "roll-secret" in ended.out + ended.err
