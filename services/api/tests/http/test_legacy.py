"""The addresses of a system that was here before: ``GET /auth`` and ``GET /healthz``."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_world import ALICE, ApiWorld, api_settings
from paseport.revocation import RevocationKind
from paseport.secret import Secret
from paseport_api.settings import ForwardAuthVariables
from paseport_api.wiring import legacy_digests
from paseport_shared.domain.models.api_key import ApiKey, DeletedApiKey
from paseport_shared.domain.models.policy import Access, CredentialKind, Policy, Rule
from paseport_shared.domain.models.rate_limit import RateLimit

PROXY, STRANGER = "10.0.0.1", "203.0.113.9"
PEPPER = "the pepper of the service that was here before"
TEXT = "any.text-the~old+service/made="
HOST = "app.example.com"
KEY = "k" * 16


@asynccontextmanager
async def legacy_world(folder: Path, **variables: Any) -> AsyncIterator[ApiWorld]:
    """An api into which the keys of another system moved, with one rule: any key of its host's passes."""
    moved = ForwardAuthVariables(**{"legacy_token_pepper": Secret(PEPPER), **variables})
    async with ApiWorld(folder, forward_auth=moved, trusted_proxies=(f"{PROXY}/32",)) as world:
        rule = Rule(name="keys", access=Access.SIGNED_IN, credentials=frozenset({CredentialKind.API_KEY}))
        world.policies.policy = Policy((rule,))
        await world.user("User")
        await world.api_keys.put([a_key(world)])
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with legacy_world(tmp_path) as world:
        yield world


def a_key(world: ApiWorld, **changes: Any) -> ApiKey:
    now = world.clock.now()
    key = ApiKey(
        id=KEY,
        owner_id=ALICE,
        name="till",
        hosts=(HOST,),
        roles=frozenset({"User"}),
        legacy_digest=hashlib.sha256(f"{TEXT}{PEPPER}".encode()).hexdigest(),
        expires_at=now + timedelta(hours=1),
        created_at=now,
        updated_at=now,
    )
    return replace(key, **changes)


async def ask(
    world: ApiWorld, path: str = "/auth", *, peer: str = PROXY, host: str = HOST, **headers: str
) -> httpx.Response:
    """Ask as Traefik does, with any host of its own."""
    facts = {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": host,
        "X-Forwarded-Uri": "/reports?x=1",
        "X-Forwarded-For": "198.51.100.7",
    }
    transport = httpx.ASGITransport(world.app, client=(peer, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://api:3001") as proxy:
        return await proxy.get(
            path, headers={**facts, **{name.replace("_", "-"): sent for name, sent in headers.items()}}
        )


def bearer(text: str = TEXT) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def test_a_token_of_the_old_service_is_told_ok_with_the_whole_identity(world: ApiWorld) -> None:
    """FA-06."""
    answer = await ask(world, **bearer())

    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["content-length"] == "2"
    assert (answer.headers["x-user"], answer.headers["x-user-id"]) == ("alice", str(ALICE))
    assert (answer.headers["x-auth-method"], answer.headers["x-user-roles"]) == ("api_key", "User")
    assert answer.headers["x-user-email"] == ""
    assert TEXT not in str(answer.headers)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 401),
        ({"Accept": "text/html"}, 401),
        (bearer("another"), 401),
        (bearer(hashlib.sha256(f"{TEXT}{PEPPER}".encode()).hexdigest()), 401),
        (bearer("v4.public.x"), 401),
        (bearer("ppk_" + "0" * 16 + "_" + "0" * 43 + "_" + "0" * 6), 401),
        ({**bearer(), "host": "other.example.com"}, 403),
        ({**bearer(), "host": "bad host"}, 403),
        ({**bearer(), "peer": STRANGER}, 403),
        ({**bearer(), "X_Forwarded_Method": "BREW"}, 403),
        ({**bearer(), "X_API_Key": "another"}, 401),
    ],
)
async def test_everybody_else_is_told_401_or_403_and_nothing_else(
    world: ApiWorld, asked: dict[str, str], status: int
) -> None:
    """Issue: 401 for no or a bad token, 403 for the wrong host; a page load is not led anywhere either."""
    answer = await ask(world, **asked)

    assert (answer.status_code, answer.text) == (status, {401: "Unauthorized", 403: "Forbidden"}[status])
    assert "location" not in answer.headers
    assert "x-user" not in answer.headers


async def test_carriers_are_those_of_the_api(world: ApiWorld, tmp_path: Path) -> None:
    assert (await ask(world, X_API_Key=TEXT)).status_code == 200

    with_basic = base64.b64encode(f"anybody:{TEXT}".encode()).decode()
    assert (await ask(world, Authorization=f"Basic {with_basic}")).status_code == 401
    (tmp_path / "basic").mkdir()
    async with legacy_world(tmp_path / "basic", api_key_carriers=("basic",)) as basic:
        assert (await ask(basic, Authorization=f"Basic {with_basic}")).status_code == 200
        assert (await ask(basic, **bearer())).status_code == 401


async def test_an_expired_a_disabled_and_a_revoked_token_are_refused(world: ApiWorld) -> None:
    """FA-16; the old service had a time to live alone."""
    assert (await ask(world, **bearer())).status_code == 200

    await world.api_keys.put([a_key(world, revision=2, disabled=True)])
    await world.revoke(RevocationKind.API_KEY, KEY, 2)
    disabled = await ask(world, **bearer())
    await world.api_keys.put([a_key(world, revision=3)])
    await world.revoke(RevocationKind.API_KEY, KEY, 3)
    enabled = await ask(world, **bearer())
    await world.api_keys.put([DeletedApiKey(KEY, 4, a_key(world).legacy_digest)])
    await world.revoke(RevocationKind.API_KEY, KEY, 4)
    revoked = await ask(world, **bearer())

    assert (disabled.status_code, enabled.status_code, revoked.status_code) == (401, 200, 401)


async def test_what_has_ended_is_refused_from_that_second_on(world: ApiWorld) -> None:
    await world.api_keys.put([a_key(world, revision=2, expires_at=world.clock.now() + timedelta(seconds=2))])
    assert (await ask(world, **bearer())).status_code == 200

    world.clock.advance(timedelta(seconds=2))

    assert (await ask(world, **bearer())).status_code == 401


async def test_a_disabled_owner_s_token_is_refused(world: ApiWorld) -> None:
    """AD-07."""
    assert (await ask(world, **bearer())).status_code == 200

    await world.user("User", enabled=False, version=2)

    assert (await ask(world, **bearer())).status_code == 401


async def test_a_limit_is_told_with_429_and_when_to_come_again(world: ApiWorld) -> None:
    limited = a_key(world, revision=2, rate_limit=RateLimit(2, timedelta(minutes=1)))
    await world.api_keys.put([limited])

    answers = [await ask(world, **bearer()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1


async def test_without_redis_and_issuer_for_five_seconds_it_is_503(world: ApiWorld) -> None:
    """Issue; design §5: known tokens go on for so long, unknown ones are never let in."""
    assert (await ask(world, **bearer())).status_code == 200
    outages = world.outages
    with outages.feed, outages.api_keys, outages.api_key_source, outages.subjects, outages.roles:
        known, unknown = await ask(world, **bearer()), await ask(world, **bearer("another"))
        world.clock.advance(timedelta(seconds=6))
        late = await ask(world, **bearer())

    assert (known.status_code, unknown.status_code) == (200, 503)
    assert (late.status_code, late.text) == (503, "Service Unavailable")
    assert late.headers["retry-after"]


async def test_health_is_ok_while_decisions_can_be_made(world: ApiWorld) -> None:
    """Any host may ask, as a prober that knows the address alone does."""
    healthy = await ask(world, "/healthz", peer=STRANGER)
    with world.outages.roles:
        without_directory = await ask(world, "/healthz")
    with world.outages.feed:
        world.clock.advance(timedelta(seconds=6))
        stale = await ask(world, "/healthz")

    assert (healthy.status_code, healthy.text) == (200, "OK")
    assert without_directory.status_code == 200
    assert (stale.status_code, stale.text) == (503, "Service Unavailable")


async def test_without_pepper_and_salt_there_is_nothing_of_it(tmp_path: Path) -> None:
    """Off by default: neither the addresses nor any text as a token."""
    async with legacy_world(tmp_path, legacy_token_pepper=None) as world:
        answers = [await ask(world, path) for path in ("/auth", "/healthz")]
        token = await ask(world, "/forward-auth", **bearer())

    assert not any(answer.is_success for answer in answers)
    assert token.status_code == 401


async def test_the_other_addresses_take_the_tokens_too(world: ApiWorld) -> None:
    """Whoever moved changes the proxy later, or never."""
    answer = await ask(world, "/forward-auth", **bearer())

    assert answer.status_code == 204


async def test_no_log_and_no_denial_has_the_text(world: ApiWorld) -> None:
    """P11, LG-21."""
    await ask(world, **bearer())
    await ask(world, **bearer("canary"))
    await ask(world, **{**bearer("canary"), "host": "other.example.com"})

    assert TEXT not in str(world.logs)
    assert "canary" not in str(world.logs)


@pytest.mark.parametrize("salt", ["canary", "5a" * 31, "5a" * 33, "zz" * 32])
def test_a_salt_that_cannot_be_used_is_a_problem_of_the_settings(salt: str) -> None:
    """The message shows nothing of it."""
    (problem,) = ForwardAuthVariables(legacy_token_salt=Secret(salt)).relation_problems()

    assert problem.name == "PASEPORT_LEGACY_TOKEN_SALT"
    assert salt not in problem.message


def test_each_system_has_a_digest_of_its_own() -> None:
    both = ForwardAuthVariables(legacy_token_pepper=Secret(PEPPER), legacy_token_salt=Secret("5a" * 32))

    assert len(legacy_digests(api_settings(forward_auth=both))) == 2
    assert legacy_digests(api_settings()) == ()
