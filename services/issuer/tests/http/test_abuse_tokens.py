"""Attacks on tokens and cookies, over HTTP: thieves, strangers, forgers, and sessions that have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from issuer_http import BROWSER, HttpWorld, problem, sign_in
from issuer_world import ISSUER, PASSWORD
from paseport.secret import Secret
from paseport_shared.domain.models.refresh_token import RefreshTokenKey

REFRESH, SESSION = "__Host-paseport-refresh", "__Host-paseport-session"
COOKIE_ROUTES = ("/auth/v1/login/local", "/auth/v1/refresh", "/auth/v1/logout")
NEW_PASSWORD = "another good password"


async def with_cookies(http: HttpWorld, path: str, cookies: dict[str, str]) -> httpx.Response:
    """Use stolen cookies from another browser."""
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    async with http.browser(Cookie=header) as thief:
        return await thief.post(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:40] + ("A" if token[40] != "A" else "B") + token[41:],
        lambda token: token.replace("v4.public.", "v3.public.", 1),
        lambda token: token.replace("v4.public.", "v2.public.", 1),
        lambda token: token.replace("v4.public.", "v4.local.", 1),
        lambda token: token.replace("v4.public.", "V4.public.", 1),
        lambda token: token.rpartition(".")[0],
        lambda token: token + ".x.y",
        lambda token: token + "=",
        lambda token: token + "A" * 4_096,
        lambda token: token + "\u00a0",
        lambda token: "v4.public..",
        lambda token: "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        lambda token: "prt_" + "0" * 22 + "_0_" + "0" * 43 + "_000000",
    ],
)
async def test_what_is_no_access_token_manages_nobody(http: HttpWorld, spoil: Callable[[str], str]) -> None:
    """TK-02, TK-03, TK-04, TK-10, TK-11, TK-13, TK-26: the issuer verifies with the same gate as everybody."""
    await http.world.add_user("root", roles=("Admin",))
    spoilt = spoil(await http.token("root"))
    async with http.bearer(None) as stranger:
        answer = await stranger.get("/users/v1", headers=[(b"Authorization", f"Bearer {spoilt}".encode())])

    assert answer.status_code == 401
    assert problem(answer)["code"] == "invalid_token"
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="paseport", error="invalid_token", error_description="The access token is not valid."'
    )


async def test_credentials_of_one_kind_are_none_of_another(http: HttpWorld) -> None:
    """TK-04: a refresh token is no access token, and neither is a cookie or a reset link; nor the other way round."""
    await http.world.add_user("root", roles=("Admin",))
    async with http.browser() as browser:
        access_token = (await sign_in(browser, "root")).json()["access_token"]
        cookies = dict(browser.cookies)
        for other in (*cookies.values(), f"{cookies[REFRESH]}.{access_token}"):
            async with http.bearer(other) as client:
                assert (await client.get("/users/v1")).status_code == 401

    for value in (access_token, cookies[SESSION]):
        assert (await with_cookies(http, "/auth/v1/refresh", {REFRESH: value})).status_code == 400
    async with http.bearer(None) as client:
        for value in cookies.values():
            body = {"token": value, "password": NEW_PASSWORD}
            assert (await client.post("/auth/v1/password/reset", json=body)).status_code == 400


async def test_an_access_token_counts_in_its_header_alone(http: HttpWorld) -> None:
    """TK-01, DT-06: not in the query, a cookie or the body, where logs and other sites find it."""
    await http.world.add_user("root", roles=("Admin",))
    token = await http.token("root")
    async with http.bearer(None) as client:
        answers = [
            await client.get("/users/v1", params={"access_token": token}),
            await client.get("/users/v1", headers={"Cookie": f"access_token={token}; Authorization=Bearer {token}"}),
            await client.request("GET", "/users/v1", data={"access_token": token}),
            await client.get("/users/v1", headers={"X-Forwarded-Authorization": f"Bearer {token}"}),
        ]

    assert {(answer.status_code, problem(answer)["code"]) for answer in answers} == {(401, "authentication_required")}


async def test_a_stolen_refresh_token_ends_the_family_and_the_effect_outlives_the_refusal(http: HttpWorld) -> None:
    """TE-11: the thief is late; thief and owner are out, the owner's other device stays."""
    await http.world.add_user()
    async with http.browser() as owner, http.browser() as other_device:
        await sign_in(owner)
        await sign_in(other_device)
        stolen = dict(owner.cookies)
        fresh = (await owner.post("/auth/v1/refresh")).json()["access_token"]
        http.world.clock.advance(timedelta(seconds=11))

        assert (await with_cookies(http, "/auth/v1/refresh", {REFRESH: stolen[REFRESH]})).status_code == 400

        refused = await owner.post("/auth/v1/refresh")
        assert (refused.status_code, problem(refused)["code"]) == (400, "invalid_grant")
        assert "set-cookie" not in refused.headers
        assert (await other_device.post("/auth/v1/refresh")).status_code == 200
    await http.world.follow()
    async with http.bearer(fresh) as client:
        assert (await client.get("/users/v1")).status_code == 401
    assert "refresh_token.reused" in await http.world.actions()


async def test_a_lost_answer_is_asked_for_again_over_http(http: HttpWorld) -> None:
    """TE-13, TE-12: the browser kept the old cookie, because the answer never arrived."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        before = dict(browser.cookies)
        await browser.post("/auth/v1/refresh")
        lost = browser.cookies[REFRESH]

        again = await with_cookies(http, "/auth/v1/refresh", before)

        assert again.status_code == 200
        assert again.cookies[REFRESH] == lost


async def test_a_late_copy_of_an_old_request_ends_nothing(http: HttpWorld) -> None:
    """TE-11, TE-12: s0 is still under way when s2 was handed out; its refusal clears no cookie."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        first = browser.cookies[REFRESH]
        await browser.post("/auth/v1/refresh")
        await browser.post("/auth/v1/refresh")

        late = await with_cookies(http, "/auth/v1/refresh", {REFRESH: first})

        assert (late.status_code, "set-cookie" in late.headers) == (400, False)
        assert (await browser.post("/auth/v1/refresh")).status_code == 200


async def test_strangers_refresh_tokens_end_nobodys_session(http: HttpWorld) -> None:
    """TE-10: a family's id stands in access tokens; with it alone nothing can be refreshed or ended."""
    user = await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        (family,) = await http.world.families.list_for_user(user.id, http.world.clock.now())
        for key in (b"x" * 32, b"\0" * 32):
            for generation in (0, 1, 7):
                forged = RefreshTokenKey(Secret(key)).token(family, generation).reveal()
                assert (await with_cookies(http, "/auth/v1/refresh", {REFRESH: forged})).status_code == 400
                assert (await with_cookies(http, "/auth/v1/logout", {REFRESH: forged})).status_code == 204

        assert (await browser.post("/auth/v1/refresh")).status_code == 200
    assert "refresh_token.reused" not in await http.world.actions()


@pytest.mark.parametrize("end", ["sign-out", "everywhere", "disabled", "deleted", "reset", "idle", "absolute"])
async def test_nothing_of_a_session_that_ended_works(http: HttpWorld, end: str) -> None:
    """TE-15, TE-16, BF-11, BF-12, AD-07, LG-22: stolen cookies and tokens, by the server's clock."""
    user = await http.world.add_user("alice", roles=("Admin",))
    await http.world.add_user("root", roles=("Admin",))
    path, tag = f"/users/v1/{user.id}", {"If-Match": '"1"'}
    async with http.browser() as browser, http.bearer(await http.token("root")) as admin:
        token = (await sign_in(browser)).json()["access_token"]
        stolen = dict(browser.cookies)
        match end:
            case "sign-out":
                await browser.post("/auth/v1/logout")
            case "everywhere":
                await browser.post("/auth/v1/logout", params={"all": "true"})
            case "disabled":
                assert (await admin.patch(path, json={"disabled": True}, headers=tag)).status_code == 200
            case "deleted":
                assert (await admin.delete(path, headers=tag)).status_code == 204
            case "reset":
                url = (await admin.post(f"{path}/password-reset")).json()["url"]
                body = {"token": url.partition("#token=")[2], "password": NEW_PASSWORD}
                assert (await browser.post("/auth/v1/password/reset", json=body)).status_code == 204
            case "idle":
                http.world.clock.advance(timedelta(hours=12))
            case "absolute":
                for _ in range(60):
                    http.world.clock.advance(timedelta(hours=11, minutes=59))
                    await browser.post("/auth/v1/refresh")
                stolen = dict(browser.cookies)
                http.world.clock.advance(timedelta(hours=1))
    await http.world.follow()

    for cookies in (stolen, {REFRESH: stolen[REFRESH]}):
        refused = await with_cookies(http, "/auth/v1/refresh", cookies)
        assert (refused.status_code, problem(refused)["code"]) == (400, "invalid_grant")
        assert (await with_cookies(http, "/auth/v1/logout", cookies)).status_code == 204
    async with http.bearer(token) as client:
        assert (await client.get("/users/v1")).status_code == 401


async def test_every_answer_with_a_token_is_for_its_reader_alone(http: HttpWorld) -> None:
    """TE-20: not stored, JSON, and no origin but ours may read it."""
    await http.world.use.ensure_accounts(email="admin@example.com", password=PASSWORD, with_cli=True)
    await http.world.add_user()
    cli_secret = http.world.settings.cli_secret
    assert cli_secret is not None
    async with http.browser() as browser, http.inside(cli_secret.reveal()) as command_line:
        foreign = {"Origin": "https://evil.example"}
        answers = [
            await sign_in(browser),
            await browser.post("/auth/v1/refresh"),
            await command_line.post("/internal/v1/cli-token", headers=foreign),
        ]

    for answer in answers:
        assert answer.status_code == 200
        assert answer.json()["token_type"] == "Bearer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "refresh_token" not in answer.text


@pytest.mark.parametrize("path", COOKIE_ROUTES)
@pytest.mark.parametrize(
    "csrf",
    [[], [b""], [b"0"], [b"2"], [b"true"], [b"11"], [b"1 1"], [b"1,1"], [b"\xef\xbc\x91"], [b"1", b"1"], [b"x" * 64]],
)
async def test_the_header_against_forgery_is_one_constant(http: HttpWorld, path: str, csrf: list[bytes]) -> None:
    """BF-03, BF-02, BF-08: there is no token to steal or to mix up; anything but the one value is refused."""
    await http.world.add_user()
    async with http.browser() as browser:
        await sign_in(browser)
        before = dict(browser.cookies)
        headers = [(b"Origin", ISSUER.encode()), *((b"X-CSRF", value) for value in csrf)]
        del browser.headers["X-CSRF"]
        body = {"username": "alice", "password": PASSWORD.reveal()}

        answer = await browser.post(path, json=body, headers=headers)

        assert (answer.status_code, problem(answer)["code"]) == (403, "origin_refused")
        assert "set-cookie" not in answer.headers
        assert dict(browser.cookies) == before
        assert (await browser.post("/auth/v1/refresh", headers=BROWSER)).status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example", "%2f%2fevil"]
)
async def test_no_answer_leads_anywhere_that_a_client_named(http: HttpWorld, target: str) -> None:
    """BF-10, AZ-23: signing in, refreshing and signing out take no return address."""
    await http.world.add_user()
    query = dict.fromkeys(("next", "rd", "return_to", "redirect_uri", "url", "continue"), target)
    body = {"username": "alice", "password": PASSWORD.reveal()}
    async with http.browser() as browser:
        answers = [
            await browser.post("/auth/v1/login/local", params=query, json=body),
            await browser.post("/auth/v1/refresh", params=query),
            await browser.post("/auth/v1/logout", params=query),
        ]
        refused = await browser.post("/auth/v1/login/local", json={**body, "next": target})

    for answer in answers:
        assert answer.is_success
        assert "location" not in answer.headers
        assert "evil" not in answer.text
    assert refused.status_code == 400


async def test_many_devices_sign_out_everywhere_while_they_refresh(http: HttpWorld) -> None:
    """TE-17, TE-15: whatever a refresh was doing when "everywhere" was pressed, nothing can be refreshed afterwards."""
    await http.world.add_user()
    devices = []
    for _ in range(5):
        async with http.browser() as browser:
            await sign_in(browser)
            devices.append(dict(browser.cookies))

    refreshing = [with_cookies(http, "/auth/v1/refresh", cookies) for cookies in devices * 4]
    answers = await asyncio.gather(
        *refreshing[:10], with_cookies(http, "/auth/v1/logout?all=true", devices[0]), *refreshing[10:]
    )

    assert answers[10].status_code == 204
    assert {answer.status_code for answer in answers} <= {200, 204, 400}
    successors = [answer.cookies[REFRESH] for answer in answers if answer.status_code == 200]
    for token in [*successors, *(cookies[REFRESH] for cookies in devices)]:
        assert (await with_cookies(http, "/auth/v1/refresh", {REFRESH: token})).status_code == 400
