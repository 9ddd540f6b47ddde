"""Sign-in, refresh and sign-out over HTTP: the app's browser, and pages that try to use it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from issuer_http import BROWSER, HttpWorld, problem, running_issuer, sign_in
from issuer_world import ISSUER, PASSWORD, issuer_settings
from litestar.handlers import HTTPRouteHandler
from paseport.secret import Secret
from paseport_issuer.handlers.cookies import Cookies
from paseport_shared.http.origin import requires_own_origin

UNSAFE_COOKIE_ROUTES = (
    "/auth/v1/login/local",
    "/auth/v1/refresh",
    "/auth/v1/oauth/link",
    "/auth/v1/logout",
    "/auth/v1/logout/confirm",
    "/auth/v1/transactions/{transaction_id}/consent",
)


def cookie_header(answer: httpx.Response, name: str) -> str:
    (header,) = [value for value in answer.headers.get_list("set-cookie") if value.startswith(f"{name}=")]
    return header.lower()


async def test_a_browser_signs_in_and_gets_the_token_and_two_cookies(http: HttpWorld) -> None:
    """RFC 6749 §5.1, BF-01, TE-20."""
    await http.world.add_user()

    async with http.browser() as browser:
        answer = await sign_in(browser)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    for name, samesite in (("__Host-paseport-session", "lax"), ("__Host-paseport-refresh", "strict")):
        header = cookie_header(answer, name)
        for attribute in ("httponly", "secure", "path=/", f"samesite={samesite}"):
            assert attribute in header
        assert "domain" not in header
    assert "prt_" not in answer.text
    assert "pss_" not in answer.text


@pytest.mark.parametrize("value", ["a;b", "a,b", "a b", 'a"b', "a\\b", "a=b", "ä", "a\n", "a\r\nSet-Cookie: c=d"])
def test_a_cookie_that_could_end_before_its_value_does_is_not_written(value: str) -> None:
    """BF-01: what is set is what was meant, whatever the use cases hand over one day."""
    jar = Cookies(secure=True)

    for cookie in (jar.session(Secret(value)), jar.refresh(Secret(value))):
        with pytest.raises(ValueError, match="letters, digits"):
            cookie.to_encoded_header()


async def test_refusals_look_the_same_whatever_the_cause(http: HttpWorld) -> None:
    """LG-01, LG-02: status, body and headers, but for the request id."""
    await http.world.add_user("alice")
    await http.world.add_user("passwordless", password=None)
    async with http.browser() as browser:
        answers = [
            await sign_in(browser, username, "not the right password")
            for username in ("alice", "nobody", "passwordless")
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({str(problem(answer)) for answer in answers}) == 1
    shown = [{k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")} for answer in answers]
    assert shown[0] == shown[1] == shown[2]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"null", b'{"username":"alice"}', b'{"username":"","password":"x"}',
        b'{"username":["alice"],"password":"x"}', b'{"username":"alice","password":1}',
        b'{"username":"alice","password":"x","admin":true}', b"\xff\xfe", b"[" * 100_000,
        b'{"username":"alice","password":"' + b"x" * 102_400 + b'"}',
    ],
)  # fmt: skip
async def test_a_malformed_sign_in_is_refused_without_a_hash(http: HttpWorld, body: bytes) -> None:
    """LG-03, LG-05: and the same for known and unknown users, because nobody was looked up."""
    await http.world.add_user("alice")
    computed = http.world.hasher.computed

    async with http.browser() as browser:
        answer = await browser.post("/auth/v1/login/local", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert problem(answer)["code"] == "invalid_request"
    assert http.world.hasher.computed == computed


async def test_malformed_tries_count_against_the_address(http: HttpWorld) -> None:
    """LG-03, LG-17."""
    async with http.browser() as browser:
        answers = [await browser.post("/auth/v1/login/local", content=b"{") for _ in range(101)]

    assert {answer.status_code for answer in answers[:100]} == {400}
    assert answers[100].status_code == 429
    assert 1 <= int(answers[100].headers["retry-after"]) <= 900


async def test_a_forged_forwarded_address_does_not_open_another_bucket(http: HttpWorld) -> None:
    """LG-12: the peer is no trusted proxy, so what it says of others does not count."""
    async with http.browser() as browser:
        for number in range(100):
            await browser.post(
                "/auth/v1/login/local", content=b"{", headers={"X-Forwarded-For": f"198.51.100.{number}"}
            )
        answer = await browser.post("/auth/v1/login/local", content=b"{", headers={"X-Forwarded-For": "203.0.113.9"})

    assert answer.status_code == 429


@pytest.mark.parametrize("path", UNSAFE_COOKIE_ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF": ""}, {"X-CSRF": "0"}, {"X-CSRF": "1, 1"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
        {"Origin": ISSUER.upper()}, {"Origin": f"{ISSUER}."}, {"Origin": f"{ISSUER}:8443"},
        {"Origin": "http://auth.example.com"},
    ],
)  # fmt: skip
async def test_each_unsafe_cookie_route_refuses_foreign_requests(
    http: HttpWorld, path: str, headers: dict[str, str]
) -> None:
    """BF-02, BF-05, BF-08: nothing changes, not even a counter of the session."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        before = dict(browser.cookies)

        body = {"username": "alice", "password": PASSWORD.reveal()}
        answer = await browser.post(path, json=body, headers=headers)

        assert answer.status_code == 403
        assert problem(answer)["code"] == "origin_refused"
        assert "set-cookie" not in answer.headers
        assert dict(browser.cookies) == before
        assert (await browser.post("/auth/v1/refresh")).status_code == 200


@pytest.mark.parametrize("path", UNSAFE_COOKIE_ROUTES)
async def test_without_an_origin_only_same_origin_speaks(http: HttpWorld, path: str) -> None:
    """Design §4: Sec-Fetch-Site only where Origin is absent."""
    async with http.browser() as browser:
        del browser.headers["Origin"]
        for site in ("cross-site", "same-site", "none", ""):
            answer = await browser.post(path, json={}, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
        assert (await browser.post(path, json={})).status_code == 403
        assert (await browser.post(path, json={}, headers={"Sec-Fetch-Site": "same-origin"})).status_code != 403


def test_every_unsafe_route_is_guarded_or_uses_no_cookie(http: HttpWorld) -> None:
    """Route by route: a route that is added without thinking of this fails here."""
    managed = ("/users/v1", "/clients/v1", "/verifiers/v1", "/keys/v1", "/me/v1", "/auth/v1/providers", "/api/")
    bearer_only = {route.path for route in http.public.routes if route.path.startswith(managed)}
    # They authenticate a client, a verifier, a provider or a token, or only repeat a request as a GET.
    cookieless = {"/auth/v1/password/reset", "/oauth2/authorize", "/oauth2/logout", "/userinfo"}
    cookieless |= {"/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"}
    cookieless |= {"/auth/v1/oauth/callback", "/auth/v1/oauth/callback/{provider:str}"}
    cookieless |= {"/auth/v1/oauth/backchannel-logout/{provider:str}"}
    for route in http.public.routes:
        for handler in getattr(route, "route_handlers", []):
            if not isinstance(handler, HTTPRouteHandler) or handler.http_methods <= {"GET", "HEAD", "OPTIONS"}:
                continue
            expected = route.path not in bearer_only | cookieless
            assert requires_own_origin(handler) is expected, route.path
            path = route.path.replace(":str}", "}")
            assert (path in UNSAFE_COOKIE_ROUTES) is expected, route.path


async def test_a_refresh_rotates_the_cookie(http: HttpWorld) -> None:
    await http.world.add_user()
    async with http.browser() as browser:
        first = await sign_in(browser)
        cookie = browser.cookies["__Host-paseport-refresh"]

        second = await browser.post("/auth/v1/refresh")

        assert second.status_code == 200
        assert second.json().keys() == first.json().keys()
        assert browser.cookies["__Host-paseport-refresh"] != cookie
        assert "__Host-paseport-session" not in str(second.headers.get_list("set-cookie"))


async def test_fifty_tabs_refresh_at_once_and_all_stay_signed_in(http: HttpWorld) -> None:
    """TE-12 over HTTP, many rounds."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        for _ in range(5):
            # All with the cookie of now, whoever is answered first.
            tabs = [browser.build_request("POST", "/auth/v1/refresh") for _ in range(50)]
            answers = await asyncio.gather(*(browser.send(request) for request in tabs))
            assert {answer.status_code for answer in answers} == {200}
            assert len({cookie_header(answer, "__Host-paseport-refresh") for answer in answers}) == 1


async def test_a_refusal_never_clears_a_cookie(http: HttpWorld) -> None:
    """Design §3: a losing tab must not sign out the others."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        stolen = browser.cookies["__Host-paseport-refresh"]
        await browser.post("/auth/v1/refresh")
        http.world.clock.advance(timedelta(seconds=11))

    async with http.browser(Cookie=f"__Host-paseport-refresh={stolen}") as thief:
        answer = await thief.post("/auth/v1/refresh")

    assert answer.status_code == 400
    assert problem(answer)["code"] == "invalid_grant"
    assert "set-cookie" not in answer.headers


async def test_a_refresh_without_a_cookie_asks_to_sign_in(http: HttpWorld) -> None:
    async with http.browser() as browser:
        answer = await browser.post("/auth/v1/refresh")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="paseport"'
    assert problem(answer)["code"] == "authentication_required"


@pytest.mark.parametrize("value", ["x", "prt_", "prt_" + "0" * 100, "é", "a" * 4000])
async def test_a_junk_cookie_is_refused_plainly(http: HttpWorld, value: str) -> None:
    """No 5xx whatever the browser holds."""
    async with http.browser() as browser:
        answer = await browser.post(
            "/auth/v1/refresh", headers=[("Cookie", f"__Host-paseport-refresh={value}".encode()), *BROWSER.items()]
        )

    assert answer.status_code == 400


@pytest.mark.parametrize("part", ["redis", "vault"])
async def test_an_outage_answers_503_and_the_same_cookie_works_afterwards(http: HttpWorld, part: str) -> None:
    """Design §5."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        with getattr(http.world.outages, part):
            answer = await browser.post("/auth/v1/refresh")

        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert problem(answer)["code"] == "unavailable"
        assert (await browser.post("/auth/v1/refresh")).status_code == 200


async def test_sign_out_clears_both_cookies_and_ends_the_session(http: HttpWorld) -> None:
    """BF-11."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        kept = dict(browser.cookies)

        answer = await browser.post("/auth/v1/logout")

        assert answer.status_code == 204
        assert answer.content == b""
        assert dict(browser.cookies).keys() == {"__Host-paseport-txn"}
        assert (await browser.post("/auth/v1/logout")).status_code == 204
    stolen = "; ".join(f"{name}={value}" for name, value in kept.items())
    async with http.browser(Cookie=stolen) as thief:
        assert (await thief.post("/auth/v1/refresh")).status_code == 400


async def test_sign_out_everywhere_ends_the_other_devices(http: HttpWorld) -> None:
    """TE-17."""
    await http.world.add_user()
    async with http.browser() as here, http.browser() as there:
        await sign_in(here)
        await sign_in(there)

        assert (await here.post("/auth/v1/logout", params={"all": "true"})).status_code == 204

        assert (await there.post("/auth/v1/refresh")).status_code == 400


async def test_a_failed_sign_out_keeps_the_cookies(http: HttpWorld) -> None:
    """Redis down: 503, and the browser can try again."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        with http.world.outages.redis:
            answer = await browser.post("/auth/v1/logout")

        assert answer.status_code == 503
        assert "set-cookie" not in answer.headers
        assert (await browser.post("/auth/v1/logout")).status_code == 204
        assert (await browser.post("/auth/v1/refresh")).status_code == 401


async def test_get_changes_nothing(http: HttpWorld) -> None:
    """BF-02."""
    async with http.browser() as browser:
        for path in (*UNSAFE_COOKIE_ROUTES, "/auth/v1/password/reset"):
            answer = await browser.get(path)
            assert answer.status_code == 405
            assert "POST" in answer.headers["allow"]
            assert problem(answer)["code"] == "method_not_allowed"


async def test_insecure_cookies_exist_in_embedded_mode_alone(tmp_path: Path) -> None:
    async with running_issuer(tmp_path, issuer_settings(cookie_secure=False)) as http:
        await http.world.add_user()
        async with http.browser() as browser:
            answer = await sign_in(browser)

    header = cookie_header(answer, "paseport-session")
    assert "secure" not in header
    assert "httponly" in header


async def test_a_foreign_page_cannot_spend_the_tries_of_its_visitors(http: HttpWorld) -> None:
    """BF-05, LG-11: a simple cross-site POST needs no preflight, so it must not count."""
    async with http.browser() as visitor:
        del visitor.headers["X-CSRF"]
        for origin in ("https://evil.example", "null"):
            for _ in range(101):
                answer = await visitor.post("/auth/v1/password/reset", content=b"x", headers={"Origin": origin})
                assert (answer.status_code, problem(answer)["code"]) == (403, "origin_refused")

    await http.world.add_user()
    async with http.browser() as visitor:
        assert (await sign_in(visitor)).status_code == 200
