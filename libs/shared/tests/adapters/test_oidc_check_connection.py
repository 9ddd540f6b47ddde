"""An administrator tries a connection, and reads what is wrong and what to do about it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from oidc_support import (
    PATIENCE_SECONDS,
    REDIRECT_URI,
    SECRET,
    Answer,
    Request,
    World,
    a_key,
    a_world,
    published,
    saying,
)
from paseport.secret import Secret
from paseport_shared.adapters.oidc.upstream_providers import OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.ports.upstream import Finding, Outcome
from paseport_testkit.harness.certificates import Certificates

DISCOVERY = "/realm/.well-known/openid-configuration"
SHORT_SECONDS = 0.3
NO_CODE = saying({"error": "invalid_grant"}, 400)


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        world.upstream.answers["/token"] = NO_CODE
        yield world


async def check(world: World, secret: Secret[str] | None = SECRET) -> list[Finding]:
    findings = await world.providers.check_connection(world.provider, secret, redirect_uri=REDIRECT_URI)
    assert all(finding.message[0].isupper() and finding.message.endswith(".") for finding in findings)
    assert all(finding.message.isprintable() and len(finding.message) < 500 for finding in findings)
    return list(findings)


async def problems(world: World, secret: Secret[str] | None = SECRET) -> dict[str, tuple[Outcome, str]]:
    """What is not as it should be, by check."""
    return {
        finding.check: (finding.outcome, finding.message)
        for finding in await check(world, secret)
        if finding.outcome is not Outcome.OK
    }


async def test_a_connection_that_works_has_nothing_but_good_findings(world: World) -> None:
    world.upstream.metadata["authorization_response_iss_parameter_supported"] = True
    world.register(shared_callback=True)

    findings = await check(world)

    assert [finding.check for finding in findings] == [
        "address",
        "discovery",
        "issuer",
        "endpoints",
        "keys",
        "algorithms",
        "pkce",
        "scopes",
        "response_mode",
        "shared_callback",
        "credentials",
    ]
    assert {finding.outcome for finding in findings} == {Outcome.OK}


async def test_credentials_are_tried_with_a_code_that_is_none(world: World) -> None:
    await check(world)

    request = world.upstream.requests[-1]
    assert request.path == "/token"
    assert request.form["grant_type"] == "authorization_code"
    assert request.form["redirect_uri"] == REDIRECT_URI
    assert 43 <= len(request.form["code_verifier"]) <= 128


async def test_without_a_secret_no_credentials_are_tried(world: World) -> None:
    assert "credentials" not in {finding.check for finding in await check(world, None)}
    assert world.upstream.asked("/token") == 0


async def test_what_is_remembered_of_a_provider_is_not_what_is_found(world: World) -> None:
    await world.providers.expects_issuer(world.provider)
    world.upstream.answers[DISCOVERY] = saying({}, 404)

    assert "discovery" in await problems(world)


# --- where going on makes no sense ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        ("https://127.0.0.1", ["not public", "127.0.0.1:443", "PASEPORT_OUTBOUND_ALLOW"]),
        ("https://idp.example.com:8443", ["another port than 443", "idp.example.com:8443", "PASEPORT_OUTBOUND_ALLOW"]),
        ("http://idp.example.com", ["https"]),
        ("//idp.example.com", ["read in one way"]),
    ],
)
async def test_an_issuer_that_may_not_be_asked(world: World, issuer: str, words: list[str]) -> None:
    world.register(issuer=issuer)

    (finding,) = await check(world)

    assert (finding.check, finding.outcome) == ("address", Outcome.FAILED)
    assert all(word in finding.message for word in words)


async def test_an_issuer_without_a_certificate_that_is_trusted(world: World) -> None:
    client = GuardedHttpClient([world.upstream.target], deadline_seconds=PATIENCE_SECONDS)
    world.providers = OidcUpstreamProviders(client, world.clock)

    (finding,) = await check(world)

    assert (finding.check, finding.outcome) == ("address", Outcome.FAILED)
    assert "PASEPORT_OUTBOUND_CA" in finding.message


async def test_an_issuer_where_nobody_listens(world: World) -> None:
    world.upstream.answers[DISCOVERY] = lambda _: asyncio.sleep(0, b"")

    (finding,) = await check(world)

    assert (finding.check, finding.outcome) == ("address", Outcome.FAILED)


@pytest.mark.parametrize(
    "answer",
    [
        saying({}, 404),
        saying({}, 302, Location="https://elsewhere.example.com/"),
        saying(b"<html>"),
        saying([]),
        saying({"issuer": 5}),
        saying(b'{"issuer": "a", "issuer": "b"}'),
    ],
)
async def test_an_issuer_without_metadata(world: World, answer: Answer) -> None:
    world.upstream.answers[DISCOVERY] = answer

    assert [finding.check for finding in await check(world)] == ["address", "discovery"]
    assert (await problems(world))["discovery"][0] is Outcome.FAILED


async def test_a_compressed_answer_is_explained(world: World) -> None:
    world.upstream.answers[DISCOVERY] = saying(gzip.compress(b"{}"), Content_Encoding="gzip")

    assert "compressed" in (await problems(world))["address"][1]


async def test_an_issuer_that_is_another_one_is_named(world: World) -> None:
    """XI-17. Keycloak behind a proxy that it knows nothing of, for one."""
    world.upstream.metadata["issuer"] = "http://internal\r\n:8080/realm"

    findings = await check(world)

    assert [finding.check for finding in findings] == ["address", "discovery", "issuer"]
    assert r"http://internal\r\n:8080/realm" in findings[-1].message


async def test_an_endpoint_that_cannot_be_used_is_named(world: World) -> None:
    world.upstream.metadata["token_endpoint"] = "http://idp.example.com/token"

    found = await problems(world)

    assert list(found) == ["endpoints"]
    assert "token_endpoint" in found["endpoints"][1]


# --- what is found besides --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "registered", "check_name", "outcome", "word"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, {}, "pkce", Outcome.WARNING, "PKCE"),
        ({"code_challenge_methods_supported": None}, {}, "pkce", Outcome.WARNING, "PKCE"),
        ({}, {"scopes": ("openid", "groups")}, "scopes", Outcome.WARNING, "groups"),
        ({}, {"response_mode": ResponseMode.FORM_POST}, "response_mode", Outcome.FAILED, "form_post"),
        (
            {"response_modes_supported": ["query"]},
            {"response_mode": ResponseMode.FORM_POST},
            "response_mode",
            Outcome.FAILED,
            "form_post",
        ),
        ({}, {"shared_callback": True}, "shared_callback", Outcome.FAILED, "RFC 9207"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, {}, "algorithms", Outcome.FAILED, "RS256"),
        ({"id_token_signing_alg_values_supported": ["ES256"]}, {}, "algorithms", Outcome.FAILED, "fits"),
        ({"jwks_uri": "https://127.0.0.1/jwks"}, {}, "keys", Outcome.FAILED, "PASEPORT_OUTBOUND_ALLOW"),
        ({"token_endpoint": "https://10.0.0.1/t"}, {}, "credentials", Outcome.FAILED, "10.0.0.1:443"),
    ],
)
async def test_what_does_not_fit_is_found(
    world: World, metadata: dict[str, Any], registered: dict[str, Any], check_name: str, outcome: Outcome, word: str
) -> None:
    world.upstream.metadata |= metadata
    world.register(**registered)

    found = await problems(world)

    assert list(found) == [check_name]
    assert found[check_name][0] is outcome
    assert word in found[check_name][1]


async def test_a_provider_that_says_nothing_about_scopes_gives_no_cause_for_a_warning(world: World) -> None:
    del world.upstream.metadata["scopes_supported"]
    world.register(scopes=("openid", "groups"))

    assert await problems(world) == {}


@pytest.mark.parametrize(
    "answer", [saying({}, 500), saying({"keys": []}), saying({"keys": [published(a_key(), use="enc")]}), saying(b"x")]
)
async def test_keys_that_cannot_be_used_are_found_and_the_rest_is_tried(world: World, answer: Answer) -> None:
    world.upstream.answers["/jwks"] = answer

    assert list(await problems(world)) == ["keys"]
    assert world.upstream.asked("/token") == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (saying({"error": "invalid_grant"}, 400), None),
        (saying({"error": "bad_verification_code"}, 200), None),
        (saying({"error": "invalid_client"}, 400), Outcome.FAILED),
        (saying({"error": "invalid_client"}, 401), Outcome.FAILED),
        (saying({"error": "incorrect_client_credentials"}, 200), Outcome.FAILED),
        (saying(b"", 401), Outcome.FAILED),
        (saying({"error": "invalid_request"}, 400), Outcome.WARNING),
        (saying({"error": "x\r\n" + "y" * 1000}, 400), Outcome.WARNING),
        (saying({}, 500), Outcome.WARNING),
        (saying({}, 302, Location="/"), Outcome.WARNING),
        (saying({"access_token": "what?"}), Outcome.WARNING),
        (lambda _: asyncio.sleep(0, b""), Outcome.FAILED),
    ],
)
async def test_whether_id_and_secret_are_right(world: World, answer: Answer, outcome: Outcome | None) -> None:
    world.upstream.answers["/token"] = answer

    found = await problems(world)

    assert found.get("credentials", (None,))[0] is outcome
    if outcome is Outcome.FAILED and answer.__name__ != "<lambda>":
        assert "id or secret are not right" in found["credentials"][1]


async def test_a_way_to_authenticate_that_is_not_announced_is_named_with_the_failure(world: World) -> None:
    world.upstream.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    world.upstream.answers["/token"] = saying({"error": "invalid_client"}, 401)
    world.register(auth_method=ClientAuthMethod.POST)

    assert "client_secret_basic" in (await problems(world))["credentials"][1]


async def test_no_finding_shows_the_secret(world: World) -> None:
    async def echo(request: Request) -> bytes:
        return await saying({"error": request.body.decode()}, 400)(request)

    world.upstream.answers["/token"] = echo
    world.register(auth_method=ClientAuthMethod.POST)

    assert not any("s3cret" in finding.message for finding in await check(world))


@pytest.mark.parametrize(("path", "name"), [(DISCOVERY, "address"), ("/jwks", "keys"), ("/token", "credentials")])
async def test_a_provider_that_falls_silent_is_found_in_time(certificates: Certificates, path: str, name: str) -> None:
    async def silence(_: Request) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async with a_world(certificates, deadline_seconds=SHORT_SECONDS) as world:
        world.upstream.answers[path] = silence
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await problems(world)

    assert list(found) == [name]
    assert "within 0.3 seconds" in found[name][1]


# --- providers without metadata ---------------------------------------------------------------------------------------


async def test_a_provider_without_metadata_is_tried_at_its_endpoints(world: World) -> None:
    world.speak_oauth2(emails=True)

    findings = await check(world)

    assert [(finding.check, finding.outcome) for finding in findings] == [
        ("address", Outcome.OK),
        ("credentials", Outcome.OK),
    ]


@pytest.mark.parametrize("endpoint", ["token", "user", "emails"])
async def test_an_endpoint_that_may_not_be_asked_is_named(world: World, endpoint: str) -> None:
    world.speak_oauth2(emails=True)
    assert world.provider.endpoints is not None
    world.register(endpoints=replace(world.provider.endpoints, **{endpoint: "https://10.0.0.1:8443/x"}))

    (finding,) = await check(world)

    assert (finding.check, finding.outcome) == ("address", Outcome.FAILED)
    assert f"The {endpoint} endpoint" in finding.message
    assert "10.0.0.1:8443 in PASEPORT_OUTBOUND_ALLOW" in finding.message


async def test_an_endpoint_that_does_not_answer_is_named(world: World) -> None:
    world.speak_oauth2()
    world.upstream.answers["/userinfo"] = lambda _: asyncio.sleep(0, b"")

    assert "The user endpoint does not answer" in (await problems(world))["address"][1]
