"""Handing a sign-in over to a routed host, over HTTP: browsers on their way, and the api that redeems tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from issuer_http import HttpWorld, problem, running_issuer, sign_in
from issuer_world import issuer_settings
from paseport_shared.domain.models.user import User
from relying_party import running_provider, sign_in_for

HOST = "app.example.com"
BINDING = "0123456789abcdef" * 4
HANDOVER = "/auth/v1/handover"
SERVICE = "service-secret-of-at-least-32-characters"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_provider(tmp_path) as http:
        yield http


@pytest.fixture
async def alice(http: HttpWorld) -> User:
    return await http.world.add_user("alice")


@pytest.fixture
async def browser(http: HttpWorld, alice: User) -> AsyncIterator[httpx.AsyncClient]:
    async with http.browser() as browser:
        yield browser


async def come(browser: httpx.AsyncClient, host: str = HOST, **parameters: str) -> httpx.Response:
    """Come from a routed host."""
    query = {"host": host, "binding": BINDING, "return_to": "/reports?page=2"} | parameters
    return await browser.get(HANDOVER, params=query)


def ticket_of(answer: httpx.Response) -> str:
    """Return the ticket with which a browser is sent to a routed host."""
    assert answer.status_code == 303, answer.text
    location = urlsplit(answer.headers["location"])
    assert (location.scheme, location.path) == ("https", "/.paseport/handover")
    (ticket,) = parse_qs(location.query)["ticket"]
    return ticket


async def redeem(http: HttpWorld, ticket: str, host: str = HOST, binding: str = BINDING) -> httpx.Response:
    """Redeem a ticket, as the api does."""
    async with http.inside(SERVICE) as api:
        body = {"ticket": ticket, "host": host, "binding": binding}
        return await api.post("/internal/v1/handover", json=body)


# --- the browser ------------------------------------------------------------------------------------------------------


async def test_a_signed_in_browser_is_sent_back_with_a_ticket_that_nobody_else_learns_of(
    http: HttpWorld, browser: httpx.AsyncClient, alice: User
) -> None:
    await sign_in(browser)

    answer = await come(browser)
    redeemed = await redeem(http, ticket_of(answer))

    location = answer.headers["location"]
    assert location.startswith(f"https://{HOST}/.paseport/handover?ticket=")
    assert location.endswith("&return_to=%2Freports%3Fpage%3D2")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    (session,) = await http.world.sessions.list_for_user(alice.id, http.world.clock.now())
    assert redeemed.json() == {"session_id": session.id, "user_id": str(alice.id), "user_version": 1}


async def test_a_browser_in_which_nobody_is_signed_in_is_led_through_the_sign_in_and_back(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    answer = await come(browser)
    asked_at = answer.headers["location"]
    for _ in range(10):
        if urlsplit(answer.headers["location"]).netloc == HOST:
            break
        if answer.headers["location"].startswith("/login?"):
            answer = await sign_in_for(browser, answer)
        else:
            answer = await browser.get(answer.headers["location"])

    assert asked_at.startswith("/auth/v1/login?return_to=%2Fauth%2Fv1%2Fhandover%3F")
    assert answer.headers["location"].endswith("&return_to=%2Freports%3Fpage%3D2")
    assert (await redeem(http, ticket_of(answer))).status_code == 200


async def test_a_deep_way_back_is_given_up_before_the_sign_in_is(http: HttpWorld, browser: httpx.AsyncClient) -> None:
    """The address to come back to has a limit; without a sign-in on the way there is none."""
    deep = "/" + "%20" * 320
    led = await come(browser, return_to=deep)
    await sign_in(browser)
    direct = await come(browser, return_to=deep)

    (way_back,) = parse_qs(urlsplit(led.headers["location"]).query)["return_to"]
    assert parse_qs(urlsplit(way_back).query) == {"host": [HOST], "binding": [BINDING], "return_to": ["/"]}
    assert parse_qs(urlsplit(direct.headers["location"]).query)["return_to"] == [deep]


@pytest.mark.parametrize(
    "return_to",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\/x", "evil", "/a\r\nx: y", "/\x00", "", "/ü"],
)
async def test_a_way_back_that_is_no_path_leads_to_the_hosts_home(browser: httpx.AsyncClient, return_to: str) -> None:
    """FA-24."""
    await sign_in(browser)

    answer = await come(browser, return_to=return_to)

    assert parse_qs(urlsplit(answer.headers["location"]).query)["return_to"] == ["/"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "auth.example.com", "apps.example.com", "app.example.com.evil.example", "app.example.com.",
        "app.example.com@evil.example", "app.example.com/evil", "app.example.com?x", "app.example.com\\@evil.example",
        "app.example.com:evil", "<script>", "",
    ],
)  # fmt: skip
async def test_a_host_that_is_not_on_the_list_gets_a_plain_page_and_is_not_repeated(
    browser: httpx.AsyncClient, host: str
) -> None:
    """FA-24: whether somebody is signed in or not."""
    before = await come(browser, host)
    await sign_in(browser)
    after = await come(browser, host)

    for answer in (before, after):
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/html")
        assert "location" not in answer.headers
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert not host or host not in answer.text


async def test_without_a_list_there_is_no_host(tmp_path: Path) -> None:
    async with running_issuer(tmp_path, issuer_settings(edge_hosts=())) as http:
        await http.world.add_user("alice")
        async with http.browser() as browser:
            await sign_in(browser)
            answer = await come(browser)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        f"host={HOST}&host=evil.example&binding={BINDING}",
        f"host={HOST}&binding={BINDING}&binding={BINDING}",
        f"host={HOST}&binding={BINDING}&return_to=/&return_to=//evil.example",
        f"host={HOST}",
        f"host={HOST}&binding=short",
        f"binding={BINDING}",
        "",
    ],
)
async def test_what_can_be_read_in_two_ways_or_none_is_refused(browser: httpx.AsyncClient, query: str) -> None:
    await sign_in(browser)

    answer = await browser.get(f"{HANDOVER}?{query}")

    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_port_is_gone_back_to_and_a_name_is_written_in_lower_case(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)

    answer = await come(browser, "App.Example.com:8443")

    assert answer.headers["location"].startswith("https://app.example.com:8443/.paseport/handover?ticket=")


async def test_while_sessions_are_out_of_reach_nobody_is_handed_over(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    with http.world.outages.redis:
        answer = await come(browser)

    assert answer.status_code == 503
    assert "location" not in answer.headers


# --- the api ----------------------------------------------------------------------------------------------------------


async def test_a_ticket_is_redeemed_once_by_its_host_for_its_browser(
    http: HttpWorld, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    good, strange, foreign = [ticket_of(await come(browser)) for _ in range(3)]

    once, twice = await redeem(http, good), await redeem(http, good)
    elsewhere = await redeem(http, foreign, host="x.apps.example.com")
    another = await redeem(http, strange, binding="f" * 64)
    unknown = await redeem(http, "0" * 22)

    assert once.status_code == 200
    for refused in (twice, elsewhere, another, unknown):
        assert (refused.status_code, problem(refused)["code"]) == (404, "not_found")


async def test_nobody_but_the_api_redeems_a_ticket_or_keeps_a_session_alive(
    http: HttpWorld, browser: httpx.AsyncClient, alice: User
) -> None:
    await sign_in(browser)
    ticket = ticket_of(await come(browser))
    (session,) = await http.world.sessions.list_for_user(alice.id, http.world.clock.now())
    requests = (
        ("/internal/v1/handover", {"ticket": ticket, "host": HOST, "binding": BINDING}),
        ("/internal/v1/session-use", {"session_id": session.id}),
    )
    answers = []
    for path, body in requests:
        async with http.inside(None) as anybody, http.inside("x" * 40) as stranger:
            answers += [await anybody.post(path, json=body), await stranger.post(path, json=body)]
        # It is not there at all on the port that everybody reaches.
        assert (await browser.post(path, json=body)).status_code == 404

    assert {answer.status_code for answer in answers} == {401}
    assert (await redeem(http, ticket)).status_code == 200


async def test_the_api_says_that_a_session_is_in_use(http: HttpWorld, browser: httpx.AsyncClient, alice: User) -> None:
    await sign_in(browser)
    (session,) = await http.world.sessions.list_for_user(alice.id, http.world.clock.now())
    idle = http.world.settings.session_idle
    http.world.clock.advance(idle * 0.9)

    async with http.inside(SERVICE) as api:
        answers = [
            await api.post("/internal/v1/session-use", json={"session_id": held}) for held in (session.id, "0" * 22)
        ]
        malformed = await api.post("/internal/v1/session-use", json={"session": session.id})
    http.world.clock.advance(idle * 0.9)

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert malformed.status_code == 400
    assert await http.world.sessions.find(session.id, http.world.clock.now()) is not None
