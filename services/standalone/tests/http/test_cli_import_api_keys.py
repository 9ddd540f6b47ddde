"""``paseport api-keys import``: out of a real Redis, into a running installation, and through ``GET /auth``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from blake3 import blake3
from installation import Ended, Installation, Running
from paseport_testkit.harness.redis import RedisNode

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEPPER = "the pepper of the service that was here before"
SALT = "5a" * 32
HOST = "app.example.com"
KNOWN_SECONDS = 5
POLICY = """
rules:
  - name: keys
    hosts: ["*.example.com"]
    credentials: [api_key]
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("cli-import")
    policy = folder / "policy.yml"
    policy.write_text(POLICY)
    return Installation(
        folder,
        PASEPORT_POLICY_FILE=str(policy),
        PASEPORT_TRUSTED_PROXIES="127.0.0.1/32",
        PASEPORT_LEGACY_TOKEN_PEPPER=PEPPER,
        PASEPORT_LEGACY_TOKEN_SALT=SALT,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        for name in ("shop", "ada"):
            made = await installation.run("users", "create", name, "--email", f"{name}@example.com")
            assert made.code == 0, made.err
        yield running


@pytest.fixture
def redis_url(redis_node: RedisNode) -> str:
    return redis_node.url_for(redis_node.users.operator)


def fastapi_digest(text: str) -> str:
    return hashlib.sha256(f"{text}{PEPPER}".encode()).hexdigest()


def valkey_digest(text: str) -> str:
    return blake3(text.encode(), key=bytes.fromhex(SALT)).hexdigest()


async def auth(running: Running, text: str, host: str = HOST) -> int:
    """Ask as Traefik did of the old service."""
    headers = {
        "Authorization": f"Bearer {text}",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": host,
        "X-Forwarded-Uri": "/",
        "X-Forwarded-For": "198.51.100.7",
    }
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=20) as proxy:
        answer = await proxy.get("/auth", headers=headers)
    assert (answer.text == "OK") == (answer.status_code == 200)
    return answer.status_code


async def auth_once_known(running: Running, text: str) -> int:
    """Ask until a text that was no key a moment ago is one: that it was none is remembered for a second."""
    async with asyncio.timeout(KNOWN_SECONDS):
        while True:
            status = await auth(running, text)
            if status != 401:
                return status
            await asyncio.sleep(0.05)


def outcomes(ended: Ended) -> dict[str, str]:
    return {item["key"]: item["outcome"] for item in ended.json()["items"]}


async def test_the_keys_of_the_fastapi_service_go_on_to_work(
    installation: Installation, paseport: Running, redis_node: RedisNode, redis_url: str, redis_namespace: str
) -> None:
    """Issue: hosts, e-mail, comment, remaining time; 200, 401 and 403 as before; a revoked one stays revoked."""
    prefix = f"{redis_namespace}tokens:"
    records: dict[str, dict[str, Any]] = {
        "till-token": {"hosts": f'["{HOST}"]', "email": "till@example.com", "comment": "Till"},
        "report-token": {"hosts": "*.example.com", "comment": "Reports", "rate_limit": "1000"},
        "anywhere-token": {"comment": "Nobody knows where it works"},
    }
    with redis_node.admin() as client:
        for text, fields in records.items():
            client.hset(f"{prefix}{fastapi_digest(text)}", mapping=fields)
        client.expire(f"{prefix}{fastapi_digest('till-token')}", 3_600)
        client.set(f"{prefix}counter", "1")
    command = ("api-keys", "import", "--redis", redis_url, "--prefix", prefix, "--owner", "shop")

    shown = await installation.run(*command, "--json")
    before = await auth(paseport, "till-token")
    done = await installation.run(*command, "--apply", "--json")
    statuses = [
        await auth_once_known(paseport, "till-token"),
        await auth(paseport, "till-token", "other.example.com"),
        await auth(paseport, "report-token", "other.example.com"),
        await auth(paseport, "anywhere-token"),
        await auth(paseport, "another-token"),
    ]
    again = await installation.run(*command, "--any-host", "--apply", "--json")
    anywhere = await auth_once_known(paseport, "anywhere-token")

    short = {text: fastapi_digest(text)[:12] for text in records}
    assert shown.json()["dry_run"] is True
    assert (shown.code, before) == (0, 401)
    assert outcomes(shown) == {
        short["till-token"]: "created",
        short["report-token"]: "created",
        short["anywhere-token"]: "left_out",
    }
    assert (done.code, outcomes(done)) == (1, outcomes(shown)), "something was left out"
    till = next(item for item in done.json()["items"] if item["key"] == short["till-token"])
    assert (till["name"], till["owner"], till["hosts"]) == ("Till", "shop", [HOST])
    assert till["expires_at"] is not None
    assert statuses == [200, 403, 200, 401, 401]
    assert (again.code, again.json()["counts"]) == (0, {"created": 1, "present": 2})
    assert anywhere == 200
    assert fastapi_digest("till-token") not in done.out + shown.out


async def test_the_keys_of_the_valkey_service_become_those_of_the_users_that_its_subjects_are(
    installation: Installation, paseport: Running, redis_node: RedisNode, redis_url: str, redis_namespace: str
) -> None:
    prefix = f"{redis_namespace}auth:token:"
    with redis_node.admin() as client:
        for text, subject in (("A" * 32, "8f2d-ada"), ("B" * 32, "unknown")):
            fields = {"sub": subject, "created_at": "2025-01-01T00:00:00Z", "description": f"of {subject}"}
            client.hset(f"{prefix}{valkey_digest(text)}", mapping=fields)
    command = (
        "api-keys", "import", "--from", "rusty-valkey", "--redis", redis_url, "--prefix", prefix,
        "--subject", "8f2d-ada=ada", "--host", HOST, "--apply",
    )  # fmt: skip

    done = await installation.run(*command, "--json")
    table = await installation.run(*command)

    items = {item["subject"]: item for item in done.json()["items"]}
    assert (items["8f2d-ada"]["outcome"], items["8f2d-ada"]["owner"]) == ("created", "ada")
    assert items["8f2d-ada"]["expires_at"] is None
    assert items["unknown"]["outcome"] == "left_out"
    assert "--subject" in items["unknown"]["reason"]
    assert (done.code, table.code) == (1, 1)
    assert "1 left out, 1 present" in table.out
    assert await auth(paseport, "A" * 32) == 200
    assert await auth(paseport, "A" * 32, "other.example.com") == 403
    assert await auth(paseport, "B" * 32) == 401


async def test_a_key_that_was_imported_and_revoked_is_refused_and_stays_so(
    installation: Installation, paseport: Running, redis_node: RedisNode, redis_url: str, redis_namespace: str
) -> None:
    """FA-16."""
    prefix = f"{redis_namespace}tokens:"
    with redis_node.admin() as client:
        client.hset(f"{prefix}{fastapi_digest('lost')}", mapping={"hosts": HOST, "comment": "Lost"})
    command = ("api-keys", "import", "--redis", redis_url, "--prefix", prefix, "--owner", "ada", "--apply", "--json")
    await installation.run(*command)
    assert await auth(paseport, "lost") == 200
    listed = await installation.run("api-keys", "list", "--search", "Lost", "--json")
    (key,) = listed.json()["items"]

    revoked = await installation.run("api-keys", "revoke", key["id"], "--yes", "--json")
    again = await installation.run(*command)

    assert revoked.code == 0, revoked.out
    assert again.json()["counts"] == {"revoked": 1}
    assert await auth(paseport, "lost") == 401


async def test_what_cannot_be_done_is_said_in_words(
    installation: Installation, paseport: Running, redis_url: str
) -> None:
    """Wrong usage is 2, everything else 1; no message has a password."""
    wanted = ("api-keys", "import", "--owner", "shop", "--redis")
    endings = {
        "no owner": await installation.run("api-keys", "import", "--redis", redis_url, "--json"),
        "no such owner": await installation.run("api-keys", "import", "--redis", redis_url, "--owner", "x", "--json"),
        "no address": await installation.run(*wanted, "http://localhost", "--json"),
        "nobody there": await installation.run(*wanted, "redis://:canary@127.0.0.1:1", "--json"),
        "a host": await installation.run(*wanted, redis_url, "--host", "https://x", "--json"),
        "a subject": await installation.run(*wanted, redis_url, "--subject", "x", "--json"),
    }

    assert {name: (ended.code, ended.json()["error"]["code"]) for name, ended in endings.items()} == {
        "no owner": (2, "usage"),
        "no such owner": (1, "not_found"),
        "no address": (2, "usage"),
        "nobody there": (1, "redis_unavailable"),
        "a host": (2, "usage"),
        "a subject": (2, "usage"),
    }
    assert "canary" not in "".join(ended.out + ended.err for ended in endings.values())


async def test_the_health_of_the_old_service_is_answered(paseport: Running) -> None:
    async with httpx.AsyncClient(base_url=paseport.url, trust_env=False) as prober:
        answer = await prober.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "OK")
