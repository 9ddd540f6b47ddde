"""A person's own sessions, devices and consents over HTTP: the owner, strangers, clients, and outages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ISSUER
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.user import User
from relying_party import (
    Party,
    agree_for,
    code_for,
    phone,
    running_provider,
    shop,
    wiki,
)

SESSIONS = "/me/v1/sessions"
CONSENTS = "/me/v1/consents"
NO_ID = "0" * 22
OFFLINE = "openid profile email offline_access"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_provider(tmp_path) as http:
        yield http


@pytest.fixture
async def alice(http: HttpWorld) -> User:
    return await http.world.add_user("alice")


@pytest.fixture
async def browser(http: HttpWorld, alice: User) -> AsyncIterator[httpx.AsyncClient]:
    """Alice's browser, in which she signs in when a client asks her to."""
    async with http.browser(**{"User-Agent": "Firefox on Linux"}) as browser:
        yield browser


async def tokens_of(http: HttpWorld, browser: httpx.AsyncClient, party: Party) -> dict[str, Any]:
    """Return the tokens of a client that somebody signed in to."""
    answer = await party.redeem(http, await code_for(browser, party))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def own(http: HttpWorld, token: str, path: str = SESSIONS, method: str = "GET") -> httpx.Response:
    """Send a request with an access token."""
    async with http.bearer(token) as client:
        return await client.request(method, path)


async def is_alive(http: HttpWorld, access_token: str) -> bool:
    """Whether an access token is accepted somewhere, whatever it is for."""
    return (await own(http, access_token, "/userinfo")).status_code == 200


async def may_refresh(http: HttpWorld, party: Party, tokens: dict[str, Any]) -> bool:
    answer = await party.refresh(http, tokens["refresh_token"])
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    return False


async def every_request(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Send each kind of request once."""
    return [
        await client.get(SESSIONS),
        await client.delete(f"{SESSIONS}/{NO_ID}"),
        await client.delete(f"/me/v1/devices/{NO_ID}"),
        await client.get(CONSENTS),
        await client.delete(f"{CONSENTS}/shop"),
        await client.post(f"{SESSIONS}/end-all"),
    ]


# --- who may ask ------------------------------------------------------------------------------------------------------


async def test_without_a_token_every_route_asks_to_sign_in(http: HttpWorld) -> None:
    """TK-01."""
    async with http.bearer(None) as anybody:
        for answer in await every_request(anybody):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="paseport"'


async def test_a_token_without_the_scope_shows_and_ends_nothing(http: HttpWorld, alice: User) -> None:
    """Design §3: a token is never worth more than its scope."""
    scope = ("openid", "profile", "email", "roles", "admin")
    grant = UserGrant(alice.id, 1, None, NO_ID, scope, api_audience(ISSUER), http.world.clock.now(), ("pwd",))

    async with http.bearer(await http.world.token_for(grant)) as client:
        answers = await every_request(client)

    assert {(answer.status_code, problem(answer)["code"]) for answer in answers} == {(403, "insufficient_scope")}


async def test_a_third_party_client_shows_and_ends_nothing(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await tokens_of(http, browser, shop())

    async with http.bearer(tokens["access_token"]) as client:
        answers = await every_request(client)

    assert {answer.status_code for answer in answers} == {401}
    assert await may_refresh(http, shop(), tokens)


async def test_cookies_alone_are_no_credential_here(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """BF-02: nothing that a foreign page could send on behalf of a browser has an effect."""
    await tokens_of(http, browser, phone())

    answers = await every_request(browser)

    assert {answer.status_code for answer in answers} == {401}


# --- sessions and devices ---------------------------------------------------------------------------------------------


async def test_people_see_where_they_are_signed_in(http: HttpWorld, alice: User, browser: httpx.AsyncClient) -> None:
    here = await tokens_of(http, browser, phone("openid account"))
    await tokens_of(http, browser, shop())
    await tokens_of(http, browser, shop(OFFLINE))
    elsewhere = await http.world.sign_in("alice")
    await http.world.add_user("bob")
    await http.world.sign_in("bob")

    answer = await own(http, here["access_token"])

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    sessions = {session["current"]: session for session in body["sessions"]}
    assert len(body["sessions"]) == 2
    claims = await http.world.claims(here["access_token"])
    now = http.world.clock.now().isoformat().replace("+00:00", "Z")
    assert sessions[True].pop("expires_at") > now
    assert sessions[True] == {
        "id": claims.session_id,
        "user_agent": "Firefox on Linux",
        "address": "192.0.2.7",
        "signed_in_at": now,
        "last_seen_at": now,
        "current": True,
        "clients": [{"client_id": "phone", "name": "The phone"}, {"client_id": "shop", "name": "The shop"}],
    }
    assert sessions[False]["id"] == (await http.world.claims(elsewhere.access_token.value)).session_id
    assert sessions[False]["clients"] == [{"client_id": "bff", "name": "Paseport"}]
    (device,) = body["devices"]
    assert (device["client_id"], device["name"], device["current"]) == ("shop", "The shop", False)
    assert device["scope"] == OFFLINE.split()
    assert device["signed_in_at"] == device["last_used_at"] == now
    assert device["expires_at"] > now


async def test_a_device_that_asks_is_marked(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await tokens_of(http, browser, phone("openid account offline_access"))

    body = (await own(http, tokens["access_token"])).json()

    assert [device["current"] for device in body["devices"]] == [True]
    assert [session["current"] for session in body["sessions"]] == [False]


async def test_somebody_ends_another_of_their_sessions(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-17: the session with all its clients dies, nothing else does."""
    in_it = await tokens_of(http, browser, shop())
    device = await tokens_of(http, browser, shop(OFFLINE))
    session_id = (await http.world.adapters.any_token_verifier.verify(in_it["access_token"])).session_id
    mine = await http.token("alice")

    answers = [await own(http, mine, f"{SESSIONS}/{session_id}", "DELETE") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert not await is_alive(http, in_it["access_token"])
    assert not await may_refresh(http, shop(), in_it)
    assert await is_alive(http, device["access_token"])
    assert await may_refresh(http, shop(), device)
    assert [session["current"] for session in (await own(http, mine)).json()["sessions"]] == [True]
    assert (await http.world.actions()).count("session.ended") == 1


async def test_somebody_ends_the_session_that_asks(http: HttpWorld, alice: User) -> None:
    mine = await http.token("alice")
    session_id = (await http.world.claims(mine)).session_id

    assert (await own(http, mine, f"{SESSIONS}/{session_id}", "DELETE")).status_code == 204

    assert (await own(http, mine)).status_code == 401


async def test_a_lost_phone_is_ended_from_the_list(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-15: it survives its browser's sign-out, and not its owner's decision."""
    party = phone("openid profile offline_access")
    tokens = await tokens_of(http, browser, party)
    assert (await browser.post("/auth/v1/logout")).status_code == 204
    assert await is_alive(http, tokens["access_token"])
    mine = await http.token("alice")
    (device,) = (await own(http, mine)).json()["devices"]

    answers = [await own(http, mine, f"/me/v1/devices/{device['id']}", "DELETE") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert not await is_alive(http, tokens["access_token"])
    assert not await may_refresh(http, party, tokens)
    assert (await own(http, mine)).json()["devices"] == []
    (event,) = [event for event in await http.world.audited() if event.action == "device.ended"]
    assert (event.actor.client_id, event.after) == ("bff", {"revoked": [f"family:{device['id']}"]})


async def test_nobody_ends_what_is_somebody_elses(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    online = await tokens_of(http, browser, shop())
    device = await tokens_of(http, browser, shop(OFFLINE))
    verify = http.world.adapters.any_token_verifier.verify
    await http.world.add_user("mallory")
    mallory = await http.token("mallory")

    answers = [
        await own(http, mallory, f"{SESSIONS}/{(await verify(online['access_token'])).session_id}", "DELETE"),
        await own(http, mallory, f"/me/v1/devices/{(await verify(device['access_token'])).family_id}", "DELETE"),
        await own(http, mallory, f"{CONSENTS}/shop", "DELETE"),
        await own(http, mallory, f"{SESSIONS}/end-all", "POST"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 204, 204]
    for tokens in (online, device):
        assert await is_alive(http, tokens["access_token"])
        assert await may_refresh(http, shop(), tokens)
    assert (await own(http, await http.token("alice"), CONSENTS)).json()["items"] != []


async def test_what_ends_with_its_session_is_no_device(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await tokens_of(http, browser, shop())
    family_id = (await http.world.adapters.any_token_verifier.verify(tokens["access_token"])).family_id

    answer = await own(http, await http.token("alice"), f"/me/v1/devices/{family_id}", "DELETE")

    assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")
    assert await may_refresh(http, shop(), tokens)


@pytest.mark.parametrize("text", ["x", "0" * 21, "0" * 23, "z" * 22, "0" * 21 + "*", "%2e%2e", "%00", "a" * 4_000])
@pytest.mark.parametrize("path", [SESSIONS, "/me/v1/devices"])
async def test_what_cannot_be_an_id_is_not_looked_for(http: HttpWorld, alice: User, path: str, text: str) -> None:
    mine = await http.token("alice")

    with http.world.outages.redis:
        answer = await own(http, mine, f"{path}/{text}", "DELETE")

    assert answer.status_code == 404


async def test_what_does_not_exist_has_ended(http: HttpWorld, alice: User) -> None:
    mine = await http.token("alice")

    for path in (f"{SESSIONS}/{NO_ID}", f"/me/v1/devices/{NO_ID}"):
        assert (await own(http, mine, path, "DELETE")).status_code == 204


async def test_signing_out_everywhere_leaves_nothing(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-17."""
    device = await tokens_of(http, browser, shop(OFFLINE))
    elsewhere = await http.world.sign_in("alice")
    mine = await http.token("alice")

    answer = await own(http, mine, f"{SESSIONS}/end-all", "POST")

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await own(http, mine)).status_code == 401
    assert (await own(http, elsewhere.access_token.value)).status_code == 401
    assert not await is_alive(http, device["access_token"])
    assert not await may_refresh(http, shop(), device)


async def test_sessions_and_devices_are_seen_and_ended_without_the_database(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """Design §5: signing out does not wait for the record, which hears of it later."""
    device = await tokens_of(http, browser, shop(OFFLINE))
    elsewhere, mine = await http.world.sign_in("alice"), await http.token("alice")
    session_id = (await http.world.claims(elsewhere.access_token.value)).session_id

    with http.world.outages.mariadb:
        body = (await own(http, mine)).json()
        answers = [
            await own(http, mine, f"{SESSIONS}/{session_id}", "DELETE"),
            await own(http, mine, f"/me/v1/devices/{body['devices'][0]['id']}", "DELETE"),
        ]
        assert [answer.status_code for answer in answers] == [204, 204]
        assert (await own(http, elsewhere.access_token.value)).status_code == 401
        assert not await may_refresh(http, shop(), device)
        assert (await own(http, mine, f"{SESSIONS}/end-all", "POST")).status_code == 204

    actions = await http.world.actions()
    assert {"session.ended", "device.ended", "user.signed_out_everywhere"} <= set(actions)


async def test_while_the_hot_store_is_away_nothing_is_said_to_have_ended(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    device = await tokens_of(http, browser, shop(OFFLINE))
    mine = await http.token("alice")
    family_id = (await http.world.adapters.any_token_verifier.verify(device["access_token"])).family_id
    paths = [f"{SESSIONS}/{NO_ID}", f"/me/v1/devices/{family_id}", f"{CONSENTS}/shop"]

    with http.world.outages.redis:
        refused = [await own(http, mine, path, "DELETE") for path in paths]
        refused += [await own(http, mine), await own(http, mine, f"{SESSIONS}/end-all", "POST")]

    assert {answer.status_code for answer in refused} == {503}
    assert (await own(http, mine, CONSENTS)).json()["items"][0]["client_id"] == "shop"
    assert (await own(http, mine, paths[1], "DELETE")).status_code == 204
    assert not await may_refresh(http, shop(), device)


# --- consents ---------------------------------------------------------------------------------------------------------


async def test_people_see_what_they_allowed(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    await tokens_of(http, browser, shop("email openid"))
    await tokens_of(http, browser, phone())

    answer = await own(http, await http.token("alice"), CONSENTS)

    now = http.world.clock.now().isoformat().replace("+00:00", "Z")
    shop_consent = {"client_id": "shop", "name": "The shop", "scope": ["openid", "email"], "granted_at": now}
    assert (answer.status_code, answer.json()) == (200, {"items": [shop_consent]})


async def test_withdrawing_a_consent_ends_all_that_the_client_has(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-15: online and offline, and no other client's."""
    online, device = await tokens_of(http, browser, shop()), await tokens_of(http, browser, shop(OFFLINE))
    kept = await tokens_of(http, browser, phone())
    mine = await http.token("alice")

    answers = [await own(http, mine, f"{CONSENTS}/shop", "DELETE") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    for tokens in (online, device):
        assert not await is_alive(http, tokens["access_token"])
        assert not await may_refresh(http, shop(), tokens)
    assert await may_refresh(http, phone(), kept)
    assert (await own(http, mine, CONSENTS)).json() == {"items": []}
    actions = await http.world.actions()
    assert (actions.count("consent.withdrawn"), actions.count("client.signed_out")) == (1, 1)


async def test_withdrawing_a_consent_ends_the_access_token_of_a_client_that_may_not_refresh(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """TE-15: it has no refresh tokens, so nothing looks like a family; the code that it redeemed tells which it is."""
    party, mine = wiki(), await http.token("alice")
    code = await code_for(browser, party, code_challenge=None, code_challenge_method=None)
    tokens = (await party.redeem(http, code, code_verifier="")).json()
    assert await is_alive(http, tokens["access_token"])

    with http.world.outages.publishing:
        failed = await own(http, mine, f"{CONSENTS}/wiki", "DELETE")
    withdrawn = await own(http, mine, f"{CONSENTS}/wiki", "DELETE")

    assert (failed.status_code, withdrawn.status_code) == (503, 204)
    assert not await is_alive(http, tokens["access_token"])
    assert await is_alive(http, mine)


async def test_a_client_whose_consent_was_withdrawn_asks_again(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-24."""
    await tokens_of(http, browser, shop())
    await own(http, await http.token("alice"), f"{CONSENTS}/shop", "DELETE")

    asked = await browser.get("/oauth2/authorize", params=shop().request())
    silent = await browser.get("/oauth2/authorize", params=shop().request(prompt="none"))

    assert asked.headers["location"].startswith("/consent?transaction=")
    assert "error=consent_required" in silent.headers["location"]
    assert (await agree_for(browser, asked)).status_code == 303


async def test_a_code_from_before_the_withdrawal_gives_nothing(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-15: the withdrawal found no tokens to end, because the client had not fetched them yet."""
    party = shop(OFFLINE)
    code = await code_for(browser, party)
    await own(http, await http.token("alice"), f"{CONSENTS}/shop", "DELETE")

    answer = await party.redeem(http, code)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await own(http, await http.token("alice"))).json()["devices"] == []


async def test_a_code_that_is_redeemed_during_the_withdrawal_gives_nothing_that_lasts(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """TE-15: whichever comes first, nothing of the client's is left."""
    mine = await http.token("alice")
    for _ in range(20):
        party = shop(OFFLINE)
        code = await code_for(browser, party)

        redeemed, withdrawn = await asyncio.gather(
            party.redeem(http, code), own(http, mine, f"{CONSENTS}/shop", "DELETE")
        )

        assert withdrawn.status_code == 204
        if redeemed.status_code == 200:
            assert not await is_alive(http, redeemed.json()["access_token"])
            assert not await may_refresh(http, party, redeemed.json())
        assert (await own(http, mine)).json()["devices"] == []


async def test_a_consent_is_not_half_withdrawn_while_the_database_is_away(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    device = await tokens_of(http, browser, shop(OFFLINE))
    mine = await http.token("alice")

    with http.world.outages.mariadb:
        answers = [await own(http, mine, CONSENTS), await own(http, mine, f"{CONSENTS}/shop", "DELETE")]

    assert {answer.status_code for answer in answers} == {503}
    assert await may_refresh(http, shop(), device)


async def test_a_withdrawal_that_failed_on_the_way_can_be_repeated(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """The consent stays in the list until all of it has ended."""
    device = await tokens_of(http, browser, shop(OFFLINE))
    mine = await http.token("alice")
    with http.world.outages.publishing:
        failed = await own(http, mine, f"{CONSENTS}/shop", "DELETE")
    listed = (await own(http, mine, CONSENTS)).json()["items"]

    repeated = await own(http, mine, f"{CONSENTS}/shop", "DELETE")

    assert (failed.status_code, len(listed), repeated.status_code) == (503, 1, 204)
    assert not await is_alive(http, device["access_token"])
    assert not await may_refresh(http, shop(), device)
    assert (await own(http, mine, CONSENTS)).json() == {"items": []}


@pytest.mark.parametrize("text", ["x", "%00", "a" * 65, "01890a5d-ac96-774b-bcce-b302099a8057"])
async def test_what_cannot_be_a_client_has_no_consent(http: HttpWorld, alice: User, text: str) -> None:
    answer = await own(http, await http.token("alice"), f"{CONSENTS}/{text}", "DELETE")

    assert answer.status_code == 404
