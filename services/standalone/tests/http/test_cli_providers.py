"""``paseport providers``, and the identities of a user, against a real provider."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser_user import log_in
from installation import Ended, Installation, Running
from paseport_standalone.cli.sign_ins import SignIn, SignIns
from paseport_testkit.harness.upstream import Upstream, UpstreamClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Installation:
    return Installation(
        tmp_path_factory.mktemp("cli-providers"),
        PASEPORT_ADMIN_PASSWORD=PASSWORD,
        PASEPORT_OUTBOUND_ALLOW=",".join(
            f"{host}:{port}" for host, port in (upstream.address, upstream.github_address)
        ),
        PASEPORT_OUTBOUND_CA=str(upstream.ca),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        yield running


@pytest.fixture(scope="module")
def client(upstream: Upstream, paseport: Running) -> UpstreamClient:
    return upstream.register_client(redirect_uris=(f"{paseport.url}/auth/v1/oauth/callback/staff",))


async def create(
    installation: Installation, name: str, upstream: Upstream, client: UpstreamClient, *options: str
) -> Ended:
    """Register the provider, with the secret from standard input."""
    where = () if "--provider-issuer" in options else ("--provider-issuer", upstream.issuer)
    return await installation.run(
        "providers", "create", name, "--client-id", client.id, "--client-secret-file", "-", *where, *options,
        stdin=f"{client.secret}\n",
    )  # fmt: skip


async def test_an_operator_registers_tests_changes_and_disables_a_provider(
    installation: Installation, paseport: Running, upstream: Upstream, client: UpstreamClient
) -> None:
    created = await create(
        installation, "company", upstream, client, "--preset", "keycloak", "--name", "Company", "--trust-email",
        "claim", "--allow-domain", "example.com", "--no-create-users", "--group-role", "cn=staff=Staff", "--json",
    )  # fmt: skip
    tried = await installation.run("providers", "test", "company")
    changed = await installation.run(
        "providers", "change", "company", "--name", "The company", "--clear", "allowed_domains", "--default",
        "--username-claim", "nickname", "--json",
    )  # fmt: skip
    shown = await installation.run("providers", "show", "company", "--json")
    page = await installation.run("providers", "show", changed.json()["id"])
    disabled = await installation.run("providers", "disable", "company", "--json")
    listed = await installation.run("providers", "list")
    enabled = await installation.run("providers", "enable", "company", "--json")

    made = created.json()
    assert (created.code, created.err) == (0, "")
    assert (made["display_name"], made["issuer"], made["icon"]) == ("Company", upstream.issuer, "keycloak")
    assert made["group_roles"] == [{"group": "cn=staff", "role": "Staff"}]
    assert (made["create_users"], made["allowed_domains"], made["claims"]["groups"]) == (
        False,
        ["example.com"],
        "groups",
    )
    assert tried.code == 0, tried.out
    assert "ok      credentials: The provider accepts the client id and the secret." in tried.out
    assert (changed.json()["allowed_domains"], changed.json()["is_default"]) == ([], True)
    assert changed.json()["claims"] == {**made["claims"], "username": "nickname"}
    assert shown.json() == changed.json()
    assert f"{paseport.url}/auth/v1/oauth/callback/company" in page.out
    assert f"{paseport.url}/auth/v1/oauth/backchannel-logout/company" in page.out
    assert client.secret not in created.out + shown.out + page.out
    assert (disabled.json()["enabled"], disabled.json()["is_default"], enabled.json()["enabled"]) == (
        False,
        False,
        True,
    )
    assert "disabled" in listed.out


async def test_an_operator_is_told_what_to_register_at_the_provider(
    installation: Installation, paseport: Running, upstream: Upstream, client: UpstreamClient
) -> None:
    made = await create(installation, "told", upstream, client)

    callback = f"{paseport.url}/auth/v1/oauth/callback/told"
    assert f"redirect URI: {callback}\n" in made.out
    assert f"back-channel logout URI: {paseport.url}/auth/v1/oauth/backchannel-logout/told\n" in made.out
    assert f"post-logout redirect URI: {paseport.url}/signed-out\n" in made.out
    assert "paseport providers test told" in made.out


async def test_what_is_wrong_with_a_provider_is_said_in_words(
    installation: Installation, upstream: Upstream, client: UpstreamClient
) -> None:
    made = await create(installation, "wrong", upstream, client, "--json")
    await installation.run("providers", "change", "wrong", "--client-secret-file", "-", stdin="not the secret\n")

    people = await installation.run("providers", "test", "wrong")
    program = await installation.run("providers", "test", "wrong", "--json")

    assert (made.code, people.code, program.code) == (0, 1, 1)
    assert "failed  credentials: The client id or secret are not right." in people.out
    outcomes = {finding["check"]: finding["outcome"] for finding in program.json()["findings"]}
    assert (outcomes["issuer"], outcomes["credentials"]) == ("ok", "failed")


async def test_a_provider_without_metadata_is_named_by_its_endpoints(
    installation: Installation, upstream: Upstream, client: UpstreamClient
) -> None:
    endpoints = (
        "--authorization-endpoint", f"{upstream.github}/login/oauth/authorize",
        "--token-endpoint", f"{upstream.github}/login/oauth/access_token",
        "--user-endpoint", f"{upstream.github}/user", "--emails-endpoint", f"{upstream.github}/user/emails",
    )  # fmt: skip
    bare = await installation.run(
        "providers", "create", "forge", "--client-id", client.id, "--client-secret-file", "-", *endpoints,
        "--subject-claim", "id", "--scope", "user:email", "--json", stdin=client.secret,
    )  # fmt: skip
    preset = await installation.run(
        "providers", "create", "octo", "--preset", "github", "--client-id", client.id, "--client-secret-file", "-",
        *endpoints, stdin=client.secret,
    )  # fmt: skip

    assert (bare.json()["kind"], bare.json()["claims"]["subject"]) == ("oauth2", ["id"])
    assert preset.code == 0, preset.err
    assert "redirect URI" in preset.out
    assert "logout" not in preset.out


async def test_presets_are_listed_and_say_what_is_to_be_filled_in(
    installation: Installation, upstream: Upstream, client: UpstreamClient
) -> None:
    table = await installation.run("providers", "presets")
    listed = (await installation.run("providers", "presets", "--json")).json()["presets"]
    needs = await installation.run("providers", "create", "x", "--client-id", "x", "--preset", "keycloak")
    unknown = await installation.run("providers", "create", "x", "--client-id", "x", "--preset", "facebook", "--json")

    assert "https://{host}/realms/{realm}" in table.out
    assert {preset["name"]: preset["trust_email"] for preset in listed}["microsoft"] == "never"
    assert (needs.code, needs.out) == (2, "")
    assert "--provider-issuer https://{host}/realms/{realm}" in needs.err
    assert (unknown.code, unknown.json()["error"]["code"]) == (2, "usage")


async def test_a_client_secret_comes_from_a_file_or_a_terminal_and_is_never_an_argument(
    installation: Installation, upstream: Upstream, client: UpstreamClient, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{client.secret}\n")
    words = ("--client-id", client.id, "--provider-issuer", upstream.issuer)

    from_file = await installation.run(
        "providers", "create", "filed", *words, "--client-secret-file", str(file), "--json"
    )
    tried = await installation.run("providers", "test", "filed", "--json")
    argument = await installation.run("providers", "create", "x", *words, "--client-secret", client.secret)
    nowhere = await installation.run("providers", "create", "x", *words, "--client-secret-file", str(tmp_path / "no"))
    empty = await installation.run("providers", "create", "x", *words, "--client-secret-file", "-", "--json")
    nobody = await installation.run("providers", "create", "x", *words, "--json")

    assert (from_file.code, tried.code) == (0, 0), tried.out
    assert argument.code == 2
    assert client.secret not in argument.out + argument.err
    assert (nowhere.code, empty.code, nobody.code) == (2, 2, 2)
    assert "--client-secret-file" in nobody.json()["error"]["advice"]


async def test_a_client_secret_is_asked_for_at_a_terminal_without_being_shown(
    installation: Installation, upstream: Upstream, client: UpstreamClient
) -> None:
    await create(installation, "asked", upstream, client)
    await installation.run("providers", "change", "asked", "--client-secret-file", "-", stdin="not the secret\n")
    changed = await installation.run_at_terminal(
        client.secret, "providers", "change", "asked", "--ask-client-secret", "--json"
    )
    tried = await installation.run("providers", "test", "asked", "--json")

    assert changed.code == 0, changed.err
    assert "Client secret" in changed.err
    assert client.secret not in changed.out + changed.err
    assert tried.code == 0, tried.out


async def test_refused_values_are_named(installation: Installation, upstream: Upstream, client: UpstreamClient) -> None:
    """XI-16, AD-09."""
    inside = await create(installation, "inside", upstream, client, "--provider-issuer", "https://127.0.0.1", "--json")
    await create(installation, "twice", upstream, client)
    twice = await create(installation, "twice", upstream, client, "--json")
    line = await create(installation, "line", upstream, client, "--group-role", "staff")
    nothing = await installation.run("providers", "change", "twice", "--json")
    cleared = await installation.run("providers", "change", "twice", "--clear", "name", "--json")
    nobody = await installation.run("providers", "show", "nobody", "--json")

    assert (inside.code, inside.json()["error"]["errors"][0]["code"]) == (1, "not_allowed")
    assert (twice.code, twice.json()["error"]["code"]) == (1, "already_exists")
    assert (line.code, nothing.code, cleared.code) == (2, 2, 2)
    assert (nobody.code, nobody.json()["error"]["code"]) == (1, "not_found")


async def test_an_administrator_who_has_just_signed_in_may_change_providers(
    paseport: Running, upstream: Upstream, client: UpstreamClient, tmp_path: Path
) -> None:
    """AD-14."""
    laptop = Installation(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"), PASEPORT_ISSUER=paseport.url)
    await log_in(laptop, paseport, "admin", PASSWORD)

    fresh = await create(laptop, "fresh", upstream, client, "--json")

    assert (fresh.code, fresh.json()["name"]) == (0, "fresh")


async def test_an_administrator_whose_sign_in_is_old_is_told_to_sign_in_again(tmp_path: Path) -> None:
    """AD-14, RFC 9470 §3."""
    too_old = {"code": "reauthentication_required", "detail": "Sign in again first.", "status": 401}

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(too_old)
        writer.write(f"HTTP/1.1 401 Unauthorized\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as issuer:
        url = f"http://localhost:{issuer.sockets[0].getsockname()[1]}"
        sign_ins = SignIns(tmp_path / "config" / "paseport")
        with sign_ins.locked():
            sign_ins.put(url, SignIn("admin", "access", time.time() + 600, "refresh"))
        laptop = Installation(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"), PASEPORT_ISSUER=url)
        ended = await laptop.run("providers", "disable", "company")

    assert (ended.code, ended.out) == (1, "")
    assert f"paseport login --issuer {url}" in ended.err


async def test_providers_without_a_command_say_what_there_is(installation: Installation) -> None:
    ended = await installation.run("providers")

    assert ended.code == 2
    assert "presets" in ended.out + ended.err


# --- users ------------------------------------------------------------------------------------------------------------


async def sign_in_through(paseport: Running, upstream: Upstream, provider: str) -> None:
    """Somebody new comes through the provider."""
    async with paseport.client() as browser:
        there = await browser.get("/auth/v1/oauth/init", params={"provider": provider})
        assert there.status_code == 303, there.text
        back = await browser.get(upstream.sign_in(there.headers["location"]).url)
        assert back.status_code == 303, back.text


async def test_an_operator_lists_and_unlinks_the_identities_of_a_user(
    installation: Installation, paseport: Running, upstream: Upstream, client: UpstreamClient
) -> None:
    await create(installation, "staff", upstream, client)
    await sign_in_through(paseport, upstream, "staff")

    listed: dict[str, Any] = (await installation.run("users", "identities", "ada", "--json")).json()
    table = await installation.run("users", "identities", "ada@example.com")
    identity = listed["items"][0]["id"]
    unsure = await installation.run("users", "unlink", "ada", identity)
    unlinked = await installation.run("users", "unlink", "ada", identity, "--yes", "--json")
    again = await installation.run("users", "unlink", "ada", identity, "--yes", "--json")
    none = await installation.run("users", "identities", "ada")

    assert [(held["provider"]["name"], held["last_credential"]) for held in listed["items"]] == [("staff", True)]
    assert "1 identities; no password" in table.out
    assert (unsure.code, unsure.out) == (2, "")
    assert "paseport users reset-password ada" in unsure.err
    assert (unlinked.code, unlinked.json()["unlinked"]) == (0, identity)
    assert (again.code, again.json()["error"]["code"]) == (1, "not_found")
    assert "0 identities" in none.out


async def test_an_operator_says_whether_an_address_is_known_to_be_somebodys(installation: Installation) -> None:
    created = await installation.run(
        "users", "create", "grace", "--email", "grace@example.com", "--email-verified", "--json"
    )
    moved = await installation.run("users", "change", "grace", "--email", "grace@example.net", "--json")
    verified = await installation.run(
        "users", "change", "grace", "--email-verified", "--display-name", "Grace", "--json"
    )
    shown = await installation.run("users", "show", "grace")
    taken = await installation.run("users", "change", "grace", "--email-unverified", "--json")
    nothing = await installation.run("users", "change", "grace", "--json")

    assert [ended.json()["email_verified"] for ended in (created, moved, verified, taken)] == [True, False, True, False]
    assert verified.json()["display_name"] == "Grace"
    assert "grace@example.net" in shown.out
    assert nothing.code == 2


async def test_an_operator_lets_a_provider_s_tokens_manage_api_keys(
    installation: Installation, upstream: Upstream, client: UpstreamClient
) -> None:
    """What is named of it is changed, the rest stays; cleared whole, they are good for nothing any more."""
    created = await create(
        installation, "callers", upstream, client, "--api-audience", "api://keys", "--api-groups-claim", "groups",
        "--api-admin-group", "Admins", "--refresh-seconds", "120", "--json",
    )  # fmt: skip
    changed = await installation.run(
        "providers", "change", "callers", "--api-tenant", "t", "--api-group-any-case", "--json"
    )
    shown = await installation.run("providers", "show", "callers")
    cleared = await installation.run("providers", "change", "callers", "--clear", "api_access", "--json")

    access = {
        "audiences": ["api://keys"],
        "subject": None,
        "groups": "groups",
        "admin_group": "Admins",
        "group_case_sensitive": True,
        "tenant": None,
    }
    assert (created.code, created.err) == (0, "")
    assert (created.json()["api_access"], created.json()["refresh_seconds"]) == (access, 120)
    assert changed.json()["api_access"] == {**access, "group_case_sensitive": False, "tenant": "t"}
    assert "Admins, in any case" in shown.out
    assert cleared.json()["api_access"] is None
