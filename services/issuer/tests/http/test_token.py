"""The token endpoint, revocation, introspection and userinfo over HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, sign_in
from issuer_world import ISSUER
from paseport_shared.domain.models.base62 import ALPHABET
from relying_party import (
    ORDERS,
    SHOP_SECRET,
    WIKI_SECRET,
    Party,
    code_for,
    phone,
    running_provider,
    shop,
    wiki,
)

TOKEN = "/oauth2/token"
INTROSPECT = "/oauth2/introspect"
REVOKE = "/oauth2/revoke"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_provider(tmp_path) as http:
        await http.world.add_user("alice", roles=("User",))
        yield http


@pytest.fixture
async def browser(http: HttpWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with http.browser() as browser:
        yield browser


async def signed_in(http: HttpWorld, browser: httpx.AsyncClient, party: Party, **changes: str | None) -> dict[str, Any]:
    """Return the tokens of a client that somebody signed in to."""
    answer = await party.redeem(http, await code_for(browser, party, **changes))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def refused(answer: httpx.Response, error: str, status: int = 400) -> bool:
    """Whether an answer is this refusal, in the form of RFC 6749 §5.2."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"error", "error_description"}
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return True


async def userinfo(http: HttpWorld, access_token: str) -> httpx.Response:
    async with http.bearer(access_token) as client:
        return await client.get("/userinfo")


def altered(text: str) -> str:
    """Return a text with another last character."""
    return text[:-1] + ALPHABET[(ALPHABET.find(text[-1]) + 1) % 62]


# --- redeeming a code -------------------------------------------------------------------------------------------------


async def test_a_code_is_exchanged_for_tokens(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    party = shop()

    answer = await party.redeem(http, await code_for(browser, party))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "openid profile email")
    claims = await http.world.adapters.any_token_verifier.verify(body["access_token"])
    assert (claims.client_id, claims.audience) == ("shop", f"{ISSUER}/userinfo")
    assert claims.session_id is not None
    assert (await userinfo(http, body["access_token"])).json()["sub"] == claims.subject


async def test_without_openid_there_is_no_id_token(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-07."""
    assert "id_token" not in await signed_in(http, browser, shop("email"))


async def test_a_client_that_may_not_refresh_gets_no_refresh_token(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    party = wiki()
    code = await code_for(browser, party, code_challenge=None, code_challenge_method=None)

    answer = await party.redeem(http, code, code_verifier="")

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "scope", "id_token"}


async def test_a_client_names_what_its_token_is_for(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """RFC 8707."""
    tokens = await signed_in(http, browser, shop(), resource=ORDERS)

    claims = await http.world.adapters.any_token_verifier.verify(tokens["access_token"])
    assert claims.audience == ORDERS
    refreshed = (await shop().refresh(http, tokens["refresh_token"])).json()
    claims = await http.world.adapters.any_token_verifier.verify(refreshed["access_token"])
    assert claims.audience == ORDERS


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://shop.example/cb?kept=1"},
        {"redirect_uri": ""},
        {"code_verifier": "x" * 42},
        {"code_verifier": "x" * 43},
        {"code_verifier": "x" * 129},
        {"code_verifier": ""},
    ],
    ids=str,
)
async def test_a_code_that_does_not_fit_is_burned(
    http: HttpWorld, browser: httpx.AsyncClient, changes: dict[str, str]
) -> None:
    """TE-07, TE-09."""
    party = shop()
    code = await code_for(browser, party)

    assert refused(await party.redeem(http, code, **changes), "invalid_grant")
    assert refused(await party.redeem(http, code), "invalid_grant")


async def test_a_verifier_in_other_capitals_or_padded_does_not_fit(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-09."""
    for spelling in (str.swapcase, lambda verifier: verifier + "="):
        party = shop()
        code = await code_for(browser, party)
        assert refused(await party.redeem(http, code, code_verifier=spelling(party.verifier)), "invalid_grant")


async def test_a_verifier_nobody_asked_for_does_not_fit(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """RFC 9700 §4.8.2: PKCE downgrade."""
    party = wiki()
    code = await code_for(browser, party, code_challenge=None, code_challenge_method=None)

    assert refused(await party.redeem(http, code), "invalid_grant")


async def test_a_code_is_good_for_a_minute(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-09."""
    party = shop()
    code = await code_for(browser, party)
    http.world.clock.advance(timedelta(seconds=60))

    assert refused(await party.redeem(http, code), "invalid_grant")


async def test_a_stranger_burns_no_code(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-09: neither who cannot authenticate, nor another client."""
    party = shop()
    code = await code_for(browser, party)
    impostor = Party("shop", party.redirect_uri, "openid", auth=("shop", "wrong" * 8), verifier="x" * 43)
    other = phone()

    assert refused(await impostor.redeem(http, code), "invalid_client", 401)
    assert refused(await other.redeem(http, code), "invalid_grant")
    assert refused(await party.redeem(http, altered(code)), "invalid_grant")
    assert (await party.redeem(http, code)).status_code == 200


async def test_a_code_used_twice_takes_back_what_it_gave(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-08."""
    party = shop()
    code = await code_for(browser, party)
    tokens = (await party.redeem(http, code)).json()
    assert (await userinfo(http, tokens["access_token"])).status_code == 200

    assert refused(await party.redeem(http, code), "invalid_grant")

    await http.world.follow()
    assert (await userinfo(http, tokens["access_token"])).status_code == 401
    assert refused(await party.refresh(http, tokens["refresh_token"]), "invalid_grant")
    assert "authorization_code.reused" in await http.world.actions()
    assert (
        (await browser.get("/oauth2/authorize", params=shop().request()))
        .headers["location"]
        .startswith("https://shop.example/cb?code=")
    ), "the person stays signed in"


async def test_of_a_hundred_who_redeem_a_code_at_once_one_gets_tokens_and_they_are_taken_back(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """TE-08."""
    party = shop()
    code = await code_for(browser, party)

    answers = await asyncio.gather(*(party.redeem(http, code) for _ in range(100)))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 99}
    await http.world.follow()
    for answer in answers:
        if answer.status_code == 200:
            assert (await userinfo(http, answer.json()["access_token"])).status_code == 401
            assert refused(await party.refresh(http, answer.json()["refresh_token"]), "invalid_grant")


@pytest.mark.parametrize("what", ["session ended", "user disabled"])
async def test_a_code_dies_with_what_it_came_from(http: HttpWorld, browser: httpx.AsyncClient, what: str) -> None:
    party = shop()
    user = await http.world.add_user("carol") if what == "user disabled" else None
    if user is None:
        code = await code_for(browser, party)
        await browser.post("/auth/v1/logout")
    else:
        assert (await sign_in(browser, "carol")).status_code == 200
        code = await code_for(browser, party)
        await http.world.disable(user)

    assert refused(await party.redeem(http, code), "invalid_grant")


# --- refreshing -------------------------------------------------------------------------------------------------------


async def test_a_refresh_token_rotates(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    refreshed = await shop().refresh(http, tokens["refresh_token"])

    assert refreshed.status_code == 200
    body = refreshed.json()
    assert body["refresh_token"] != tokens["refresh_token"]
    assert body["scope"] == "openid profile email"


async def test_a_lost_answer_is_asked_for_again(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-13."""
    tokens = await signed_in(http, browser, phone("openid offline_access"))
    first = (await phone().refresh(http, tokens["refresh_token"])).json()

    again = (await phone().refresh(http, tokens["refresh_token"])).json()

    assert again["refresh_token"] == first["refresh_token"]


async def test_an_access_token_may_have_less_scope(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """RFC 6749 §6."""
    tokens = await signed_in(http, browser, shop())

    less = (await shop().refresh(http, tokens["refresh_token"], scope="email openid")).json()
    more = await shop().refresh(http, less["refresh_token"], scope="openid offline_access")
    whole = (await shop().refresh(http, less["refresh_token"])).json()

    assert less["scope"] == "openid email"
    assert refused(more, "invalid_scope")
    assert whole["scope"] == "openid profile email"


async def test_another_clients_refresh_token_is_refused_and_lives_on(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """TE-10."""
    tokens = await signed_in(http, browser, shop())

    assert refused(await phone().refresh(http, tokens["refresh_token"]), "invalid_grant")
    assert (await shop().refresh(http, tokens["refresh_token"])).status_code == 200


async def test_signing_out_of_the_browser_ends_online_families_and_no_offline_one(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """Design §3."""
    online = await signed_in(http, browser, shop())
    offline = await signed_in(http, browser, phone("openid offline_access"))

    assert (await browser.post("/auth/v1/logout")).status_code == 204
    await http.world.follow()

    assert refused(await shop().refresh(http, online["refresh_token"]), "invalid_grant")
    assert (await userinfo(http, online["access_token"])).status_code == 401
    refreshed = await phone().refresh(http, offline["refresh_token"])
    assert refreshed.status_code == 200
    assert (await userinfo(http, offline["access_token"])).status_code == 200


async def test_signing_out_everywhere_ends_offline_families_too(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-17."""
    offline = await signed_in(http, browser, phone("openid offline_access"))

    assert (await browser.post("/auth/v1/logout", params={"all": "true"})).status_code == 204

    assert refused(await phone().refresh(http, offline["refresh_token"]), "invalid_grant")


# --- machines ---------------------------------------------------------------------------------------------------------


async def test_a_machine_gets_a_token_that_stands_for_itself(http: HttpWorld) -> None:
    party = Party("orders", "", "", auth=("orders", SHOP_SECRET))

    answer = await party.ask(http, TOKEN, {"grant_type": "client_credentials", "resource": ORDERS})

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    claims = await http.world.adapters.any_token_verifier.verify(body["access_token"])
    assert (claims.subject, claims.client_id, claims.audience, claims.scope) == ("orders", "orders", ORDERS, ())
    assert (await userinfo(http, body["access_token"])).status_code == 401


async def test_a_machine_holds_no_scope_of_a_user(http: HttpWorld) -> None:
    party = Party("orders", "", "", auth=("orders", SHOP_SECRET))

    for scope in ("openid", "admin", 'x"'):
        answer = await party.ask(http, TOKEN, {"grant_type": "client_credentials", "scope": scope})
        assert refused(answer, "invalid_scope")


# --- the form ---------------------------------------------------------------------------------------------------------


async def test_the_endpoints_take_forms_by_post_and_nothing_else(http: HttpWorld) -> None:
    """TE-01."""
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    async with http.bearer(None) as server:
        for path in (TOKEN, REVOKE, INTROSPECT):
            assert (await server.get(path)).status_code == 405
            assert refused(await server.post(path, json={"grant_type": "refresh_token"}), "invalid_request")
            assert refused(await server.post(path, files={"grant_type": b"x"}), "invalid_request")
            assert refused(await server.post(path), "invalid_request")
            assert (await server.post(path, content=b"", headers=form)).status_code in (400, 401)
            too_large = await server.post(path, content=b"a=" + b"x" * 300_000, headers=form)
            assert too_large.status_code == 413
            assert refused(
                await server.post(path, content=b"&".join([b"a=1"] * 1_000), headers=form), "invalid_request"
            )
            assert refused(await server.post(path, content=b"a=%ff\xff", headers=form), "invalid_request")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "junk"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "junk"}, "invalid_grant"),
    ],
    ids=str,
)
async def test_a_request_that_lacks_something_is_refused(http: HttpWorld, form: dict[str, str], error: str) -> None:
    """TE-02."""
    assert refused(await shop().ask(http, TOKEN, form), error)


async def test_a_grant_that_the_client_may_not_use_is_refused(http: HttpWorld) -> None:
    """TE-02."""
    machine = Party("orders", "", "", auth=("orders", SHOP_SECRET))

    assert refused(await machine.redeem(http, "junk"), "unauthorized_client")
    assert refused(await machine.refresh(http, "junk"), "unauthorized_client")
    assert refused(await phone().ask(http, TOKEN, {"grant_type": "client_credentials"}), "unauthorized_client")


async def test_a_repeated_parameter_is_refused(http: HttpWorld) -> None:
    """TE-02."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with http.bearer(None) as server:
        for body in (b"grant_type=refresh_token&grant_type=refresh_token", b"client_id=shop&client_id=shop"):
            assert refused(await server.post(TOKEN, content=body, headers=form), "invalid_request")


@pytest.mark.parametrize(
    "party",
    [
        Party("shop", "", "", in_form={"client_secret": SHOP_SECRET}),
        Party("wiki", "", "", auth=("wiki", WIKI_SECRET)),
        Party("phone", "", "", in_form={"client_secret": "x" * 40}),
        Party("phone", "", "", auth=("phone", "")),
        Party("shop", "", ""),
        Party("shop", "", "", auth=("shop", "wrong" * 8)),
        Party("shop", "", "", auth=("shop", "")),
        Party("nobody", "", "", auth=("nobody", SHOP_SECRET)),
        Party("closed", "", "", auth=("closed", SHOP_SECRET)),
        Party("bff", "", ""),
        Party("cli", "", "", auth=("cli", SHOP_SECRET)),
    ],
    ids=lambda party: f"{party.client_id}-{bool(party.auth)}-{bool(party.in_form)}-{len((party.auth or ('', ''))[1])}",
)
async def test_a_client_that_is_not_authenticated_is_told_the_same_whatever_is_wrong(
    http: HttpWorld, party: Party
) -> None:
    """TE-04, TE-05."""
    answers = [
        await party.ask(http, path, {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"})
        for path in (TOKEN, REVOKE, INTROSPECT)
    ]

    for answer in answers:
        assert refused(answer, "invalid_client", 401)
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.content == answers[0].content


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic eA==", "Bearer abc", "Basic " + "é"], ids=str)
async def test_credentials_that_cannot_be_read_are_refused(http: HttpWorld, header: str) -> None:
    async with http.bearer(None) as server:
        answer = await server.post(
            TOKEN, data={"grant_type": "refresh_token"}, headers={"Authorization": header.encode()}
        )

    assert refused(answer, "invalid_client", 401)


async def test_a_client_authenticates_in_one_way(http: HttpWorld) -> None:
    """RFC 6749 §2.3."""
    both = Party("shop", "", "", auth=("shop", SHOP_SECRET), in_form={"client_secret": SHOP_SECRET})
    two_names = Party("shop", "", "", auth=("shop", SHOP_SECRET), in_form={"client_id": "wiki"})

    assert refused(await both.ask(http, TOKEN, {"grant_type": "refresh_token"}), "invalid_request")
    assert refused(await two_names.ask(http, TOKEN, {"grant_type": "refresh_token"}), "invalid_request")


async def test_credentials_of_http_basic_are_form_encoded(http: HttpWorld) -> None:
    """RFC 6749 §2.3.1."""
    encoded = base64.b64encode(f"%73hop:{SHOP_SECRET.replace('-', '%2D')}".encode()).decode()
    async with http.bearer(None) as server:
        answer = await server.post(
            TOKEN,
            data={"grant_type": "refresh_token", "refresh_token": "x"},
            headers={"Authorization": f"Basic {encoded}"},
        )

    assert refused(answer, "invalid_grant")


# --- revocation -------------------------------------------------------------------------------------------------------


async def test_revoking_a_refresh_token_ends_its_family(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """RFC 7009 §2.1."""
    tokens = await signed_in(http, browser, shop())

    answer = await shop().ask(http, REVOKE, {"token": tokens["refresh_token"], "token_type_hint": "access_token"})

    assert (answer.status_code, answer.content) == (200, b"")
    await http.world.follow()
    assert refused(await shop().refresh(http, tokens["refresh_token"]), "invalid_grant")
    assert (await userinfo(http, tokens["access_token"])).status_code == 401
    assert (await shop().ask(http, REVOKE, {"token": tokens["refresh_token"]})).status_code == 200


async def test_revoking_an_access_token_ends_it_alone(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    assert (await shop().ask(http, REVOKE, {"token": tokens["access_token"]})).status_code == 200

    await http.world.follow()
    assert (await userinfo(http, tokens["access_token"])).status_code == 401
    refreshed = (await shop().refresh(http, tokens["refresh_token"])).json()
    assert (await userinfo(http, refreshed["access_token"])).status_code == 200


async def test_what_is_no_token_is_revoked_already(http: HttpWorld) -> None:
    for junk in ("junk", "v4.public.x", "prt_x", "x" * 10_000):
        assert (await shop().ask(http, REVOKE, {"token": junk})).status_code == 200
    assert refused(await shop().ask(http, REVOKE, {}), "invalid_request")


async def test_a_client_revokes_its_own_tokens_only(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    for token in (tokens["refresh_token"], tokens["access_token"]):
        assert refused(await phone().ask(http, REVOKE, {"token": token}), "unauthorized_client")

    assert (await shop().refresh(http, tokens["refresh_token"])).status_code == 200
    assert (await userinfo(http, tokens["access_token"])).status_code == 200


async def test_mariadb_down_revoke_works(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    with http.world.outages.mariadb:
        assert (await shop().ask(http, REVOKE, {"token": tokens["refresh_token"]})).status_code == 200
        await http.world.follow()
        assert refused(await shop().refresh(http, tokens["refresh_token"]), "invalid_grant")


async def test_redis_down_revoke_answers_503_and_can_be_repeated(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    with http.world.outages.redis:
        answer = await shop().ask(http, REVOKE, {"token": tokens["refresh_token"]})
        assert refused(answer, "temporarily_unavailable", 503)
        assert answer.headers["retry-after"] == "1"

    assert (await shop().ask(http, REVOKE, {"token": tokens["refresh_token"]})).status_code == 200
    assert refused(await shop().refresh(http, tokens["refresh_token"]), "invalid_grant")


# --- introspection ----------------------------------------------------------------------------------------------------


async def test_a_client_learns_what_its_own_tokens_are_worth(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    access = (await shop().ask(http, INTROSPECT, {"token": tokens["access_token"]})).json()
    refresh = (await shop().ask(http, INTROSPECT, {"token": tokens["refresh_token"]})).json()

    assert access["active"] is True
    assert (access["token_type"], access["client_id"], access["iss"]) == ("Bearer", "shop", ISSUER)
    assert access["aud"] == f"{ISSUER}/userinfo"
    assert access["exp"] - access["iat"] == 300
    assert (refresh["active"], refresh["token_type"]) == (True, "refresh_token")


async def test_an_api_learns_about_tokens_for_itself_and_no_other(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-22."""
    api = Party("orders", "", "", auth=("orders", SHOP_SECRET))
    for_it = await signed_in(http, browser, shop(), resource=ORDERS)
    for_another = await signed_in(http, browser, shop())

    assert (await api.ask(http, INTROSPECT, {"token": for_it["access_token"]})).json()["active"] is True
    for token in (for_it["refresh_token"], for_another["access_token"], "junk", altered(for_it["access_token"])):
        assert (await api.ask(http, INTROSPECT, {"token": token})).json() == {"active": False}


async def test_what_has_ended_is_not_active(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-22."""
    tokens = await signed_in(http, browser, shop())
    spent = tokens["refresh_token"]
    tokens = (await shop().refresh(http, spent)).json()
    assert (await shop().ask(http, INTROSPECT, {"token": spent})).json() == {"active": False}

    await browser.post("/auth/v1/logout")
    await http.world.follow()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await shop().ask(http, INTROSPECT, {"token": token})).json() == {"active": False}


async def test_a_public_client_may_not_introspect(http: HttpWorld) -> None:
    """TE-22."""
    assert refused(await phone().ask(http, INTROSPECT, {"token": "x"}), "invalid_client", 401)


async def test_redis_down_introspection_answers_503(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    with http.world.outages.redis:
        answer = await shop().ask(http, INTROSPECT, {"token": tokens["refresh_token"]})

    assert refused(answer, "temporarily_unavailable", 503)


# --- userinfo ---------------------------------------------------------------------------------------------------------


async def test_userinfo_takes_the_token_in_a_header_or_a_form(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-23."""
    tokens = await signed_in(http, browser, shop())
    expected = (await userinfo(http, tokens["access_token"])).json()

    async with http.bearer(tokens["access_token"]) as client:
        by_post = await client.post("/userinfo")
        twice = await client.post("/userinfo", data={"access_token": tokens["access_token"]})
    async with http.bearer(None) as client:
        in_form = await client.post("/userinfo", data={"access_token": tokens["access_token"]})
        in_query = await client.get("/userinfo", params={"access_token": tokens["access_token"]})

    assert by_post.json() == in_form.json() == expected
    assert expected.keys() >= {"sub", "name", "email", "email_verified"}
    assert twice.status_code == 400
    assert in_query.status_code == 401


async def test_userinfo_says_no_more_than_the_scope_covers(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-23."""
    openid = await signed_in(http, browser, shop("openid"))
    nothing = await signed_in(http, browser, shop("email"))
    elsewhere = await signed_in(http, browser, shop(), resource=ORDERS)

    assert (await userinfo(http, openid["access_token"])).json().keys() == {"sub"}
    insufficient = await userinfo(http, nothing["access_token"])
    assert insufficient.status_code == 403
    assert 'error="insufficient_scope"' in insufficient.headers["www-authenticate"]
    assert (await userinfo(http, elsewhere["access_token"])).status_code == 401


# --- outages of code exchange -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["vault", "mariadb", "redis"])
async def test_an_outage_consumes_no_code(http: HttpWorld, browser: httpx.AsyncClient, part: str) -> None:
    """P7. The failure table's cells for code exchange with Vault, MariaDB and Redis down."""
    party = shop()
    code = await code_for(browser, party)

    with getattr(http.world.outages, part):
        answer = await party.redeem(http, code)
        assert refused(answer, "temporarily_unavailable", 503)

    assert (await party.redeem(http, code)).status_code == 200


@pytest.mark.parametrize("step", ["redeeming", "opening"])
async def test_a_use_that_nobody_confirmed_is_none(http: HttpWorld, browser: httpx.AsyncClient, step: str) -> None:
    """P7. It was written, and could be lost with its primary: no tokens were given for it."""
    party = shop()
    code = await code_for(browser, party)

    with getattr(http.world.outages, step):
        for _ in range(2):
            assert refused(await party.redeem(http, code), "temporarily_unavailable", 503)

    tokens = (await party.redeem(http, code)).json()
    assert (await party.refresh(http, tokens["refresh_token"])).status_code == 200
    with http.world.outages.redeeming:
        assert refused(await party.redeem(http, code), "temporarily_unavailable", 503)
    assert refused(await party.redeem(http, code), "invalid_grant")


async def test_mariadb_down_refresh_works_for_every_client(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await signed_in(http, browser, shop())

    with http.world.outages.mariadb:
        assert (await shop().refresh(http, tokens["refresh_token"])).status_code == 200
