"""A provider that is slow, huge, broken or leads elsewhere costs its own users a sign-in, and nobody else. XI-15."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from oidc_support import (
    PATIENCE_SECONDS,
    SECRET,
    FakeProvider,
    Gate,
    Request,
    World,
    a_sign_in,
    a_world,
    running,
    saying,
)
from paseport.secret import Secret
from paseport_shared.adapters.oidc.calls import MAX_CALLS
from paseport_shared.adapters.oidc.upstream_providers import DEADLINE_SECONDS, OidcUpstreamProviders
from paseport_shared.adapters.oidc.wire import MAX_DOCUMENT_BYTES
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.domain.errors import ProviderUnavailable
from paseport_shared.domain.models.identity_provider import ClaimMapping
from paseport_shared.domain.ports.outbound import OutboundRefused, OutboundRule
from paseport_shared.domain.ports.upstream import UpstreamAnswer, UpstreamRequest
from paseport_testkit.harness.certificates import Certificates

pytestmark = pytest.mark.each_event_loop

SHORT_SECONDS = 0.3
DISCOVERY = "/realm/.well-known/openid-configuration"
PLACES = [DISCOVERY, "/token", "/jwks", "/userinfo"]


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        del world.upstream.claims["name"]  # so that userinfo is asked too
        yield world


@pytest.fixture
async def hasty(certificates: Certificates) -> AsyncIterator[World]:
    """The same, and it has no time."""
    async with a_world(certificates, deadline_seconds=SHORT_SECONDS) as world:
        del world.upstream.claims["name"]
        yield world


async def silence(_: Request) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


def twins(document: dict[str, Any]) -> bytes:
    """A document that has a member twice, once as it should be."""
    name = next(iter(document))
    return json.dumps(document).replace("{", f'{{"{name}": null, ', 1).encode()


BROKEN: dict[str, Any] = {
    "status 500": saying({}, 500),
    "status 404": saying({}, 404),
    "status 204": saying(b"", 204),
    "a redirect to itself": saying({}, 302, Location="/token"),
    "a redirect elsewhere": saying({}, 307, Location="http://169.254.169.254/"),
    "no JSON": saying(b"<html>"),
    "nothing": saying(b""),
    "JSON that ends too early": saying(b'{"a": 1'),
    "JSON and something more": saying(b"{} {}"),
    "a list": saying([]),
    "null": saying(None),
    "not UTF-8": saying(b'{"a": "\xff"}'),
    "UTF-16": saying('{"a": 1}'.encode("utf-16")),
    "half a surrogate": saying(rb'{"a": "\ud800"}'),
    "not a number": saying(b'{"a": NaN}'),
    "more than a number": saying(b'{"a": 1e999}'),
    "nested without end": saying(b'{"a":' * 100_000),
    "a list without end": saying(b"[" * 100_000),
    "a member twice": saying(b'{"a": 1, "a": 1}'),
    "a member twice, within": saying(b'{"a": [{"b": 1, "\\u0062": 2}]}'),
    "huge": saying(b'{"a": "%b"}' % (b"x" * MAX_DOCUMENT_BYTES)),
    "too huge for the client": saying(b"x" * (2 * 1024 * 1024)),
    "a bomb": saying(gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", BROKEN)
async def test_an_answer_that_is_none_is_an_outage_and_nothing_else(world: World, place: str, what: str) -> None:
    world.upstream.answers[place] = BROKEN[what]

    with pytest.raises(ProviderUnavailable) as failed:
        await world.redeem()

    assert failed.value.reason.isascii()
    assert failed.value.reason.isprintable()
    assert len(failed.value.reason) < 400
    assert world.upstream.requests[-1].path == place


@pytest.mark.parametrize("place", [DISCOVERY, "/jwks", "/userinfo"])
async def test_a_member_that_is_there_twice_is_not_chosen_from(world: World, place: str) -> None:
    """msgspec would keep the last, others keep the first."""
    documents = {DISCOVERY: world.upstream.metadata, "/jwks": {"keys": world.upstream.keys}, "/userinfo": {"sub": "x"}}
    world.upstream.answers[place] = saying(twins(documents[place]))

    with pytest.raises(ProviderUnavailable):
        await world.redeem()


@pytest.mark.parametrize("place", PLACES)
async def test_a_provider_that_is_silent_is_not_waited_for(hasty: World, place: str) -> None:
    hasty.upstream.answers[place] = silence

    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(ProviderUnavailable, match="does not answer"):
            await hasty.redeem()


async def test_the_time_is_for_all_answers_together(hasty: World) -> None:
    """Each of them alone would be in time."""

    def late(answer: Any) -> Any:
        async def wait_first(request: Request) -> bytes:
            await asyncio.sleep(SHORT_SECONDS * 0.6)
            return await answer(request)

        return wait_first

    for place in PLACES:
        hasty.upstream.answers[place] = late(hasty.upstream.answers[place])

    with pytest.raises(ProviderUnavailable):
        await hasty.redeem()


def test_the_time_leaves_some_for_the_page_that_says_so() -> None:
    assert DEADLINE_SECONDS < 5


async def test_every_way_to_a_silent_provider_ends(hasty: World) -> None:
    hasty.upstream.answers[DISCOVERY] = silence
    calls = [
        hasty.providers.authorization_url(hasty.provider, UpstreamRequest(sign_in=hasty.sign_in)),
        hasty.providers.expects_issuer(hasty.provider),
        hasty.providers.end_session_url(hasty.provider, post_logout_redirect_uri="x", state="s"),
        hasty.providers.check_target(hasty.provider),
        hasty.redeem(),
    ]
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {ProviderUnavailable}


async def test_so_many_ask_a_provider_at_once_and_the_next_wait(world: World) -> None:
    gate = Gate()
    world.upstream.answers["/token"] = gate.before(world.upstream.answers["/token"])
    signing_in = [asyncio.create_task(world.redeem()) for _ in range(MAX_CALLS + 3)]
    await gate.wait_for(MAX_CALLS)
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.upstream.asked("/token") == MAX_CALLS

    gate.opened.set()

    assert {identity.subject for identity in await asyncio.gather(*signing_in)} == {"alice at work"}


async def test_whoever_waits_for_a_place_until_it_is_too_late_is_told_so(hasty: World) -> None:
    hasty.upstream.answers["/token"] = silence

    outcomes = await asyncio.gather(*(hasty.redeem() for _ in range(MAX_CALLS + 3)), return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {ProviderUnavailable}
    assert hasty.upstream.asked("/token") == MAX_CALLS


async def test_a_provider_that_hangs_takes_nothing_from_another(certificates: Certificates) -> None:
    async with a_world(certificates) as world, running(certificates) as other:
        client = GuardedHttpClient(
            [world.upstream.target, other.target], certificates.ca, deadline_seconds=PATIENCE_SECONDS, max_calls=64
        )
        providers = OidcUpstreamProviders(client, world.clock, deadline_seconds=PATIENCE_SECONDS)
        world.upstream.answers["/token"] = silence

        async def redeem(provider: FakeProvider, number: int) -> object:
            registered = replace(world.provider, id=UUID(int=number), issuer=provider.issuer)
            return await providers.redeem(registered, SECRET, a_sign_in(), UpstreamAnswer(Secret("code")))

        hanging = [asyncio.create_task(redeem(world.upstream, 1)) for _ in range(3 * MAX_CALLS)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await redeem(other, 2)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


# --- where nobody may be asked ----------------------------------------------------------------------------------------


async def test_an_endpoint_inside_is_not_asked(world: World) -> None:
    """XI-16: metadata of a public provider that points at a machine of ours."""
    world.upstream.metadata["token_endpoint"] = "https://169.254.169.254/token"

    with pytest.raises(ProviderUnavailable):
        await world.redeem()


@pytest.mark.parametrize(
    ("member", "url", "rule"),
    [
        ("token_endpoint", "https://169.254.169.254/token", OutboundRule.ADDRESS),
        ("jwks_uri", "https://127.0.0.1/jwks", OutboundRule.ADDRESS),
        ("userinfo_endpoint", "https://[::ffff:10.0.0.1]/userinfo", OutboundRule.ADDRESS),
        ("jwks_uri", "https://idp.example.com:22/jwks", OutboundRule.PORT),
    ],
)
async def test_a_provider_with_an_endpoint_inside_is_not_registered(
    world: World, member: str, url: str, rule: OutboundRule
) -> None:
    world.upstream.metadata[member] = url

    with pytest.raises(OutboundRefused) as refused:
        await world.providers.check_target(world.provider)

    assert refused.value.rule is rule


@pytest.mark.parametrize(
    ("issuer", "rule"),
    [
        ("https://127.0.0.1", OutboundRule.ADDRESS),
        ("https://[::ffff:127.0.0.1]/realm", OutboundRule.ADDRESS),
        ("https://169.254.169.254", OutboundRule.ADDRESS),
        ("https://idp.example.com:22", OutboundRule.PORT),
        ("http://idp.example.com", OutboundRule.HTTPS),
        ("file:///etc/passwd", OutboundRule.URL),
    ],
)
async def test_an_issuer_inside_is_not_registered(world: World, issuer: str, rule: OutboundRule) -> None:
    """XI-16. The refusal says which rule it was, for an administrator."""
    world.register(issuer=issuer)

    with pytest.raises(OutboundRefused) as refused:
        await world.providers.check_target(world.provider)

    assert refused.value.rule is rule
    with pytest.raises(ProviderUnavailable):
        await world.providers.expects_issuer(world.provider)


async def test_a_provider_that_can_be_reached_is_registered(world: World) -> None:
    await world.providers.check_target(world.provider)

    assert {request.path for request in world.upstream.requests} == {DISCOVERY, "/jwks", "/token", "/userinfo"}


async def test_what_is_known_already_is_no_argument_for_a_target(world: World) -> None:
    await world.redeem()
    world.upstream.metadata["issuer"] = "https://accounts.example.com"

    with pytest.raises(ProviderUnavailable):
        await world.providers.check_target(world.provider)


async def test_a_provider_without_metadata_is_reached_at_its_endpoints(world: World) -> None:
    world.speak_oauth2(emails=True, claims=ClaimMapping(subject=("id",)))
    await world.providers.check_target(world.provider)
    assert {request.path for request in world.upstream.requests} == {"/token", "/userinfo", "/emails"}

    world.upstream.answers["/token"] = lambda _: asyncio.sleep(0, b"")
    with pytest.raises(ProviderUnavailable):
        await world.providers.check_target(world.provider)


async def test_a_provider_without_metadata_that_is_inside_is_not_registered(world: World) -> None:
    world.speak_oauth2()
    endpoints = world.provider.endpoints
    assert endpoints is not None
    world.upstream.answers["/token"] = lambda _: asyncio.sleep(0, b"")
    world.register(endpoints=replace(endpoints, user="https://10.0.0.1/user"))

    with pytest.raises(OutboundRefused):
        await world.providers.check_target(world.provider)


async def test_no_answer_is_kept_that_nobody_waits_for(world: World) -> None:
    """A caller who goes away leaves a free place behind."""
    gate = Gate()
    honest = world.upstream.answers["/token"]
    world.upstream.answers["/token"] = gate.before(honest)
    leaving = [asyncio.create_task(world.redeem()) for _ in range(MAX_CALLS)]
    await gate.wait_for(MAX_CALLS)
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)

    world.upstream.answers["/token"] = honest
    assert (await world.redeem()).subject == "alice at work"
