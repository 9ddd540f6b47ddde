"""Services of strangers behind the production topology: registered by one command, installed with one package."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_user import begin_login, sign_in_with, visit
from fresh_environment import PACKAGE, fresh_environment
from installation import Ended, Installation
from paseport import InvalidToken, Unavailable, Verifier
from paseport_testkit.harness.ports import HOST, free_ports
from paseport_testkit.harness.process import ServerProcess
from paseport_testkit.harness.stack import SERVICE, Stack
from people import REVOKED_SECONDS, ROLES_SECONDS, People, Person, holds_within, keeps_for
from sample_client import SampleClient
from verifying_services import redis_settings

SCOPE = "openid profile roles"
STALE_SECONDS = 5.0
FRAMEWORKS = ("litestar", "fastapi")


class Operator(Installation):
    """A machine on which the administrator has signed in with ``paseport login``."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        super().__init__(
            folder,
            XDG_CONFIG_HOME=str(folder / "config"),
            SSL_CERT_FILE=str(stack.ca),
            PASEPORT_ISSUER=stack.origin,
        )

    async def log_in(self, stack: Stack) -> None:
        command = await begin_login(self)
        headers = {"X-CSRF": "1", "Origin": stack.origin}
        async with httpx.AsyncClient(base_url=stack.origin, verify=stack.edge.tls(), headers=headers) as browser:
            page = await visit(await sign_in_with(browser, command, stack.admin.username, stack.admin.password))
        assert page.status_code == 200
        ended = await command.ended()
        assert ended.code == 0, ended.err

    def do(self, *arguments: str) -> Ended:
        """Run a command that works."""
        ended = asyncio.run(self.run(*arguments))
        assert ended.code == 0, ended.err
        return ended


@dataclass(frozen=True, slots=True)
class Credential:
    """Of a registered verifier."""

    client_id: str
    client_secret: str


@pytest.fixture(scope="module")
def operator(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    operator = Operator(tmp_path_factory.mktemp("operator"), stack)
    asyncio.run(operator.log_in(stack))
    return operator


@pytest.fixture(scope="module")
def everybody(stack: Stack) -> Iterator[People]:
    with People(stack) as people:
        yield people


@pytest.fixture
def people(everybody: People) -> People:
    everybody.let_admin_in()
    return everybody


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with ``paseport`` and nothing of ours besides."""
    wanted = ("paseport[litestar]", "paseport[fastapi]", "uvicorn")
    return fresh_environment(tmp_path_factory.mktemp("stranger"), *wanted)


def token_of(stack: Stack, people: People, person: Person) -> str:
    """Have somebody sign in to a client that may call the service."""
    token: str = SampleClient(stack, people.way).tokens_for(person, SCOPE, SERVICE)["access_token"]
    return token


def change(people: People, person: Person, **fields: Any) -> None:
    answer = people.admin.change(people.admin.read(person.user_id), **fields)
    assert answer.status_code == 200, answer.text


def register(operator: Operator, name: str) -> Credential:
    made = operator.do("verifiers", "create", name, "--audience", SERVICE, "--json").json()
    return Credential(made["client_id"], made["client_secret"])


class Service:
    """A service that somebody copied out of the examples, as a server of its own."""

    def __init__(self, url: str, log: Path) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=10)
        self._log = log

    def close(self) -> None:
        self._http.close()

    def status(self, path: str, token: str | None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._http.get(path, headers=headers).status_code

    def unless(self, status: int, path: str, token: str) -> str | None:
        """None where it answers so."""
        answered = self.status(path, token)
        return None if answered == status else f"{path} is answered {answered}, not {status}"

    def log(self) -> str:
        return self._log.read_text()


@contextmanager
def service_of(framework: str, python: Path, folder: Path, stack: Stack, credential: Credential) -> Iterator[Service]:
    name = f"{framework}_service"
    shutil.copy(PACKAGE / "examples" / f"{name}.py", folder)
    (port,) = free_ports(1)
    url = f"http://{HOST}:{port}"
    environment = {
        "PASEPORT_ISSUER": stack.origin,
        "PASEPORT_AUDIENCE": SERVICE,
        "PASEPORT_CLIENT_ID": credential.client_id,
        "PASEPORT_CLIENT_SECRET": credential.client_secret,
        "SSL_CERT_FILE": str(stack.ca),
    }

    def missing() -> str | None:
        try:
            answered = httpx.get(f"{url}/hello", trust_env=False).status_code
        except httpx.HTTPError as error:
            return repr(error)
        return None if answered == 401 else f"a request without a token is answered {answered}"

    command = [python, "-m", "uvicorn", f"{name}:app", "--host", HOST, "--port", str(port)]
    log = folder / "service.log"
    server = ServerProcess(name, command, log, missing, environment=environment)
    with ExitStack() as ending:
        ending.callback(server.stop)
        server.start()
        service = Service(url, log)
        ending.callback(service.close)
        yield service


def test_a_stranger_has_nothing_of_ours_but_the_package(python: Path) -> None:
    program = "import importlib.util as u; print([n for n in NAMES if u.find_spec(n)])"
    names = ["paseport", "paseport_shared", "paseport_issuer", "paseport_testkit", "redis", "sqlalchemy", "structlog"]
    found = subprocess.run(
        [python, "-I", "-c", program.replace("NAMES", repr(names))],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "['paseport']"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_copied_service_accepts_and_refuses_as_it_is_told(
    stack: Stack, people: People, operator: Operator, python: Path, tmp_path: Path, framework: str
) -> None:
    """P2, P3, FT-08, TK-23: through the edge, with the generated authority, and two issuers behind it."""
    credential = register(operator, f"Reports on {framework}")
    alice, bob, carol = (people.newcomer("User") for _ in range(3))
    tokens = {person: token_of(stack, people, person) for person in (alice, bob, carol)}
    machine = SampleClient(stack, people.way).own_token(SERVICE)

    with service_of(framework, python, tmp_path, stack, credential) as service:
        assert [service.status("/hello", token) for token in (*tokens.values(), machine)] == [200] * 4
        assert service.status("/hello", None) == 401
        # For the issuer's own api, and for nobody here.
        assert service.status("/hello", alice.access_token) == 401
        assert service.status("/audit", tokens[alice]) == 403

        change(people, alice, roles=["User", "Admin"])
        holds_within(ROLES_SECONDS, lambda: service.unless(200, "/audit", tokens[alice]))
        change(people, alice, roles=["User"])
        holds_within(ROLES_SECONDS, lambda: service.unless(403, "/audit", tokens[alice]))

        assert alice.sign_out().status_code == 204
        holds_within(REVOKED_SECONDS, lambda: service.unless(401, "/hello", tokens[alice]))
        change(people, bob, disabled=True)
        holds_within(REVOKED_SECONDS, lambda: service.unless(401, "/hello", tokens[bob]))
        SampleClient(stack, people.way).revoke(machine)
        holds_within(REVOKED_SECONDS, lambda: service.unless(401, "/hello", machine))
        assert service.status("/hello", tokens[carol]) == 200

        operator.do("verifiers", "revoke", credential.client_id, "--yes")
        holds_within(STALE_SECONDS + REVOKED_SECONDS, lambda: service.unless(503, "/hello", tokens[carol]))
        keeps_for(1, lambda: service.unless(503, "/hello", tokens[carol]))
        complaints = [line for line in service.log().splitlines() if "refuses the credential" in line]

    assert 1 <= len(complaints) <= 2
    assert credential.client_secret not in service.log()


def test_the_program_that_the_command_prints_says_what_a_token_is_worth(
    stack: Stack, people: People, operator: Operator, python: Path, tmp_path: Path
) -> None:
    made = operator.do("verifiers", "create", "Printed", "--audience", SERVICE).out
    _, _, after = made.partition("The secret, shown this once:\n")
    secret = after.partition("\n")[0]
    (tmp_path / "program.py").write_text(after[after.index("import asyncio") :])
    person = people.newcomer()
    token = token_of(stack, people, person)

    def told() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "program.py", token],
            cwd=tmp_path,
            env={"PASEPORT_CLIENT_SECRET": secret, "SSL_CERT_FILE": str(stack.ca)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    before = told()
    assert person.sign_out().status_code == 204
    after_signing_out = told()

    assert before.returncode == 0, before.stderr
    assert person.account.username in before.stdout
    assert after_signing_out.returncode != 0
    assert "InvalidToken" in after_signing_out.stderr


# --- beside Redis -----------------------------------------------------------------------------------------------------


async def verdict(verifier: Verifier, token: str) -> str:
    try:
        principal = await verifier.verify(token)
    except InvalidToken:
        return "refused"
    except Unavailable:
        return "unavailable"
    return ",".join(sorted(principal.roles))


async def becomes(wanted: str, seconds: float, verifier: Verifier, token: str) -> None:
    end = time.monotonic() + seconds
    while (said := await verdict(verifier, token)) != wanted:
        assert time.monotonic() < end, f"still {said}, not {wanted}"
        await asyncio.sleep(0.01)


async def test_a_verifier_that_may_read_redis_needs_nobody_else(stack: Stack, people: People) -> None:
    """P2, P3, with the least rights, and no credential."""
    alice, bob = people.newcomer("User"), people.newcomer("User")
    tokens = [token_of(stack, people, person) for person in (alice, bob)]
    tls = stack.edge.tls()
    settings = redis_settings(stack)
    async with Verifier(issuer=stack.origin, audience=SERVICE, redis=settings, ssl_context=tls) as verifier:
        assert [await verdict(verifier, token) for token in tokens] == ["User", "User"]

        await asyncio.to_thread(change, people, alice, roles=["User", "Admin"])
        await becomes("Admin,User", ROLES_SECONDS, verifier, tokens[0])
        assert (await asyncio.to_thread(alice.sign_out)).status_code == 204
        await becomes("refused", REVOKED_SECONDS, verifier, tokens[0])
        await asyncio.to_thread(change, people, bob, disabled=True)
        await becomes("refused", REVOKED_SECONDS, verifier, tokens[1])
