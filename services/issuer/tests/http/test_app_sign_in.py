"""The app signs in through the authorization endpoint (BFF), and clients sign people out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, sign_in
from relying_party import Party, answer_of, code_for, phone, running_provider, shop, sign_in_for, transaction_of

CALLBACK = "/auth/v1/callback"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_provider(tmp_path) as http:
        await http.world.add_user("alice", roles=("User",))
        yield http


@pytest.fixture
async def browser(http: HttpWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with http.browser() as browser:
        yield browser


async def followed(browser: httpx.AsyncClient, response: httpx.Response) -> httpx.Response:
    """Go where a redirect leads, on this origin."""
    assert response.status_code == 303
    location = response.headers["location"]
    return await browser.get(location)


async def begun(browser: httpx.AsyncClient, **parameters: str) -> httpx.Response:
    """Open the app's sign-in and go on to its sign-in page."""
    return await followed(browser, await browser.get("/auth/v1/login", params=parameters))


# --- the app ----------------------------------------------------------------------------------------------------------


async def test_the_app_signs_in_and_goes_on_where_it_was(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    asked = await begun(browser, return_to="/users?page=2", login_hint="alice")
    shown = (await browser.get(f"/auth/v1/transactions/{transaction_of(asked)}")).json()

    back = await followed(browser, await sign_in_for(browser, asked))

    assert shown["client"]["first_party"] is True
    assert shown["login_hint"] == "alice"
    assert back.status_code == 303
    assert back.headers["location"] == "/users?page=2"
    cookie = back.headers["set-cookie"]
    assert cookie.startswith("__Host-paseport-refresh=prt_")
    assert "SameSite=strict" in cookie
    assert (await browser.post("/auth/v1/refresh")).status_code == 200


async def test_no_token_is_in_any_address_or_body_on_the_way(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """BF-01."""
    seen: list[str] = []
    response = await browser.get("/auth/v1/login")
    while response.status_code == 303:
        seen.append(response.headers["location"] + response.text)
        if response.headers["location"].startswith("/login?"):
            response = await sign_in_for(browser, response)
        elif response.headers["location"] == "/":
            break
        else:
            response = await browser.get(response.headers["location"])

    assert len(seen) == 4
    assert not [text for text in seen if "v4.public" in text or "prt_" in text or "eyJ" in text]


async def test_who_is_signed_in_already_is_back_at_once(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)

    back = await followed(browser, await begun(browser, return_to="/users"))

    assert back.headers["location"] == "/users"


@pytest.mark.parametrize(
    "return_to",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie: x=y\r\nX: y",
        "evil",
        "",
        "/" + "x" * 1_000,
        "/ünï",
    ],
    ids=lambda text: text[:20],
)
async def test_a_way_back_that_is_not_ours_leads_home(
    http: HttpWorld, browser: httpx.AsyncClient, return_to: str
) -> None:
    """AZ-23."""
    await sign_in(browser)

    back = await followed(browser, await begun(browser, return_to=return_to))

    assert back.headers["location"] == "/"


async def test_a_sign_in_is_completed_in_the_browser_that_began_it(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """Login CSRF: somebody else's callback signs nobody in (BF-08)."""
    callback = (await sign_in_for(browser, await begun(browser))).headers["location"]
    async with http.browser() as victim:
        await victim.get("/auth/v1/login")

        refused = await victim.get(callback)

        assert refused.status_code == 404
        assert "set-cookie" not in refused.headers
    assert (await browser.get(callback)).status_code == 303


async def test_a_callback_that_was_altered_is_refused(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    callback = (await sign_in_for(browser, await begun(browser, return_to="/users"))).headers["location"]
    answer = answer_of(await browser.get("/auth/v1/login"))
    good = dict(httpx.URL(callback).params)

    for changes in (
        {"state": ""},
        {"state": answer["state"] + "x"},
        {"iss": "https://evil.example"},
        {"iss": ""},
    ):
        refused = await browser.get(CALLBACK, params={**good, **changes})
        assert refused.status_code == 404
        assert "location" not in refused.headers
    assert (await browser.get(CALLBACK, params={**good, "code": "pac_junk"})).status_code == 400
    assert (await browser.get(callback)).headers["location"] == "/users"
    assert (await browser.get(callback)).status_code == 400, "the code is used up"


async def test_a_sign_in_that_ends_without_a_code_says_so(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    begin = answer_of(await browser.get("/auth/v1/login"))
    error = {"state": begin["state"], "iss": "https://auth.example.com", "error": "access_denied"}

    refused = await browser.get(CALLBACK, params=error)

    assert refused.status_code == 401
    assert refused.headers["content-type"].startswith("text/html")
    assert "www-authenticate" not in refused.headers


# --- signing out at a client's request --------------------------------------------------------------------------------


async def tokens_of(http: HttpWorld, browser: httpx.AsyncClient, party: Party) -> dict[str, Any]:
    tokens: dict[str, Any] = (await party.redeem(http, await code_for(browser, party))).json()
    return tokens


async def is_signed_in(browser: httpx.AsyncClient) -> bool:
    """Whether a client that asks silently gets a code."""
    response = await browser.get("/oauth2/authorize", params=phone().request(prompt="none"))
    return "code" in answer_of(response)


async def test_a_client_signs_its_user_out_and_gets_the_browser_back(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    tokens = await tokens_of(http, browser, shop())
    request = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": "https://shop.example/bye",
        "state": "s t",
    }

    answer = await browser.get("/oauth2/logout", params=request)

    assert answer.headers["location"] == "https://shop.example/bye?state=s+t"
    assert not await is_signed_in(browser)
    assert (await shop().refresh(http, tokens["refresh_token"])).status_code == 400


async def test_a_client_may_ask_by_post(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await tokens_of(http, browser, shop())

    posted = await browser.post("/oauth2/logout", data={"id_token_hint": tokens["id_token"], "unknown": "x"})

    assert "set-cookie" not in posted.headers
    answer = await browser.get(posted.headers["location"])
    assert answer.headers["location"] == "/signed-out"
    assert not await is_signed_in(browser)


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token_hint": None},
        {"id_token_hint": "e30.e30.e30"},
        {"id_token_hint": None, "client_id": "shop"},
        {"client_id": "wiki"},
        {"post_logout_redirect_uri": "https://shop.example/bye/"},
        {"post_logout_redirect_uri": "https://evil.example"},
        {"post_logout_redirect_uri": "https://shop.example/cb"},
    ],
    ids=str,
)
async def test_whatever_is_doubtful_has_to_be_confirmed(
    http: HttpWorld, browser: httpx.AsyncClient, changes: dict[str, str | None]
) -> None:
    """TE-25: never a redirect, never a silent sign-out."""
    tokens = await tokens_of(http, browser, shop())
    asked = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": "https://shop.example/bye",
        "client_id": "shop",
        **changes,
    }
    request = {name: value for name, value in asked.items() if value is not None}

    answer = await browser.get("/oauth2/logout", params=request)

    assert answer.headers["location"].startswith("/sign-out?")
    assert "set-cookie" not in answer.headers
    assert await is_signed_in(browser)
    confirmed = await browser.post("/auth/v1/logout/confirm", json=answer_of(answer))
    assert confirmed.json() == {"continue": "/signed-out"}
    assert not await is_signed_in(browser)


async def test_another_sessions_token_signs_nobody_out(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """TE-25."""
    async with http.browser() as other:
        foreign = await tokens_of(http, other, shop())
    await sign_in(browser)

    answer = await browser.get("/oauth2/logout", params={"id_token_hint": foreign["id_token"]})

    assert answer.headers["location"].startswith("/sign-out?")
    assert await is_signed_in(browser)


async def test_redis_down_nobody_is_told_that_they_are_signed_out(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    tokens = await tokens_of(http, browser, shop())

    with http.world.outages.redis:
        answer = await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})

    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers
    assert await is_signed_in(browser)
