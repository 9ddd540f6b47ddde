"""What an OpenID provider says about itself, and how long it is remembered. XI-16, XI-17; OIDC Discovery §3, §4."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from oidc_support import ABSENT, Gate, World, a_world, saying
from paseport_shared.adapters.oidc.fetched import FRESH_SECONDS, RETRY_SECONDS, USABLE_SECONDS
from paseport_shared.adapters.oidc.metadata import ALGORITHMS, UnusableMetadata, metadata_url, read_metadata
from paseport_shared.adapters.oidc.upstream_providers import DEADLINE_SECONDS
from paseport_shared.domain.errors import ProviderUnavailable
from paseport_testkit.harness.certificates import Certificates

ISSUER = "https://idp.example.com"
METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://idp.example.com/authorize",
    "token_endpoint": "https://idp.example.com/token",
    "jwks_uri": "https://idp.example.com/jwks",
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
}
DISCOVERY = "/realm/.well-known/openid-configuration"


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        yield world


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (METADATA | changes).items() if value is not ABSENT}


# --- what is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://idp.example.com", "https://idp.example.com/.well-known/openid-configuration"),
        ("https://idp.example.com/", "https://idp.example.com/.well-known/openid-configuration"),
        ("https://idp.example.com/realms/a", "https://idp.example.com/realms/a/.well-known/openid-configuration"),
        ("https://idp.example.com/realms/a/", "https://idp.example.com/realms/a/.well-known/openid-configuration"),
        ("https://idp.example.com:8443/a", "https://idp.example.com:8443/a/.well-known/openid-configuration"),
    ],
)
def test_metadata_is_below_the_issuer(issuer: str, url: str) -> None:
    """OIDC Discovery §4.1: a slash at the end goes first. RFC 8414 would put the path behind; OpenID does not."""
    assert metadata_url(issuer) == url


def test_what_is_announced_is_read() -> None:
    found = read_metadata(
        changed(
            {
                "userinfo_endpoint": "https://idp.example.com/userinfo",
                "end_session_endpoint": "https://idp.example.com/logout",
                "authorization_response_iss_parameter_supported": True,
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256", "XY"],
                "scopes_supported": ["openid"],
                "response_modes_supported": ["query"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        ),
        ISSUER,
    )

    assert found.algorithms == {"RS256", "ES256"}
    assert found.names_itself
    assert found.end_session_endpoint == "https://idp.example.com/logout"
    assert (found.scopes, found.response_modes) == (("openid",), ("query",))
    assert (found.challenge_methods, found.auth_methods) == (("S256",), ("client_secret_basic",))


def test_what_is_not_announced_is_unknown() -> None:
    found = read_metadata(changed({"id_token_signing_alg_values_supported": ABSENT}), ISSUER)

    assert found.algorithms == ALGORITHMS
    assert not found.names_itself
    assert (found.userinfo_endpoint, found.end_session_endpoint) == (None, None)
    assert (found.scopes, found.response_modes, found.challenge_methods, found.auth_methods) == (None,) * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks_uri": "https://keys.example.org/jwks"},
        {"subject_types_supported": ABSENT},
        {"id_token_signing_alg_values_supported": ["ES256"]},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]},
        {"op_policy_uri": "policy", "ui_locales_supported": ["no locale"], "claims_supported": "all"},
        {"userinfo_endpoint": None},
    ],
    ids=str,
)
def test_what_real_providers_get_wrong_without_harm_is_accepted(changes: dict[str, Any]) -> None:
    """Entra announces keys of clients without their algorithms; others sign with ES256 alone (XI-17: another host)."""
    read_metadata(changed(changes), ISSUER)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"issuer": ABSENT}, "discovery"),
        ({"issuer": 5}, "discovery"),
        ({"issuer": ISSUER + "/"}, "issuer"),
        ({"issuer": "https://IDP.example.com"}, "issuer"),
        ({"issuer": "https://evil.example"}, "issuer"),
        ({"response_types_supported": ABSENT}, "discovery"),
        ({"response_types_supported": ["id_token"]}, "discovery"),
        ({"response_types_supported": "code"}, "discovery"),
        ({"scopes_supported": "openid"}, "discovery"),
        ({"scopes_supported": [1]}, "discovery"),
        ({"code_challenge_methods_supported": {"S256": True}}, "discovery"),
        ({"id_token_signing_alg_values_supported": "RS256"}, "discovery"),
        ({"grant_types_supported": [[]]}, "discovery"),
        ({"authorization_endpoint": ABSENT}, "endpoints"),
        ({"token_endpoint": ABSENT}, "endpoints"),
        ({"token_endpoint": None}, "endpoints"),
        ({"token_endpoint": ["https://idp.example.com/token"]}, "endpoints"),
        ({"token_endpoint": ""}, "endpoints"),
        ({"jwks_uri": ABSENT}, "endpoints"),
        ({"jwks_uri": "http://idp.example.com/jwks"}, "endpoints"),
        ({"jwks_uri": "http://127.0.0.1/jwks"}, "endpoints"),
        ({"jwks_uri": "file:///etc/passwd"}, "endpoints"),
        ({"token_endpoint": "https://a@idp.example.com/token"}, "endpoints"),
        ({"token_endpoint": "https://idp.example.com\\@evil.example/"}, "endpoints"),
        ({"token_endpoint": "https://idp.example.com/ token"}, "endpoints"),
        ({"token_endpoint": "https://0x7f.1/token"}, "endpoints"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "endpoints"),
        ({"authorization_endpoint": "https://idp.example.com/authorize#fragment"}, "endpoints"),
        ({"userinfo_endpoint": "http://idp.example.com/userinfo"}, "endpoints"),
        ({"userinfo_endpoint": 5}, "endpoints"),
        ({"end_session_endpoint": "javascript:alert(1)"}, "endpoints"),
    ],
    ids=str,
)
def test_what_cannot_be_relied_on_is_refused(changes: dict[str, Any], check: str) -> None:
    with pytest.raises(UnusableMetadata) as refused:
        read_metadata(changed(changes), ISSUER)

    assert refused.value.check == check


def test_no_environment_makes_http_good_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib has such a switch."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")

    with pytest.raises(UnusableMetadata):
        read_metadata(changed({"token_endpoint": "http://idp.example.com/token"}), ISSUER)


async def test_a_provider_of_another_name_is_not_spoken_to(world: World) -> None:
    """XI-17: somebody else's metadata at this address."""
    world.upstream.metadata["issuer"] = "https://accounts.example.com"

    with pytest.raises(ProviderUnavailable):
        await world.redeem()

    assert world.upstream.asked("/token") == 0


# --- how long it is remembered ----------------------------------------------------------------------------------------


async def test_metadata_is_asked_for_once_an_hour(world: World) -> None:
    await world.providers.expects_issuer(world.provider)
    world.clock.advance(FRESH_SECONDS - 1)
    await world.providers.expects_issuer(world.provider)
    assert world.upstream.asked(DISCOVERY) == 1

    world.upstream.metadata["authorization_response_iss_parameter_supported"] = True
    world.clock.advance(1)

    assert await world.providers.expects_issuer(world.provider)
    assert world.upstream.asked(DISCOVERY) == 2


async def test_many_who_ask_at_once_make_one_request(world: World) -> None:
    """Single flight: the first one fetches, the others wait for that."""
    gate = Gate()
    world.upstream.answers[DISCOVERY] = gate.before(world.upstream.answers[DISCOVERY])
    asking = [asyncio.create_task(world.providers.expects_issuer(world.provider)) for _ in range(20)]
    await gate.wait_for(1)
    gate.opened.set()

    assert not any(await asyncio.gather(*asking))
    assert world.upstream.asked(DISCOVERY) == 1


async def test_whoever_goes_away_takes_nothing_from_those_who_wait(world: World) -> None:
    gate = Gate()
    world.upstream.answers[DISCOVERY] = gate.before(world.upstream.answers[DISCOVERY])
    first = asyncio.create_task(world.providers.expects_issuer(world.provider))
    await gate.wait_for(1)
    second = asyncio.create_task(world.providers.expects_issuer(world.provider))
    await asyncio.sleep(0)

    first.cancel()
    gate.opened.set()

    assert not await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert world.upstream.asked(DISCOVERY) == 1


async def test_old_metadata_is_used_while_no_newer_can_be_had_for_a_day(world: World) -> None:
    await world.providers.expects_issuer(world.provider)
    world.upstream.answers[DISCOVERY] = saying({}, 503)

    world.clock.advance(FRESH_SECONDS)
    await world.providers.expects_issuer(world.provider)
    world.clock.advance(RETRY_SECONDS - 1)
    await world.providers.expects_issuer(world.provider)
    assert world.upstream.asked(DISCOVERY) == 2

    world.clock.advance(USABLE_SECONDS - FRESH_SECONDS - RETRY_SECONDS)
    await world.providers.expects_issuer(world.provider)
    assert world.upstream.asked(DISCOVERY) == 3

    world.clock.advance(1)
    with pytest.raises(ProviderUnavailable):
        await world.providers.expects_issuer(world.provider)


async def test_a_sign_in_does_not_wait_long_for_newer_metadata(world: World) -> None:
    """Its five seconds are for the code; the newer copy is there for the next one."""
    await world.providers.expects_issuer(world.provider)
    gate = Gate()
    world.upstream.metadata["authorization_response_iss_parameter_supported"] = True
    world.upstream.answers[DISCOVERY] = gate.before(world.upstream.answers[DISCOVERY])
    world.clock.advance(FRESH_SECONDS)

    began = asyncio.get_running_loop().time()
    assert not await world.providers.expects_issuer(world.provider)
    assert asyncio.get_running_loop().time() - began < DEADLINE_SECONDS

    waiting = asyncio.create_task(world.providers.expects_issuer(world.provider))
    await asyncio.sleep(0)
    gate.opened.set()
    assert await waiting
    assert world.upstream.asked(DISCOVERY) == 2


async def test_metadata_that_is_wrong_is_not_remembered(world: World) -> None:
    world.upstream.metadata["issuer"] = "https://accounts.example.com"
    with pytest.raises(ProviderUnavailable):
        await world.providers.expects_issuer(world.provider)

    world.upstream.metadata["issuer"] = world.upstream.issuer

    assert not await world.providers.expects_issuer(world.provider)
