"""The ``paseport`` command, used by an operator at a terminal and by a program."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from installation import Installation, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("cli"), PASEPORT_ADMIN_PASSWORD=PASSWORD)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def browser(paseport: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with paseport.client() as client:
        yield client


async def test_an_operator_makes_a_user_who_then_signs_in(
    installation: Installation, paseport: Running, browser: httpx.AsyncClient
) -> None:
    created = await installation.run(
        "users", "create", "bob", "--email", "bob@example.com", "--password-stdin", "--json", stdin=f"{PASSWORD}\n"
    )

    assert (created.code, created.err) == (0, "")
    user = created.json()
    assert (user["username"], user["roles"], user["has_password"]) == ("bob", ["User"], True)
    assert await paseport.sign_in(browser, "bob", PASSWORD)


async def test_a_user_without_a_password_sets_one_through_a_link_that_works_once(
    installation: Installation, paseport: Running, browser: httpx.AsyncClient
) -> None:
    """AD-12."""
    created = await installation.run("users", "create", "carol", "--email", "carol@example.com")
    assert "paseport users reset-password carol" in created.out

    link = (await installation.run("users", "reset-password", "carol@example.com", "--json")).json()
    body = {"token": link["url"].partition("#token=")[2], "password": PASSWORD}
    first = await browser.post("/auth/v1/password/reset", json=body)
    second = await browser.post("/auth/v1/password/reset", json=body)

    assert link["url"].startswith(f"{paseport.url}/reset-password#token=prr_")
    assert (first.status_code, second.status_code) == (204, 400)
    assert await paseport.sign_in(browser, "carol", PASSWORD)


async def test_a_password_is_never_an_argument(installation: Installation, paseport: Running) -> None:
    """Arguments are seen by every user of the machine."""
    ended = await installation.run("users", "create", "x", "--email", "x@example.com", "--password", PASSWORD)

    assert ended.code == 2
    assert PASSWORD not in ended.out + ended.err


async def test_an_operator_changes_roles_and_locks_a_user_out(
    installation: Installation, paseport: Running, browser: httpx.AsyncClient
) -> None:
    """AD-06, AD-07: with the token that is out already."""
    await installation.run("users", "create", "dave", "--email", "dave@example.com", "--password-stdin", stdin=PASSWORD)
    token = await paseport.sign_in(browser, "dave", PASSWORD)
    bearer = {"Authorization": f"Bearer {token}"}

    async def admin_only() -> int:
        return (await browser.get("/api/admin/revocations", headers=bearer)).status_code

    before = await admin_only()
    raised = await installation.run("users", "set-roles", "dave", "Admin", "User", "--json")
    after = await admin_only()
    disabled = await installation.run("users", "disable", "dave", "--json")
    locked = await admin_only()
    enabled = await installation.run("users", "enable", raised.json()["id"], "--json")

    assert (before, after, locked) == (403, 200, 401)
    assert raised.json()["roles"] == ["Admin", "User"]
    assert (disabled.json()["disabled"], enabled.json()["disabled"]) == (True, False)


async def test_a_list_is_searched_filtered_and_paged(installation: Installation, paseport: Running) -> None:
    for name in ("erin", "eve"):
        await installation.run("users", "create", name, "--email", f"{name}@list.example", "--role", "Auditor")
    query = ("--search", "list.example", "--role", "Auditor", "--status", "active", "--sort", "-username")

    first = (await installation.run("users", "list", *query, "--limit", "1", "--json")).json()
    second = (
        await installation.run("users", "list", *query, "--limit", "1", "--cursor", first["next"], "--json")
    ).json()
    table = await installation.run("users", "list", *query)

    assert [user["username"] for user in first["items"] + second["items"]] == ["eve", "erin"]
    assert (first["total"], second["next"]) == (2, None)
    assert "erin@list.example" in table.out
    assert "2 of 2 users" in table.out
    assert "\x1b" not in table.out


async def test_the_last_administrator_and_the_built_in_account_are_kept(
    installation: Installation, paseport: Running
) -> None:
    admins = (await installation.run("users", "list", "--role", "Admin", "--json")).json()["items"]
    for other in admins:
        if other["username"] not in ("admin", "cli"):
            await installation.run("users", "set-roles", other["id"], "User")

    roles = await installation.run("users", "set-roles", "admin", "User", "--json")
    built_in = await installation.run("users", "disable", "cli", "--json")

    assert (roles.code, roles.json()["error"]["code"]) == (1, "last_admin")
    assert (built_in.code, built_in.json()["error"]["code"]) == (1, "built_in_account")


@pytest.mark.parametrize("name", ["nobody", "nobody@example.com", "00000000-0000-4000-8000-000000000000", "%", "admi"])
async def test_a_user_who_does_not_exist_is_not_found(installation: Installation, paseport: Running, name: str) -> None:
    ended = await installation.run("users", "disable", name, "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (1, "not_found")


async def test_refused_values_are_named(installation: Installation, paseport: Running) -> None:
    weak = await installation.run(
        "users", "create", "frank", "--email", "frank@example.com", "--password-stdin", "--json", stdin="short"
    )
    twice = await installation.run("users", "create", "ADMIN", "--email", "other@example.com", "--json")
    people = await installation.run("users", "create", "a b", "--email", "nowhere")

    assert weak.json()["error"]["code"] == "weak_password"
    assert weak.json()["error"]["errors"][0]["field"] == "password"
    assert twice.json()["error"]["code"] == "already_exists"
    assert (people.code, people.out) == (1, "")
    assert "username: " in people.err
    assert "email: " in people.err


async def test_the_keys_are_those_of_the_key_document(
    installation: Installation, paseport: Running, browser: httpx.AsyncClient
) -> None:
    published = (await browser.get("/.well-known/paserk.json")).json()["keys"]

    listed = await installation.run("keys", "list", "--json")
    table = await installation.run("keys", "list")

    of_access_tokens = [key["kid"] for key in listed.json()["keys"] if key["key"] == "access"]
    assert of_access_tokens == [key["kid"] for key in published]
    assert published[0]["kid"] in table.out


async def test_the_doctor_finds_a_running_installation_healthy(installation: Installation, paseport: Running) -> None:
    ended = await installation.run("doctor", "--json")

    assert ended.code == 0, ended.out
    checks = {check["name"]: check for check in ended.json()["checks"]}
    assert checks["issuer"]["detail"] == f"Answers at {paseport.url}."
    assert checks["database"]["status"] == "ok"
    assert {check["status"] for check in checks.values()} <= {"ok", "warn"}


async def test_the_doctor_says_who_has_the_ports(installation: Installation, paseport: Running) -> None:
    port, internal_port = (url.rpartition(":")[2] for url in (paseport.url, paseport.internal_url))

    own = await installation.run("doctor", SERVER_PORT=port, PASEPORT_INTERNAL_PORT=internal_port)
    other = await installation.run("doctor", SERVER_PORT=port, PASEPORT_DATA_DIR=str(installation.data / "new"))

    assert own.out.count(f"Served by Paseport itself (process {paseport.process.pid})") == 2
    assert other.code == 1
    assert f"fail port {port}: In use by process {paseport.process.pid} (paseport)." in other.out


# --- without an issuer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("users", "list"), ("users", "reset-password", "admin"), ("keys", "list")])
async def test_without_an_issuer_a_command_says_how_to_start_one(tmp_path: Path, command: tuple[str, ...]) -> None:
    installation = Installation(tmp_path)

    people, program = await installation.run(*command), await installation.run(*command, "--json")

    assert (people.code, people.out) == (3, "")
    assert "paseport run" in people.err
    assert (program.code, program.err, program.json()["error"]["code"]) == (3, "", "not_running")


async def test_the_secret_is_not_sent_to_a_port_that_a_killed_process_left_behind(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    async with installation.started() as paseport:
        paseport.process.kill()
        await paseport.process.wait()

    assert (installation.data / "runtime.json").exists()
    assert (await installation.run("users", "list")).code == 3


async def test_a_database_is_migrated_once(tmp_path: Path) -> None:
    installation = Installation(tmp_path)

    first, second = (await installation.run("migrate", "--json")).json(), (await installation.run("migrate")).out
    async with installation.started():
        pass

    assert first["before"] is None
    assert f"at revision {first['after']} already" in second


async def test_the_doctor_names_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    async with installation.started():
        pass
    (installation.data / "signing-keys.json").chmod(0o640)
    (installation.data / "password-pepper").unlink()

    ended = await installation.run("doctor", "--json", PASEPORT_APP_DIR=str(tmp_path / "nothing"))

    assert ended.code == 1
    failed = {check["name"]: check for check in ended.json()["checks"] if check["status"] == "fail"}
    assert set(failed) == {"app", "signing-keys.json", "password-pepper"}
    assert "make setup" in failed["app"]["detail"]
    assert "chmod 600" in failed["signing-keys.json"]["detail"]
    assert "backup" in failed["password-pepper"]["advice"]


async def test_the_doctor_reports_settings_that_cannot_be_used(tmp_path: Path) -> None:
    ended = await Installation(tmp_path).run("doctor", SERVER_PORT="http")

    assert ended.code == 1
    assert "SERVER_PORT" in ended.out


async def test_the_doctor_changes_nothing(tmp_path: Path) -> None:
    installation = Installation(tmp_path)

    assert (await installation.run("doctor")).code == 0
    assert not installation.data.exists()


async def test_help_says_what_the_exit_codes_mean(tmp_path: Path) -> None:
    installation = Installation(tmp_path)

    helped, wrong, nothing = [
        await installation.run(*words) for words in (("--help",), ("users", "list", "--limit", "0", "--json"), ())
    ]

    assert helped.code == 0
    assert "Exit codes" in helped.out
    assert (wrong.code, wrong.err, wrong.json()["error"]["code"]) == (2, "", "usage")
    assert nothing.code == 2
    assert "Usage" in nothing.out + nothing.err


async def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert (await Installation(tmp_path).run("version", "--json")).json()["paseport"] == "0.1.0"
