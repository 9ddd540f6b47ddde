"""Signing out, between the issuer and an identity provider: its logout tokens here, and our sign-outs there.

The 8 modules of the plan *Back-Channel Logout RP* of OpenID's suite have their names: 200 for a token that is right,
exactly 400 for any other (Back-Channel Logout §2.8), and then the session lives on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, sign_in
from issuer_world import ADMIN_ACTOR, ISSUER, PASSWORD
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_testkit.harness.upstream import FAILING, NEVER, Upstream, UpstreamClient
from relying_party import agree_for, answer_of, code_for, shop
from upstream_sign_in import (
    CORP,
    SIGNED_OUT,
    Person,
    change,
    corp,
    identities,
    query_of,
    register,
    register_issuer,
    running_with_upstream,
    somebody,
)

LOGOUT = "/auth/v1/oauth/backchannel-logout"
ADA = str(Upstream.ADA["sub"])
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
async def http(tmp_path: Path, upstream: Upstream) -> AsyncIterator[HttpWorld]:
    async with running_with_upstream(tmp_path, upstream) as http:
        yield http


@pytest.fixture
async def provider(http: HttpWorld, upstream: Upstream, client: UpstreamClient) -> IdentityProvider:
    return await register(http, corp(upstream, client), client.secret)


@pytest.fixture
async def person(http: HttpWorld, upstream: Upstream, provider: IdentityProvider) -> AsyncIterator[Person]:
    """Ada, who has signed in through the provider."""
    async with somebody(http, upstream, stays_there=True) as person:
        await person.sign_in()
        yield person


async def send(
    http: HttpWorld, token: str | None, name: str = CORP, *, address: str = "198.51.100.20", **form: str
) -> httpx.Response:
    """Bring a logout token, as a provider does: from a server, with no cookie and no header of ours."""
    transport = httpx.ASGITransport(http.public, client=(address, 50000))
    sent = form if token is None else {"logout_token": token, **form}
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as server:
        return await server.post(f"{LOGOUT}/{name}", data=sent)


async def sid_of(person: Person) -> str:
    """Return what the provider calls its session."""
    held = await person.held()
    assert held.upstream is not None
    assert held.upstream.session_id is not None
    return held.upstream.session_id


def logout_token(upstream: Upstream, client: UpstreamClient, **wanted: Any) -> str:
    return upstream.logout_token(client_id=client.id, **wanted)


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


# --- the modules ------------------------------------------------------------------------------------------------------


async def test_oidcc_client_test_rp_backchannel_rpinitlogout(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """200, and what came out of the session has ended: cookie, refresh token, access token."""
    token = await person.token()

    answer = await send(http, logout_token(upstream, client, sub=ADA, sid=await sid_of(person)))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert not await person.is_signed_in()
    assert (await person.here.post("/auth/v1/refresh")).status_code == 400
    await http.world.follow()
    async with http.bearer(token) as api:
        assert (await api.get("/me/v1/sessions")).status_code == 401
    (event,) = [event for event in await http.world.audited() if event.action == "session.ended"]
    assert (event.actor.client_id, event.actor.address) == (CORP, "198.51.100.20")


MODULES: Mapping[str, Mapping[str, Any]] = {
    "alg-none": {"key": "none"},
    "no-event": {"remove": ["events"]},
    "with-nonce": {"set": {"nonce": "n"}},
    "wrong-alg": {"key": "es256"},
    "wrong-aud": {"set": {"aud": "another-client"}},
    "wrong-event": {"set": {"events": {"urn:other": {}}}},
    "wrong-iss": {"set": {"iss": "https://other.example.test"}},
}
NEIGHBOURS: Mapping[str, Mapping[str, Any]] = {
    "HS256 with the public key": {"key": "hs256_public_key"},
    "HS256 with the client secret": {"key": "hs256_client_secret"},
    "a key of its own": {"key": "other"},
    "an unknown key": {"key": "unknown"},
    "a key that it brings along": {"key": "embedded"},
    "a key for encryption": {"key": "encryption"},
    "a damaged signature": {"key": "damaged"},
    "iss with a slash": {"set": {"iss": "{issuer}/"}},
    "no iss": {"remove": ["iss"]},
    "no aud": {"remove": ["aud"]},
    "an empty nonce": {"set": {"nonce": ""}},
    "a null nonce": {"set": {"nonce": None}},
    "events as text": {"set": {"events": EVENT}},
    "an event that is no object": {"set": {"events": {EVENT: True}}},
    "no jti": {"remove": ["jti"]},
    "an empty jti": {"set": {"jti": ""}},
    "no iat": {"remove": ["iat"]},
    "iat to come": {"set": {"iat": 4_000_000_000}},
    "iat long ago": {"set": {"iat": 1_000_000_000}},
    "exp over": {"set": {"exp": 1_000_000_000}},
    "exp as text": {"set": {"exp": "never"}},
    "a long sub": {"set": {"sub": "x" * 256}},
    "sub as number": {"set": {"sub": 17}},
    "neither sub nor sid": {"remove": ["sub", "sid"]},
    "azp of another": {"set": {"azp": "another-client"}},
    "typ of an access token": {"header": {"set": {"typ": "at+jwt"}}},
    "crit": {"header": {"set": {"crit": ["x"]}}},
}


@pytest.mark.parametrize("forgery", MODULES.values(), ids=MODULES.keys())
async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person, forgery: Mapping[str, Any]
) -> None:
    """The seven modules whose token is wrong; then the right one, so that it was the wrong that was refused."""
    sid = await sid_of(person)

    assert_refused(await send(http, logout_token(upstream, client, sub=ADA, sid=sid, **forgery)))

    assert await person.is_signed_in()
    assert (await send(http, logout_token(upstream, client, sub=ADA, sid=sid))).status_code == 200
    assert not await person.is_signed_in()


async def test_every_other_wrong_is_refused_as_well(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Back-Channel Logout §2.4, §2.6; RFC 8725."""
    sid = await sid_of(person)
    for name, forgery in NEIGHBOURS.items():
        filled = dict(forgery)
        if name == "iss with a slash":
            filled = {"set": {"iss": f"{upstream.issuer}/"}}
        answer = await send(http, logout_token(upstream, client, sub=ADA, sid=sid, **filled))
        assert answer.status_code == 400, name
        assert await person.is_signed_in(), name


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30", "x" * 20_000, "\x00", "..", "é"])
async def test_what_is_no_token_is_refused(http: HttpWorld, person: Person, token: str) -> None:
    """Whoever likes may post here."""
    assert_refused(await send(http, token))
    assert await person.is_signed_in()


# --- whose sessions end -----------------------------------------------------------------------------------------------


async def test_a_token_with_a_sid_ends_that_session_alone(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Back-Channel Logout §2.7: with and without ``sub``."""
    for wanted in ({"sub": ADA}, {}):
        async with somebody(http, upstream) as elsewhere:
            await elsewhere.sign_in()
            token = logout_token(upstream, client, sid=await sid_of(elsewhere), **wanted)

            assert (await send(http, token)).status_code == 200

            assert not await elsewhere.is_signed_in()
    assert await person.is_signed_in()


async def test_a_token_with_a_sub_ends_all_sessions_out_of_that_provider_and_no_others(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider
) -> None:
    """Her session with a password stays, and so does everybody else."""
    user = await http.world.add_user("ada")
    command = UserChange(frozenset({"email_verified"}), email_verified=True)
    await http.world.use.change_user(ChangeUserCommand(user.id, user.revision, command, ADMIN_ACTOR))
    await http.world.add_user("alice")
    async with AsyncExitStack() as browsers:
        first, second, local, other = [await browsers.enter_async_context(somebody(http, upstream)) for _ in range(4)]
        for one in (first, second):
            assert (await one.sign_in()).id == user.id
        await sign_in(local.here, "ada")
        await sign_in(other.here, "alice")

        assert (await send(http, logout_token(upstream, client, sub=ADA))).status_code == 200

        still = [await one.is_signed_in() for one in (first, second, local, other)]
    assert still == [False, False, True, True]


async def test_a_token_that_names_two_different_people_ends_nothing(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """A ``sid`` of hers and a ``sub`` of his: both have to fit."""
    upstream.set_account("bob", preferred_username="bob", email="bob@example.com", email_verified=True)

    answer = await send(http, logout_token(upstream, client, sub="bob", sid=await sid_of(person)))

    assert answer.status_code == 200
    assert await person.is_signed_in()


async def test_a_token_about_nobody_who_is_here_is_accepted_and_ends_nothing(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Whether somebody has a session here is nobody's business."""
    for wanted in ({"sub": "stranger"}, {"sid": "unknown"}, {"sub": "stranger", "sid": "unknown"}):
        assert (await send(http, logout_token(upstream, client, **wanted))).status_code == 200
    assert await person.is_signed_in()


async def test_a_session_that_began_with_the_proof_of_a_link_ends_too(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider
) -> None:
    """It came out of the provider's, although a password was asked for here."""
    await http.world.add_user("ada")
    async with somebody(http, upstream) as ada:
        pending = (await ada.come_back()).headers["location"].partition("=")[2]
        shown = (await ada.here.get(f"/auth/v1/oauth/pending-links/{pending}")).json()
        body = {"username": "ada", "password": PASSWORD.reveal(), "transaction": shown["transaction"], "link": pending}
        assert (await ada.here.post("/auth/v1/login/local", json=body)).status_code == 200

        assert (await send(http, logout_token(upstream, client, sid=await sid_of(ada)))).status_code == 200

        assert not await ada.is_signed_in()


async def test_offline_access_of_a_client_stays(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Back-Channel Logout §2.7: it was given for when nobody is signed in."""
    party = shop("openid offline_access")
    tokens = (await party.redeem(http, await code_for(person.here, party))).json()

    await send(http, logout_token(upstream, client, sid=await sid_of(person)))

    assert not await person.is_signed_in()
    assert (await party.refresh(http, tokens["refresh_token"])).status_code == 200


async def test_a_token_counts_at_its_own_provider_alone(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Two registrations at one issuer have two client ids; nobody's token is good at the other's address."""
    other = register_issuer(upstream)
    registered = await register(http, corp(upstream, other, name="other"), other.secret)
    token = logout_token(upstream, client, sid=await sid_of(person))

    assert_refused(await send(http, token, "other"))
    assert_refused(await send(http, logout_token(upstream, other, sid=await sid_of(person))))

    assert await person.is_signed_in()
    await change(http, registered, enabled=False)
    assert (await send(http, logout_token(upstream, other, sub=ADA), "other")).status_code == 400
    assert (await send(http, token)).status_code == 200


@pytest.mark.parametrize("name", ["nobody", "CORP", "x" * 3_000, "..%2Fcorp", "%00"])
async def test_at_an_address_of_no_provider_nothing_is_taken(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person, name: str
) -> None:
    answer = await send(http, logout_token(upstream, client, sub=ADA), name)

    assert answer.status_code in {400, 404}
    assert await person.is_signed_in()


async def test_a_disabled_provider_ends_nothing(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person, provider: IdentityProvider
) -> None:
    await change(http, provider, enabled=False)

    assert (await send(http, logout_token(upstream, client, sub=ADA))).status_code == 400
    assert await person.is_signed_in()


# --- how it is brought ------------------------------------------------------------------------------------------------


async def test_a_token_is_accepted_once(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Whoever overheard it cannot sign her out again; of ten at once one is taken."""
    token = logout_token(upstream, client, sub=ADA)

    answers = await asyncio.gather(*(send(http, token) for _ in range(10)))
    await person.sign_in()
    replayed = await send(http, token)

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    assert_refused(replayed)
    assert await person.is_signed_in()


async def test_it_is_a_posted_form_and_nothing_else(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Back-Channel Logout §2.5."""
    token, path = logout_token(upstream, client, sub=ADA), f"{LOGOUT}/{CORP}"
    async with http.bearer(None) as server:
        answers = [
            await server.get(path, params={"logout_token": token}),
            await server.put(path, data={"logout_token": token}),
            await server.post(path, params={"logout_token": token}),
            await server.post(path, json={"logout_token": token}),
            await server.post(path, content=token, headers={"Content-Type": "application/jwt"}),
            await server.post(
                path,
                content=f"logout_token={token}&logout_token={token}",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            ),
            await server.post(path, files={"logout_token": token.encode()}),
            await server.post(path),
        ]

    assert [answer.status_code for answer in answers] == [405, 405] + [400] * 6
    assert await person.is_signed_in()
    assert (await send(http, token, other="parameters are passed over")).status_code == 200


async def test_no_cookie_and_no_origin_is_asked_for(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """The signed token is the credential, whoever brings it; it does nothing to the browser that does."""
    token = logout_token(upstream, client, sub="stranger")
    async with http.bearer(None) as page:
        page.headers["Origin"] = "https://evil.example"
        answer = await page.post(f"{LOGOUT}/{CORP}", data={"logout_token": token})

    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert "access-control-allow-origin" not in answer.headers


async def test_a_flood_of_forgeries_is_turned_away_and_the_right_one_is_not(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """429 for the address that goes on; the provider's own token is never counted."""
    forged = logout_token(upstream, client, sub=ADA, key="other")
    answers = [await send(http, forged) for _ in range(101)]
    elsewhere = await send(http, forged, address="198.51.100.21")
    right = await send(http, logout_token(upstream, client, sub=ADA))

    assert {answer.status_code for answer in answers[:100]} == {400}
    assert answers[100].status_code == 429
    assert int(answers[100].headers["retry-after"]) >= 1
    assert elsewhere.status_code == 400
    assert right.status_code == 200
    assert not await person.is_signed_in()


async def test_a_flood_of_unknown_keys_asks_the_provider_once(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """XI-18: anybody can send one, so strangers have a fetch in half a minute between them."""
    fetched = len(upstream.requests("jwks"))
    tokens = [logout_token(upstream, client, sub=ADA, key="unknown") for _ in range(30)]

    answers = await asyncio.gather(
        *(send(http, token, address=f"203.0.113.{number}") for number, token in enumerate(tokens))
    )

    assert {answer.status_code for answer in answers} == {400}
    assert len(upstream.requests("jwks")) - fetched <= 1
    async with somebody(http, upstream) as again:
        await again.sign_in()


# --- when a part is away ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["redis", "publishing"])
async def test_while_redis_is_away_nothing_is_taken_and_a_retry_works(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person, backend: str
) -> None:
    """503 and ``Retry-After``: a provider tries the same token again (§2.8). Neither is it used up unconfirmed."""
    token = logout_token(upstream, client, sub=ADA, sid=await sid_of(person))
    with getattr(http.world.outages, backend):
        answer = await send(http, token)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert (await send(http, token)).status_code == 200
    assert not await person.is_signed_in()
    assert (await person.here.post("/auth/v1/refresh")).status_code == 400


async def test_while_the_database_is_away_nothing_is_taken_and_a_retry_works(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    token = logout_token(upstream, client, sub=ADA)
    with http.world.outages.mariadb:
        answer = await send(http, token)

    assert answer.status_code == 503
    assert await person.is_signed_in()
    assert (await send(http, token)).status_code == 200


async def test_while_the_providers_keys_are_away_known_ones_count_and_others_are_not_taken(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    upstream.misbehave(jwks=FAILING, discovery=FAILING)
    token = logout_token(upstream, client, sub=ADA)

    assert (await send(http, token)).status_code == 200
    assert not await person.is_signed_in()


async def test_a_provider_that_hangs_holds_no_sign_in_up(
    tmp_path: Path, upstream: Upstream, client: UpstreamClient
) -> None:
    """Strangers' tokens make the issuer ask a provider that does not answer: others go on meanwhile."""
    async with running_with_upstream(tmp_path, upstream, deadline_seconds=1.5) as http:
        await http.world.add_user("alice")
        await register(http, corp(upstream, client), client.secret)
        upstream.misbehave(jwks=NEVER)
        token = logout_token(upstream, client, sub=ADA, key="unknown")

        hanging = [asyncio.create_task(send(http, token, address=f"203.0.113.{number}")) for number in range(20)]
        async with http.browser() as browser:
            assert (await sign_in(browser)).status_code == 200
        answers = await asyncio.gather(*hanging)

    assert {answer.status_code for answer in answers} <= {400, 502, 503}


# --- signing out here goes on there -----------------------------------------------------------------------------------


@pytest.fixture
def leaving(upstream: Upstream) -> UpstreamClient:
    """A registration whose provider would have nobody to send logout tokens to."""
    return register_issuer(upstream, takes_logout=False)


async def test_signing_out_goes_on_at_the_provider(
    http: HttpWorld, upstream: Upstream, leaving: UpstreamClient
) -> None:
    """RP-Initiated Logout: afterwards the provider asks for a credential again."""
    await register(http, corp(upstream, leaving, end_upstream_session=True), leaving.secret)
    async with somebody(http, upstream, stays_there=True) as ada:
        await ada.sign_in()
        assert ada.there is not None

        answer = await ada.here.post("/auth/v1/logout")
        there = answer.json()["continue"]
        back = await asyncio.to_thread(upstream.sign_out, there, browser=ada.there)

        assert answer.status_code == 200
        assert not await ada.is_signed_in()
        asked = query_of(there)
        assert asked["post_logout_redirect_uri"] == SIGNED_OUT
        assert asked["client_id"] == leaving.id
        assert "id_token_hint" not in asked
        assert back.url.partition("?")[0] == SIGNED_OUT
        assert back.parameters == {"state": asked["state"]}
        before = len(upstream.requests("interaction"))
        await ada.sign_in()
        assert len(upstream.requests("interaction")) > before


@pytest.mark.parametrize("reason", ["it is not asked for", "it is away", "it has no such endpoint", "it is disabled"])
async def test_where_it_cannot_go_on_the_sign_out_ends_here(
    http: HttpWorld, upstream: Upstream, leaving: UpstreamClient, reason: str
) -> None:
    """Nobody is told that they are still signed in because a provider does not answer."""
    ends = reason != "it is not asked for"
    provider = await register(http, corp(upstream, leaving, end_upstream_session=ends), leaving.secret)
    if reason == "it has no such endpoint":
        upstream.misbehave(discovery={"remove": ["end_session_endpoint"]})
    async with somebody(http, upstream) as ada:
        await ada.sign_in()
        if reason == "it is disabled":
            await change(http, provider, enabled=False)
        if reason == "it is away":
            upstream.kill()
            # What is known of the provider is used for a day.
            for _ in range(3):
                http.world.clock.advance(10 * 3_600)
                await ada.token()

        answer = await ada.here.post("/auth/v1/logout")

        assert (answer.status_code, answer.content) == (204, b"")
        assert not await ada.is_signed_in()


async def test_whoever_signed_in_with_a_password_is_sent_nowhere(
    http: HttpWorld, upstream: Upstream, leaving: UpstreamClient
) -> None:
    await register(http, corp(upstream, leaving, end_upstream_session=True), leaving.secret)
    await http.world.add_user("alice")
    async with http.browser() as browser:
        await sign_in(browser)

        assert (await browser.post("/auth/v1/logout")).status_code == 204


async def test_a_sign_out_by_a_client_goes_on_there_where_it_names_no_way_back(
    http: HttpWorld, upstream: Upstream, leaving: UpstreamClient
) -> None:
    """RP-Initiated Logout §2: a client that wants the browser back has it back."""
    await register(http, corp(upstream, leaving, end_upstream_session=True), leaving.secret)
    party = shop("openid")
    for parameters in ({}, {"post_logout_redirect_uri": "https://shop.example/bye", "state": "s"}):
        async with somebody(http, upstream) as ada:
            asked = await ada.here.get("/oauth2/authorize", params=party.request())
            arrival = await ada.visit(await ada.leave(transaction=answer_of(asked)["transaction"]))
            response = await ada.go_on(await ada.arrive(arrival))
            if response.headers["location"].startswith("/consent"):
                response = await agree_for(ada.here, response)
            tokens = (await party.redeem(http, answer_of(response)["code"])).json()
            body = {"id_token_hint": tokens["id_token"], **parameters}

            answer = await ada.here.get("/oauth2/logout", params=body)

            assert answer.status_code == 303
            expected = "https://shop.example/bye?state=s" if parameters else f"{upstream.issuer}/logout?"
            assert answer.headers["location"].startswith(expected)
            assert not await ada.is_signed_in()
    assert len(await identities(http)) == 1
