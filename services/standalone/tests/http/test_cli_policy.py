"""``paseport policy``: a file is checked anywhere, and the rules in force are asked over HTTP."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from installation import Installation, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = """\
rules:
  - name: health
    paths: [/health]
    access: public
  - name: admin
    hosts: [app.example.com]
    paths: [/admin/**]
    roles: [Admin]
"""
BAD = """\
rules:
  - name: Health
    paths: [health]
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("cli-policy")
    file = folder / "policy.yml"
    file.write_text(GOOD)
    return Installation(folder, PASEPORT_POLICY_FILE=str(file), PASEPORT_TRUSTED_PROXIES="127.0.0.0/8")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        await installation.run("users", "create", "ada", "--email", "ada@example.com")
        yield running


async def test_a_good_file_is_shown_as_it_is_understood(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(GOOD)

    checked = await installation.run("policy", "check", str(file))
    document = (await installation.run("policy", "check", str(file), "--json")).json()

    assert (checked.code, checked.err) == (0, "")
    assert "2 rules, and nothing is wrong with them." in checked.out
    assert [(rule["name"], rule["line"], rule["access"]) for rule in document["rules"]] == [
        ("health", 2, "public"),
        ("admin", 5, "signed-in"),
    ]


async def test_a_bad_file_fails_with_every_line_and_nothing_has_to_run(tmp_path: Path) -> None:
    elsewhere = Installation(tmp_path)
    file = tmp_path / "policy.yml"
    file.write_text(BAD)

    ended = await elsewhere.run("policy", "check", str(file))
    document = (await elsewhere.run("policy", "check", str(file), "--json")).json()
    absent = await elsewhere.run("policy", "check", str(tmp_path / "nothing.yml"))

    assert (ended.code, ended.out) == (1, "")
    assert f"{file}:2: `name` must be" in ended.err
    assert f"{file}:3: `paths`: `health` is no path" in ended.err
    assert document["error"]["code"] == "policy_invalid"
    assert [problem["field"] for problem in document["error"]["errors"]] == [f"{file}:2", f"{file}:3"]
    assert (absent.code, "cannot be read" in absent.err) == (1, True)


async def test_a_bad_file_at_the_start_starts_nothing_and_every_line_is_named(tmp_path: Path) -> None:
    """FA-22."""
    file = tmp_path / "policy.yml"
    file.write_text(BAD)
    installation = Installation(tmp_path, PASEPORT_POLICY_FILE=str(file))

    ended = await installation.run("run")

    assert ended.code == 1
    assert "The policy file cannot be used." in ended.err
    assert f"{file}:2: `name` must be" in ended.err
    assert f"{file}:3: `paths`: `health` is no path" in ended.err


async def test_an_operator_asks_whether_a_request_would_pass(installation: Installation) -> None:
    request = ("policy", "explain", "--host", "app.example.com", "--path", "/admin/x")

    nobody = (await installation.run(*request, "--json")).json()
    ada = (await installation.run(*request, "--user", "ada", "--json")).json()
    shown = await installation.run(*request, "--user", "ada@example.com")
    public = (await installation.run(*request[:-1], "/health", "--anonymous", "--json")).json()
    unknown = (await installation.run(*request, "--api-key", "0000000000000000", "--json")).json()

    assert (nobody["reason"], nobody["rule"]) == ("sign_in_required", {"name": "admin", "line": 5})
    assert (ada["reason"], ada["asker"]["username"]) == ("role_missing", "ada")
    assert shown.code == 0
    for fact in ("GET app.example.com /admin/x", "ada", "denied (role_missing)", "admin, line 5", "the role Admin"):
        assert fact in shown.out
    assert (public["allowed"], public["reason"]) == (True, "allowed")
    assert unknown["reason"] == "credential_invalid"


async def test_an_operator_asks_why_a_request_was_denied(installation: Installation, paseport: Running) -> None:
    facts = {"Method": "GET", "Proto": "https", "Host": "app.example.com", "Uri": "/admin", "For": "192.0.2.7"}
    headers = {f"X-Forwarded-{name}": value for name, value in facts.items()}
    async with httpx.AsyncClient(base_url=paseport.url, trust_env=False) as proxy:
        denied = await proxy.get("/forward-auth", headers=headers)
        request_id = denied.headers["X-Request-Id"]
    assert denied.status_code == 401

    # The log is written off the path of the answer.
    question = ("policy", "explain", "--request-id", request_id, "--json")
    ended = await installation.run(*question)
    for _ in range(20):
        if ended.code == 0:
            break
        ended = await installation.run(*question)
    shown = await installation.run("policy", "explain", "--request-id", request_id)

    assert (ended.json()["reason"], ended.json()["now"]["reason"]) == ("sign_in_required", "sign_in_required")
    assert "the same now" in shown.out
    assert "192.0.2.7" in shown.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "a"),
        ("--host", "a", "--path", "/", "--user", "ada", "--anonymous"),
        ("--host", "a", "--path", "/", "--token-scope", "x"),
        ("--request-id", "x", "--anonymous"),
    ],
)
async def test_a_question_that_is_none_is_wrong_usage(installation: Installation, arguments: tuple[str, ...]) -> None:
    ended = await installation.run("policy", "explain", *arguments, "--json")

    assert (ended.code, json.loads(ended.out)["error"]["code"]) == (2, "usage")


async def test_a_request_that_was_not_denied_is_not_found(installation: Installation) -> None:
    ended = await installation.run("policy", "explain", "--request-id", "x", "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (1, "not_found")


async def test_policy_without_a_command_says_what_there_is(installation: Installation) -> None:
    ended = await installation.run("policy")

    assert ended.code == 2
    assert "explain" in ended.out + ended.err
