"""A provider says that somebody signed out there. OpenID Connect Back-Channel Logout 1.0 §2.4–2.6.

Anybody can send such a token: there is nothing but its signature and what it says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from oidc_support import ABSENT, CLIENT_ID, NOW, World, a_key, a_provider, a_world, logout_claims, signed
from paseport_shared.adapters.memory.clock import START
from paseport_shared.adapters.oidc import logout_token
from paseport_shared.adapters.oidc.logout_token import read_logout
from paseport_shared.domain.errors import ProviderAnswerRefused
from paseport_shared.domain.models.identity_provider import ClaimMapping
from paseport_shared.domain.ports.upstream import UpstreamLogout
from paseport_testkit.harness.certificates import Certificates

ISSUER = "https://idp.example.com"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
ENTRA = ClaimMapping(subject=("tid", "oid"))


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        yield world


def read(changes: dict[str, Any], mapping: ClaimMapping | None = None) -> UpstreamLogout:
    claims = {name: value for name, value in logout_claims(ISSUER, **changes).items() if value is not ABSENT}
    return read_logout(claims, a_provider(claims=mapping or ClaimMapping()), ISSUER, now=START)


async def send(world: World, header: dict[str, Any] | None = None, **changes: Any) -> UpstreamLogout:
    """Send a token that the provider signed."""
    claims = {k: v for k, v in logout_claims(world.upstream.issuer, **changes).items() if v is not ABSENT}
    token = signed(claims, a_key(), {"alg": "RS256", "kid": "1", "typ": "logout+jwt"} | (header or {}))
    return await world.providers.read_logout_token(world.provider, token)


async def test_a_token_says_whose_sessions_end(world: World) -> None:
    assert await send(world) == UpstreamLogout(
        token_id="a token",
        subject="alice at work",
        session_id="a session there",
        expires_at=START + timedelta(seconds=120 + 60),
    )


@pytest.mark.parametrize("kind", ["logout+jwt", "Logout+JWT", "application/logout+jwt", "JWT"])
async def test_types_of_logout_tokens(world: World, kind: str) -> None:
    assert (await send(world, {"typ": kind})).subject == "alice at work"


@pytest.mark.parametrize("header", [{"typ": "at+jwt"}, {"alg": "RS512"}, {"crit": ["x"]}, {"kid": "2"}])
async def test_a_token_that_is_another_one_is_refused(world: World, header: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerRefused):
        await send(world, header)


async def test_a_token_by_another_key_is_refused(world: World) -> None:
    token = signed(logout_claims(world.upstream.issuer), a_key(2), {"alg": "RS256", "kid": "1"})

    with pytest.raises(ProviderAnswerRefused):
        await world.providers.read_logout_token(world.provider, token)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * (logout_token.MAX_BYTES + 1), "..", "\ud800"])
async def test_junk_is_refused_before_a_key_is_looked_up(world: World, token: str) -> None:
    with pytest.raises(ProviderAnswerRefused):
        await world.providers.read_logout_token(world.provider, token)

    assert world.upstream.asked("/jwks") == 0


async def test_an_id_token_ends_no_session(world: World) -> None:
    """§2.4: whoever got hold of one, as every client does, could sign its owner out."""
    with pytest.raises(ProviderAnswerRefused):
        await world.providers.read_logout_token(world.provider, world.upstream.id_token())


async def test_a_logout_token_signs_nobody_in(world: World) -> None:
    world.upstream.tokens["id_token"] = signed(
        logout_claims(world.upstream.issuer), a_key(), {"alg": "RS256", "kid": "1"}
    )

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


async def test_a_provider_without_id_tokens_sends_none(world: World) -> None:
    world.speak_oauth2()

    with pytest.raises(ProviderAnswerRefused):
        await world.providers.read_logout_token(world.provider, world.upstream.id_token())

    assert world.upstream.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ABSENT},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"aud": ABSENT},
        {"aud": "another client"},
        {"aud": []},
        {"aud": {CLIENT_ID: 1}},
        {"azp": "another client"},
        {"iat": ABSENT},
        {"iat": None},
        {"iat": True},
        {"iat": str(NOW)},
        {"iat": NOW + 61},
        {"iat": NOW - 16 * 60, "exp": NOW + 10**6},
        {"exp": None},
        {"exp": "never"},
        {"exp": NOW - 60},
        {"exp": True},
        {"exp": ABSENT, "iat": NOW - 180},
        {"jti": ABSENT},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 256},
        {"events": ABSENT},
        {"events": [EVENT]},
        {"events": EVENT},
        {"events": {}},
        {"events": {EVENT: True}},
        {"events": {EVENT: None}},
        {"events": {EVENT: []}},
        {"events": {EVENT.upper(): {}}},
        {"events": {EVENT + "/": {}}},
        {"nonce": "n"},
        {"nonce": None},
        {"sub": ABSENT, "sid": ABSENT},
        {"sub": None, "sid": None},
        {"sub": 5},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sid": 5},
        {"sid": ""},
        {"sid": ["a session there"]},
        {"sid": "a\nsession"},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerRefused):
        read(changes)


@pytest.mark.parametrize(
    ("changes", "subject", "session_id"),
    [
        ({}, "alice at work", "a session there"),
        ({"sid": ABSENT}, "alice at work", None),
        ({"sub": ABSENT}, None, "a session there"),
        ({"aud": ["another client", CLIENT_ID]}, "alice at work", "a session there"),
        ({"events": {EVENT: {"x": 1}, "https://example.com/event": {}}}, "alice at work", "a session there"),
    ],
)
def test_whose_sessions_end(changes: dict[str, Any], subject: str | None, session_id: str | None) -> None:
    found = read(changes)

    assert (found.subject, found.session_id) == (subject, session_id)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 120 + 60),
        ({"exp": NOW - 59}, 1),
        ({"exp": NOW + 10**9}, 15 * 60 + 60),
        ({"exp": ABSENT}, 120 + 60),
        ({"exp": ABSENT, "iat": NOW - 179}, 1),
    ],
)
def test_until_when_a_token_could_be_sent_again(changes: dict[str, Any], seconds: int) -> None:
    """However long it says that it is good for: whoever remembers it need not do so for ever."""
    assert read(changes).expires_at == START + timedelta(seconds=seconds)


def test_where_people_have_other_names_a_subject_is_found_by_these() -> None:
    """Entra: ``sub`` is another one for each client."""
    assert read({"tid": "t", "oid": "o"}, ENTRA).subject == "t:o"
    assert read({}, ENTRA) == read({"sub": ABSENT})


def test_where_people_have_other_names_a_token_without_them_and_without_session_names_nobody() -> None:
    with pytest.raises(ProviderAnswerRefused):
        read({"sid": ABSENT}, ENTRA)
