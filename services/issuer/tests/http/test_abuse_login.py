"""Attacks on signing in, over HTTP: guessing, stuffing, planting, flooding."""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem, sign_in
from issuer_world import PASSWORD
from paseport.secret import Secret

WRONG = "a wrong password of some length"
REFRESH, SESSION = "__Host-paseport-refresh", "__Host-paseport-session"


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Everything of a refusal that anybody could compare, but for the request id and the date."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    return answer.status_code, headers, problem(answer)


@asynccontextmanager
async def busy_hashing(http: HttpWorld) -> AsyncIterator[None]:
    """Fill every hashing thread and every place in the queue."""
    hasher = http.world.hasher
    gate = threading.Event()
    while_full = [asyncio.create_task(hasher._pool.run(gate.wait)) for _ in range(hasher.capacity + 32)]
    await asyncio.sleep(0)  # every task runs up to its place
    assert hasher.waiting == 32
    try:
        yield
    finally:
        gate.set()
        await asyncio.gather(*while_full)


@pytest.mark.parametrize("length", [1_025, 102_400])
async def test_a_huge_password_is_refused_alike_for_known_and_unknown_users(http: HttpWorld, length: int) -> None:
    """LG-05."""
    await http.world.add_user("alice")
    computed = http.world.hasher.computed
    async with http.browser() as browser:
        answers = [await sign_in(browser, name, "x" * length) for name in ("alice", "nobody")]

    assert shown(answers[0]) == shown(answers[1])
    assert answers[0].status_code == 400
    assert http.world.hasher.computed == computed


async def test_no_verdict_is_remembered_under_anything_made_of_name_and_password(http: HttpWorld) -> None:
    """LG-06: each try is hashed, and pairs that would join to one text are different pairs."""
    await http.world.add_user("alice", password=Secret("bcorrect horse battery"))
    async with http.browser() as browser:
        for name, password, expected in (
            ("alice", "bcorrect horse battery", 200),
            ("aliceb", "correct horse battery", 401),
            ("alic", "ebcorrect horse battery", 401),
            ("alice", "bcorrect horse battery", 200),
        ):
            computed = http.world.hasher.computed
            assert (await sign_in(browser, name, password)).status_code == expected
            assert http.world.hasher.computed == computed + 1


async def test_a_name_that_spells_an_id_shares_no_counter_with_the_account(http: HttpWorld) -> None:
    """LG-06, LG-11: nobody locks an account out by guessing under a name made of its id."""
    user = await http.world.add_user("alice")
    async with http.browser() as browser:
        for name in (str(user.id), f"account:{user.id}", f"login:account:{user.id}"):
            for _ in range(11):
                last = await sign_in(browser, name, WRONG)
            assert last.status_code == 429

        assert (await sign_in(browser)).status_code == 200


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
async def test_every_spelling_of_one_password_signs_in(http: HttpWorld, form: Any) -> None:
    """LG-08: NFKC once, before hashing; full-width letters and ligatures included."""
    await http.world.add_user(password=Secret("Größenwahn ﬁnal Ｐａｓｓ"))
    async with http.browser() as browser:
        answer = await sign_in(browser, "alice", unicodedata.normalize(form, "Größenwahn ﬁnal Ｐａｓｓ"))

    assert answer.status_code == 200


@pytest.mark.parametrize("difference", ["case", "space", "byte 73", "last of 1,024"])
async def test_a_password_that_differs_anywhere_never_signs_in(http: HttpWorld, difference: str) -> None:
    """LG-04, LG-08: all of a password counts, beyond bcrypt's 72 bytes too."""
    right = "correct horse battery staple " * 35
    wrong = {
        "case": right.upper(), "space": right.strip(), "byte 73": right[:72] + "X" + right[73:],
        "last of 1,024": right[:-1] + "X",
    }[difference]  # fmt: skip
    assert wrong != right
    await http.world.add_user(password=Secret(right))
    async with http.browser() as browser:
        assert (await sign_in(browser, "alice", wrong)).status_code == 401
        assert (await sign_in(browser, "alice", right)).status_code == 200


@pytest.mark.parametrize("junk", ["\ud800", "\x00", "a\x00", "\u202e", "%", "' OR 1=1 --", "*", "\n"])
async def test_no_name_and_no_password_is_an_exception(http: HttpWorld, junk: str) -> None:
    """LG-03: half surrogates, NUL, metacharacters are wrong like any other."""
    await http.world.add_user("alice")
    body = '{"username":%s,"password":%s}'
    async with http.browser() as browser:
        for name, password in ((junk, WRONG), ("alice", junk * 3)):
            content = (body % tuple(ascii_json(text) for text in (name, password))).encode()
            answer = await browser.post("/auth/v1/login/local", content=content)
            assert answer.status_code in (400, 401)
            problem(answer)


def ascii_json(text: str) -> str:
    """Return a JSON string that spells everything as an escape."""
    return '"' + "".join(f"\\u{ord(character):04x}" for character in text) + '"'


async def test_a_limited_account_and_a_limited_name_that_nobody_has_look_the_same(http: HttpWorld) -> None:
    """LG-16: Retry-After, and nothing that tells which of the two exists."""
    await http.world.add_user("alice")
    async with http.browser() as browser:
        for name in ("alice", "nobody"):
            for _ in range(10):
                assert (await sign_in(browser, name, WRONG)).status_code == 401
        answers = [await sign_in(browser, name, WRONG) for name in ("alice", "ALICE@example.com", "nobody", "Nobody")]

        assert {answer.status_code for answer in answers} == {429}
        assert len({str(shown(answer)) for answer in answers}) == 1
        assert int(answers[0].headers["retry-after"]) == 900
        http.world.clock.advance(timedelta(seconds=901))
        assert (await sign_in(browser)).status_code == 200


async def test_a_limit_that_cannot_be_counted_lets_nobody_in(http: HttpWorld) -> None:
    """LG-16: Redis down is 503, never unlimited."""
    await http.world.add_user("alice")
    computed = http.world.hasher.computed
    async with http.browser() as browser:
        with http.world.outages.redis:
            answers = [await sign_in(browser, name) for name in ("alice", "nobody")]

    assert {answer.status_code for answer in answers} == {503}
    assert shown(answers[0]) == shown(answers[1])
    assert http.world.hasher.computed == computed


async def test_one_password_for_many_users_is_limited_by_the_address(http: HttpWorld) -> None:
    """LG-17: credential stuffing; success in between resets nothing."""
    await http.world.add_user("mallory")
    async with http.browser() as attacker:
        for number in range(99):
            assert (await sign_in(attacker, f"user{number}", WRONG)).status_code == 401
        assert (await sign_in(attacker, "mallory")).status_code == 200

        assert (await sign_in(attacker, "one-more", WRONG)).status_code == 429
        assert (await sign_in(attacker, "mallory")).status_code == 429


async def test_a_planted_session_is_not_used(http: HttpWorld) -> None:
    """LG-18: fixation. The attacker's cookies were in the browser before its owner signed in."""
    await http.world.add_user("victim")
    await http.world.add_user("mallory")
    async with http.browser() as attacker, http.browser() as victim:
        await sign_in(attacker, "mallory")
        planted = dict(attacker.cookies)
        for name, value in planted.items():
            victim.cookies.set(name, value, domain="auth.example.com", path="/")

        assert (await sign_in(victim, "victim")).status_code == 200

        kept = {cookie.name: cookie.value for cookie in victim.cookies.jar}
        assert kept[SESSION] != planted[SESSION]
        assert kept[REFRESH] != planted[REFRESH]
        assert kept[SESSION].split("_")[1] != planted[SESSION].split("_")[1]
        # What was planted ended: the attacker holds nothing that leads to the victim's browser any more.
        assert (await attacker.post("/auth/v1/refresh")).status_code == 400


@pytest.mark.parametrize("planted", ["pss_chosen_by_the_attacker", "", "x" * 3_000, "pss_" + "0" * 22 + "_" + "0" * 22])
async def test_a_made_up_session_cookie_is_replaced(http: HttpWorld, planted: str) -> None:
    """LG-18."""
    await http.world.add_user()
    async with http.browser(Cookie=f"{SESSION}={planted}") as browser:
        answer = await sign_in(browser)

    assert answer.status_code == 200
    assert planted == "" or planted not in str(answer.headers.get_list("set-cookie"))


async def test_a_flood_of_sign_ins_is_turned_away_and_everything_else_answers(http: HttpWorld) -> None:
    """LG-20: hashing has threads of its own and a bounded queue."""
    await http.world.add_user("alice")
    await http.world.add_user("root", roles=("Admin",))
    token = await http.token("root")
    async with http.browser() as browser, http.bearer(token) as admin:
        await sign_in(browser)
        async with busy_hashing(http):
            refused = [await sign_in(browser, name) for name in ("alice", "nobody")]
            weak = {"username": "bob", "email": "bob@example.com", "roles": [], "password": PASSWORD.reveal()}
            refused.append(await admin.post("/users/v1", json=weak))
            served = [
                await browser.post("/auth/v1/refresh"),
                await browser.get("/.well-known/paserk.json"),
                await browser.get("/health/ready"),
                await admin.get("/users/v1"),
            ]

        assert {answer.status_code for answer in served} == {200}
        assert len({str(shown(answer)) for answer in refused}) == 1
        assert shown(refused[0])[0] == 503
        assert shown(refused[0])[2]["code"] == "overloaded"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert (await sign_in(browser)).status_code == 200


@pytest.mark.parametrize("where", ["query", "path", "basic"])
async def test_a_password_counts_in_the_body_alone(http: HttpWorld, where: str) -> None:
    """LG-21: what stands in a URL or a header reaches logs that are not ours."""
    await http.world.add_user()
    pair = {"username": "alice", "password": PASSWORD.reveal()}
    async with http.browser() as browser:
        if where == "query":
            answer = await browser.post("/auth/v1/login/local", params=pair)
        elif where == "path":
            answer = await browser.post(f"/auth/v1/login/local/alice/{PASSWORD.reveal()}")
        else:
            answer = await browser.post("/auth/v1/login/local", auth=("alice", PASSWORD.reveal()))

    assert answer.status_code == (404 if where == "path" else 400)
    assert PASSWORD.reveal() not in answer.text
