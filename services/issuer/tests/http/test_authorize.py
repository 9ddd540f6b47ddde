"""The authorization endpoint over HTTP (RFC 6749 §4.1, OIDC Core §3.1.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ISSUER
from relying_party import (
    agree_for,
    answer_of,
    code_for,
    phone,
    running_provider,
    shop,
    sign_in_for,
    transaction_of,
    wiki,
)

AUTHORIZE = "/oauth2/authorize"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_provider(tmp_path) as http:
        await http.world.add_user("alice", roles=("User",))
        await http.world.add_user("bob")
        yield http


@pytest.fixture
async def browser(http: HttpWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with http.browser() as browser:
        yield browser


def shows_a_page(response: httpx.Response, status: int = 400) -> bool:
    """Whether somebody is told, on a page, and sent nowhere."""
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    return response.status_code == status


# --- the way through --------------------------------------------------------------------------------------------------


async def test_somebody_signs_in_agrees_and_comes_back_with_a_code(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    party = shop()

    asked = await browser.get(AUTHORIZE, params=party.request())
    assert asked.headers["location"].startswith("/login?transaction=")
    assert asked.headers["set-cookie"].startswith("__Host-paseport-txn=")
    signed_in = await sign_in_for(browser, asked)
    agreed = await agree_for(browser, signed_in)

    assert agreed.headers["location"].startswith("https://shop.example/cb?code=pac_")
    answer = answer_of(agreed)
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == (party.state, ISSUER)
    assert agreed.headers["cache-control"] == "no-store"
    assert agreed.headers["referrer-policy"] == "no-referrer"


async def test_who_is_signed_in_and_has_agreed_is_not_asked_again(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    await code_for(browser, shop())

    again = await browser.get(AUTHORIZE, params=shop().request())

    assert again.headers["location"].startswith("https://shop.example/cb?code=")


async def test_a_client_that_asks_for_more_has_to_ask_the_user_again(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    await code_for(browser, shop("openid"))

    more = await browser.get(AUTHORIZE, params=shop("openid email").request())

    assert more.headers["location"].startswith("/consent?transaction=")


async def test_a_first_party_client_needs_no_consent(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-24."""
    asked = await browser.get(AUTHORIZE, params=phone().request())

    answer = answer_of(await sign_in_for(browser, asked))

    assert answer["code"].startswith("pac_")


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1:53682/cb", "com.example.phone:/cb"])
async def test_a_program_that_may_be_anybody_gets_nothing_without_the_person(
    http: HttpWorld, browser: httpx.AsyncClient, redirect_uri: str
) -> None:
    """RFC 8252 §8.6, AZ-24: whoever runs on the machine could ask in this name; an https address belongs to one."""
    party = phone(redirect_uri=redirect_uri)
    asked = await browser.get(AUTHORIZE, params=party.request())
    assert answer_of(await sign_in_for(browser, asked))["code"], "typing the password was an answer"

    for _ in range(2):
        again = await browser.get(AUTHORIZE, params=party.request())
        silent = await browser.get(AUTHORIZE, params=party.request(prompt="none"))
        assert answer_of(silent)["error"] == "consent_required"
        assert answer_of(await agree_for(browser, again))["code"]
    claimed = await browser.get(AUTHORIZE, params=phone().request())
    assert answer_of(claimed)["code"]


async def test_who_does_not_agree_sends_the_client_away(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    asked = await sign_in_for(browser, await browser.get(AUTHORIZE, params=shop().request()))

    answer = answer_of(await agree_for(browser, asked, approve=False))

    assert answer["error"] == "access_denied"
    assert answer["iss"] == ISSUER
    again = await browser.get(AUTHORIZE, params=shop().request())
    assert again.headers["location"].startswith("/consent?transaction=")


async def test_the_pages_learn_who_waits_for_what(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    asked = await browser.get(AUTHORIZE, params=shop().request(login_hint="alice"))

    shown = await browser.get(f"/auth/v1/transactions/{transaction_of(asked)}")

    assert shown.json() == {
        "client": {"client_id": "shop", "name": "The shop", "first_party": False},
        "scope": ["openid", "profile", "email"],
        "host": "shop.example",
        "login_hint": "alice",
        "username": None,
    }


async def test_several_sign_ins_in_one_browser_do_not_disturb_each_other(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    first, second = shop(), phone()
    one = await browser.get(AUTHORIZE, params=first.request())
    other = await browser.get(AUTHORIZE, params=second.request())

    answer = answer_of(await agree_for(browser, await sign_in_for(browser, one)))
    also = answer_of(await browser.get(f"/oauth2/authorize/continue?transaction={transaction_of(other)}"))

    assert answer["state"] == first.state
    assert also["state"] == second.state


async def test_a_client_may_ask_by_post_and_proves_nothing_by_it(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """Design §4: it goes on as a GET."""
    party = phone()
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    posted = await browser.post(AUTHORIZE, content=urlencode(party.request()), headers=form)

    assert posted.status_code == 303
    assert "set-cookie" not in posted.headers
    asked = await browser.get(posted.headers["location"])
    assert answer_of(await sign_in_for(browser, asked))["state"] == party.state


async def test_an_answer_may_be_posted_to_the_client(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    party = phone(redirect_uri="https://phone.example/cb")
    party.state = '"><script>alert(1)</script>'
    asked = await browser.get(AUTHORIZE, params=party.request(response_mode="form_post"))

    page = await sign_in_for(browser, asked)

    assert page.status_code == 200
    assert '<form method="post" action="https://phone.example/cb">' in page.text
    assert 'name="code" value="pac_' in page.text
    assert "<script>alert" not in page.text
    assert "&quot;&gt;&lt;script&gt;" in page.text
    assert "script-src 'sha256-" in page.headers["content-security-policy"]


async def test_a_registered_query_is_kept(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    party = shop()
    party.redirect_uri = "https://shop.example/cb?kept=1"
    asked = await sign_in_for(browser, await browser.get(AUTHORIZE, params=party.request()))

    agreed = await agree_for(browser, asked)

    assert agreed.headers["location"].startswith("https://shop.example/cb?kept=1&code=")


# --- whose request it is: a page, never a redirect --------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["nobody", "closed", "", None, "SHOP", "shop ", "x" * 5_000])
async def test_an_unknown_or_disabled_client_gets_a_page(
    http: HttpWorld, browser: httpx.AsyncClient, client_id: str | None
) -> None:
    """AZ-01."""
    request = shop().request(client_id=client_id, redirect_uri="https://closed.example/cb")

    assert shows_a_page(await browser.get(AUTHORIZE, params=request))


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "",
        "https://shop.example/CB",
        "https://shop.example/cb/",
        "https://shop.example/cb?x=1",
        "https://shop.example/cb#x",
        "https://shop.example:443/cb",
        "https://shop.example:8443/cb",
        "http://shop.example/cb",
        "https://evil.example/cb",
        "https://shop.example.evil.example/cb",
        "https://shop.example@evil.example/cb",
        "//shop.example/cb",
        "https://shop.example/cb\\@evil.example",
        "javascript:alert(1)",
    ],
)
async def test_a_redirect_uri_that_is_not_registered_gets_a_page(
    http: HttpWorld, browser: httpx.AsyncClient, redirect_uri: str | None
) -> None:
    """AZ-02."""
    assert shows_a_page(await browser.get(AUTHORIZE, params=shop().request(redirect_uri=redirect_uri)))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_who_is_named_twice_is_nobody(http: HttpWorld, browser: httpx.AsyncClient, name: str) -> None:
    request = shop().request()

    assert shows_a_page(await browser.get(AUTHORIZE, params=[*request.items(), (name, request[name])]))


@pytest.mark.parametrize(
    ("redirect_uri", "is_ours"),
    [
        ("http://127.0.0.1:53682/cb", True),
        ("http://127.0.0.1/cb", True),
        ("https://phone.example/cb", True),
        ("com.example.phone:/cb", True),
        ("http://localhost:53682/cb", False),
        ("http://127.0.0.1:53682/other", False),
        ("http://127.0.0.1:x/cb", False),
        ("http://127.0.0.1:53682@evil.example/cb", False),
        ("http://127.0.0.1.evil.example/cb", False),
        ("http://127.0.0.2:53682/cb", False),
        ("https://127.0.0.1:53682/cb", False),
        ("https://phone.example:8443/cb", False),
    ],
)
async def test_a_native_client_listens_on_any_port_of_this_machine(
    http: HttpWorld, browser: httpx.AsyncClient, redirect_uri: str, is_ours: bool
) -> None:
    """AZ-04, RFC 8252 §7.3."""
    response = await browser.get(AUTHORIZE, params=phone(redirect_uri=redirect_uri).request())

    assert (response.status_code == 303) is is_ours
    assert is_ours or shows_a_page(response)


# --- what is wrong with a request: told to the client ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "unheard-of"}, "invalid_scope"),
        ({"scope": 'openid "'}, "invalid_scope"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": "openid roles"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge": "x" * 44}, "invalid_request"),
        ({"code_challenge": "x" * 42 + "="}, "invalid_request"),
        ({"request": "e30."}, "request_not_supported"),
        ({"request_uri": "https://shop.example/request"}, "request_uri_not_supported"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "NaN"}, "invalid_request"),
        ({"max_age": "1" * 30}, "invalid_request"),
        ({"id_token_hint": "e30.e30.e30"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": f"{ISSUER}/api"}, "invalid_target"),
        ({"nonce": "n" * 513}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_wrong_is_told_to_the_client(
    http: HttpWorld, browser: httpx.AsyncClient, changes: dict[str, str | None], error: str
) -> None:
    """AZ-06, AZ-07, AZ-09, AZ-10, AZ-13, AZ-14, AZ-16, AZ-17, AZ-22."""
    party = shop()

    response = await browser.get(AUTHORIZE, params=party.request(**changes))

    assert response.headers["location"].startswith("https://shop.example/cb?error=")
    answer = answer_of(response)
    assert answer["error"] == error
    assert (answer["state"], answer["iss"]) == (party.state, ISSUER)


async def test_a_repeated_parameter_is_refused(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """RFC 6749 §3.1."""
    for name in ("scope", "nonce", "code_challenge", "unheard_of"):
        request = [*shop().request().items(), (name, "x"), (name, "x")]
        assert answer_of(await browser.get(AUTHORIZE, params=request))["error"] == "invalid_request"


async def test_a_state_is_echoed_exactly_up_to_two_kilobytes(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-12."""
    party = phone()
    await code_for(browser, party)
    for state in ('"><script>alert(1)</script>', "ünï\x00\r\nX: y", "s" * 2_048):
        response = await browser.get(AUTHORIZE, params=party.request(state=state))
        assert answer_of(response)["state"] == state
        assert "\n" not in response.headers["location"]

    answer = answer_of(await browser.get(AUTHORIZE, params=party.request(state="s" * 2_049)))

    assert answer["error"] == "invalid_request"
    assert "state" not in answer


async def test_unknown_parameters_and_harmless_ones_are_ignored(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """OIDC Core §15.1."""
    extra = {"display": "popup", "ui_locales": "de fr", "claims_locales": "de", "acr_values": "1 2", "extra": "foobar"}
    extra["claims"] = '{"userinfo":{"name":{"essential":true}}}'

    assert await code_for(browser, phone(), **extra)


async def test_a_client_without_pkce_needs_a_nonce(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-10."""
    without = {"code_challenge": None, "code_challenge_method": None}

    assert await code_for(browser, wiki(), **without)
    refused = await browser.get(AUTHORIZE, params=wiki().request(**without, nonce=None))

    assert answer_of(refused)["error"] == "invalid_request"


# --- who is signed in -------------------------------------------------------------------------------------------------


async def test_nothing_is_shown_to_a_silent_request(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-14."""
    silent = {"prompt": "none"}

    nobody = await browser.get(AUTHORIZE, params=shop().request(**silent))
    await code_for(browser, phone())
    stranger = await browser.get(AUTHORIZE, params=shop().request(**silent))
    await code_for(browser, shop())
    known = await browser.get(AUTHORIZE, params=shop().request(**silent))

    assert answer_of(nobody)["error"] == "login_required"
    assert answer_of(stranger)["error"] == "consent_required"
    assert answer_of(known)["code"]


async def test_a_password_is_asked_for_again_where_the_client_wants_that(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    """AZ-15."""
    await code_for(browser, phone())
    http.world.clock.advance(timedelta(minutes=5))

    asked = await browser.get(AUTHORIZE, params=phone().request(prompt="login"))
    bypassed = await browser.get(f"/oauth2/authorize/continue?transaction={transaction_of(asked)}")
    signed_in = await sign_in_for(browser, asked)

    assert bypassed.headers["location"].startswith("/login")
    assert answer_of(signed_in)["code"]


async def test_a_sign_in_may_be_too_old_for_a_client(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-16."""
    await code_for(browser, phone())
    http.world.clock.advance(timedelta(seconds=3))

    young_enough = await browser.get(AUTHORIZE, params=phone().request(max_age="10000"))
    too_old = await browser.get(AUTHORIZE, params=phone().request(max_age="1"))
    never_young_enough = await browser.get(AUTHORIZE, params=phone().request(max_age="0"))

    assert answer_of(young_enough)["code"]
    for asked in (too_old, never_young_enough):
        assert answer_of(await sign_in_for(browser, asked))["code"]


async def test_a_hint_at_somebody_else_asks_who_it_is(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-17."""
    party = phone()
    tokens = (await party.redeem(http, await code_for(browser, party))).json()
    hint = {"id_token_hint": tokens["id_token"]}
    http.world.clock.advance(timedelta(hours=1))
    same = await browser.get(AUTHORIZE, params=phone().request(prompt="none", **hint))
    await sign_in_for(browser, await browser.get(AUTHORIZE, params=phone().request(prompt="login")), "bob")

    other = await browser.get(AUTHORIZE, params=phone().request(prompt="none", **hint))
    asked = await browser.get(AUTHORIZE, params=phone().request(**hint))
    wrong = await sign_in_for(browser, asked, "bob")

    assert answer_of(same)["code"], "an expired hint is a hint"
    assert answer_of(other)["error"] == "login_required"
    assert answer_of(wrong)["error"] == "login_required"


async def test_a_transaction_belongs_to_the_browser_that_began_it(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-20."""
    asked = await browser.get(AUTHORIZE, params=shop().request())
    transaction = transaction_of(asked)
    async with http.browser() as other:
        await code_for(other, phone())

        assert shows_a_page(await other.get(f"/oauth2/authorize/continue?transaction={transaction}"), 404)
        body = {"username": "alice", "password": "x", "transaction": transaction}
        refused = await other.post("/auth/v1/login/local", json=body)
        decided = await other.post(f"/auth/v1/transactions/{transaction}/consent", json={"approve": True})
        shown = await other.get(f"/auth/v1/transactions/{transaction}")

    for answer in (refused, decided, shown):
        assert problem(answer)["code"] == "unknown_transaction"


async def test_a_transaction_ends_with_its_time(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    asked = await browser.get(AUTHORIZE, params=shop().request())
    http.world.clock.advance(timedelta(minutes=31))

    late = await browser.get(f"/oauth2/authorize/continue?transaction={transaction_of(asked)}")

    assert shows_a_page(late, 404)


async def test_a_disabled_user_gets_no_code(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    user = await http.world.add_user("carol")
    await sign_in_for(browser, await browser.get(AUTHORIZE, params=phone().request()), "carol")
    await http.world.disable(user)

    asked = await browser.get(AUTHORIZE, params=phone().request())

    assert asked.headers["location"].startswith("/login")


# --- outages ----------------------------------------------------------------------------------------------------------


async def test_redis_down_the_authorization_endpoint_shows_a_page(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    with http.world.outages.redis:
        response = await browser.get(AUTHORIZE, params=shop().request())

    assert shows_a_page(response, 503)
    assert response.headers["retry-after"] == "1"


async def test_mariadb_down_a_first_party_client_still_gets_a_code(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    await code_for(browser, phone())

    with http.world.outages.mariadb:
        response = await browser.get(AUTHORIZE, params=phone().request())

    assert answer_of(response)["code"]


async def test_no_header_changes_where_anything_is(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """AZ-25."""
    spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}

    metadata = (await browser.get("/.well-known/openid-configuration", headers=spoofed)).json()
    refused = await browser.get("/.well-known/openid-configuration", headers={"Host": "evil.example"})

    assert all(ISSUER in str(value) for name, value in metadata.items() if name.endswith(("endpoint", "uri", "issuer")))
    assert refused.status_code == 400


async def test_the_page_cannot_be_framed_and_is_read_by_no_script(tmp_path: Path) -> None:
    """AZ-19: not even by a script of an origin that may read everything else."""
    spa = "https://spa.example"
    async with running_provider(tmp_path, cors_origins=(spa,)) as http, http.browser(Origin=spa) as browser:
        begun = await browser.get(AUTHORIZE, params=shop().request())
        wrong = await browser.get(AUTHORIZE)
        preflight = await browser.options(AUTHORIZE, headers={"Access-Control-Request-Method": "GET"})
        metadata = await browser.get("/.well-known/openid-configuration")

    assert metadata.headers.get_list("access-control-allow-origin") == ["*"]
    for answer in (begun, wrong, preflight):
        assert "access-control-allow-origin" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_an_address_leaves_only_so_many_requests_waiting(tmp_path: Path) -> None:
    """LG-03 for requests: each one that waits is kept for half an hour."""
    async with running_provider(tmp_path, login_attempts_per_address=3) as http, http.browser() as browser:
        for _ in range(30):
            assert (await browser.get(AUTHORIZE, params=shop().request())).status_code == 303

        refused = await browser.get(AUTHORIZE, params=shop().request())
        silent = await browser.get(AUTHORIZE, params=shop().request(prompt="none"))

    assert shows_a_page(refused, 429)
    assert int(refused.headers["retry-after"]) > 0
    assert answer_of(silent)["error"] == "login_required"
