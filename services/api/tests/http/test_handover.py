"""A browser comes to a routed host without a cookie, and goes on with one: ``GET /.paseport/handover``."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from api_world import ALICE, ISSUER, ApiWorld
from edge_world import CLIENT, HOST, ORIGIN, PROXY, SETTINGS, SID, SIGNED_IN, ask, signed_in
from paseport_api.handlers.handover import local_path
from paseport_shared.domain.ports.handovers import HandedOver

PATH = "/.paseport/handover"
TICKET = "0000000000000000000042"


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        await world.user("User")
        yield world


class Browser:
    """One at a host. It keeps the cookies that it is told to keep, and follows nothing by itself."""

    def __init__(self, world: ApiWorld, origin: str = ORIGIN) -> None:
        self._world = world
        self.origin = origin
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self._world.app, client=(PROXY, 50_000))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with httpx.AsyncClient(transport=transport, base_url=self.origin) as client:
            answer = await client.request(method, path, headers=headers)
        for cookie in answer.headers.get_list("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    async def begin(self, return_to: str = "%2Fthings%3Fid%3D1") -> dict[str, str]:
        """Begin, and return what the issuer is told."""
        answer = await self.get(f"{PATH}?return_to={return_to}")
        assert answer.status_code == 303
        url = urlsplit(answer.headers["Location"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{ISSUER}/auth/v1/handover"
        return {name: values[0] for name, values in parse_qs(url.query).items()}

    async def come_back(self, ticket: str = TICKET, return_to: str = "%2Fthings%3Fid%3D1") -> httpx.Response:
        """Come back from the issuer with a ticket."""
        return await self.get(f"{PATH}?ticket={ticket}&return_to={return_to}")


def issue(world: ApiWorld, told: dict[str, str]) -> None:
    """The issuer makes a ticket for what it was told."""
    world.handovers.tickets[TICKET, told["host"], told["binding"]] = HandedOver(SID, ALICE, 1)


async def test_a_browser_is_bound_to_a_ticket_and_exchanges_it_for_a_cookie_that_opens_the_host(
    edge: ApiWorld,
) -> None:
    await signed_in(edge)
    browser = Browser(edge)

    told = await browser.begin()
    binding = browser.cookies["__Host-paseport-binding"]
    issue(edge, told)
    answer = await browser.come_back()

    assert told == {
        "host": HOST,
        "binding": hashlib.sha256(binding.encode()).hexdigest(),
        "return_to": "/things?id=1",
    }
    assert (answer.status_code, answer.headers["Location"]) == (303, "/things?id=1")
    assert set(browser.cookies) == {"__Host-paseport-edge"}
    cookie = {"Cookie": f"__Host-paseport-edge={browser.cookies['__Host-paseport-edge']}"}
    assert (await ask(edge, "/things", cookie)).headers["X-User"] == "alice"


async def test_the_cookies_are_for_this_host_alone_and_for_no_script(edge: ApiWorld) -> None:
    browser = Browser(edge)
    begun = await browser.get(PATH)
    told = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["Location"]).query).items()}
    issue(edge, told)

    answer = await browser.come_back()

    (binding,) = begun.headers.get_list("Set-Cookie")
    edge_cookie, cleared = answer.headers.get_list("Set-Cookie")
    assert binding.endswith("; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax")
    assert edge_cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax")
    assert cleared == "__Host-paseport-binding=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
    for response in (begun, answer):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Domain" not in str(response.headers)


async def test_an_attackers_ticket_opens_nothing_in_another_browser(edge: ApiWorld) -> None:
    """Login CSRF: a victim is sent to the address with a ticket of the attacker's session."""
    attacker, victim = Browser(edge), Browser(edge)
    issue(edge, await attacker.begin())

    without = await victim.come_back()
    await victim.begin()
    with_its_own = await victim.come_back()

    assert without.status_code == 400
    assert "__Host-paseport-edge" not in victim.cookies
    assert urlsplit(with_its_own.headers["Location"]).netloc == urlsplit(ISSUER).netloc


async def test_a_ticket_that_is_no_good_is_begun_again_once_and_not_for_ever(edge: ApiWorld) -> None:
    browser = Browser(edge)
    first = await browser.begin()

    again = await browser.come_back()
    second = {name: values[0] for name, values in parse_qs(urlsplit(again.headers["Location"]).query).items()}
    failed = await browser.come_back()

    assert again.status_code == 303
    assert second["binding"] != first["binding"]
    assert second["return_to"] == "/things?id=1"
    assert failed.status_code == 400
    assert f'href="{PATH}?return_to=%2Fthings%3Fid%3D1"' in failed.text
    assert browser.cookies == {}


async def test_the_second_try_may_succeed(edge: ApiWorld) -> None:
    browser = Browser(edge)
    await browser.begin()
    again = await browser.come_back()
    issue(edge, {name: values[0] for name, values in parse_qs(urlsplit(again.headers["Location"]).query).items()})

    assert (await browser.come_back()).headers["Location"] == "/things?id=1"


async def test_a_browser_without_cookies_is_told_so_and_does_not_go_round_in_circles(edge: ApiWorld) -> None:
    browser = Browser(edge)
    issue(edge, await browser.begin())
    browser.cookies.clear()

    answer = await browser.come_back()

    assert answer.status_code == 400
    assert "Cookies may be blocked" in answer.text


async def test_whoever_goes_back_to_a_used_address_goes_on_where_they_are_signed_in(edge: ApiWorld) -> None:
    browser = Browser(edge)
    issue(edge, await browser.begin())
    await browser.come_back()

    answer = await browser.come_back()

    assert (answer.status_code, answer.headers["Location"]) == (303, "/things?id=1")


@pytest.mark.parametrize(
    "host", ["other.example.com", "apps.example.com", "auth.example.com", "app.example.com.evil.org", f"{HOST}."]
)
async def test_hosts_that_are_not_routed_have_no_hand_over(edge: ApiWorld, host: str) -> None:
    """FA-24: neither a cookie nor a way to the issuer."""
    answer = await Browser(edge, f"https://{host}").get(PATH)

    assert answer.status_code == 404
    assert not {"Set-Cookie", "Location"} & set(answer.headers)


async def test_a_host_below_a_suffix_is_told_to_the_issuer_with_its_port(edge: ApiWorld) -> None:
    browser = Browser(edge, "https://B.apps.example.com:8443")

    assert (await browser.begin())["host"] == "b.apps.example.com:8443"


async def test_two_host_headers_are_none(edge: ApiWorld) -> None:
    """FA-14."""
    transport = httpx.ASGITransport(edge.app, client=(PROXY, 50_000))
    headers = [("Host", HOST), ("Host", HOST)]
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        assert (await client.get(PATH, headers=headers)).status_code == 404


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/things?id=1", "/things?id=1"),
        ("/a b\u00e9", "/a%20b%C3%A9"),
        ("//evil.example.org", "/"),
        ("/\\evil.example.org", "/"),
        ("\\/evil.example.org", "/"),
        ("https://evil.example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example.org", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
        ("/.paseport/handover", "/"),
    ],
)
async def test_nobody_is_led_to_another_place_than_a_path_of_the_host(edge: ApiWorld, asked: str, led: str) -> None:
    """An open redirect would lend our name to others."""
    browser = Browser(edge)
    issue(edge, await browser.begin())
    quoted = httpx.QueryParams({"return_to": asked})

    answer = await browser.get(f"{PATH}?ticket={TICKET}&{quoted}")

    assert (answer.status_code, answer.headers["Location"]) == (303, led)
    assert local_path(asked) in (asked, "/")


async def test_a_repeated_parameter_is_none(edge: ApiWorld) -> None:
    browser = Browser(edge)
    issue(edge, await browser.begin())

    answer = await browser.get(f"{PATH}?ticket={TICKET}&ticket={TICKET}&return_to=/a&return_to=/b")

    # As a ticket that is no good, and back to the root.
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["return_to"] == ["/"]


async def test_while_the_issuer_is_away_a_ticket_is_not_lost(edge: ApiWorld) -> None:
    browser = Browser(edge)
    issue(edge, await browser.begin())

    with edge.outages.handovers:
        busy = await browser.come_back()
    answer = await browser.come_back()

    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1")
    assert answer.status_code == 303
    assert "__Host-paseport-edge" in browser.cookies


async def test_only_get_and_head_are_answered(edge: ApiWorld) -> None:
    browser = Browser(edge)

    assert (await browser.get(PATH, method="POST")).status_code == 405
    assert (await browser.get(PATH, method="HEAD")).text == ""


async def test_no_secret_of_it_is_written_down(edge: ApiWorld) -> None:
    """P11."""
    browser = Browser(edge)
    issue(edge, await browser.begin())
    binding = browser.cookies["__Host-paseport-binding"]
    await browser.come_back()

    written = str(edge.logs) + (await edge.internal.get("/metrics")).text
    for secret in (TICKET, binding, browser.cookies["__Host-paseport-edge"], CLIENT):
        assert secret not in written


async def test_in_embedded_mode_the_names_are_plain_and_the_scheme_is_http(tmp_path: Path) -> None:
    settings = {**SETTINGS, "access_token_issuer": "http://localhost:8080", "edge_hosts": ("app.localhost",)}
    async with ApiWorld(tmp_path, **settings) as world:
        browser = Browser(world, "http://app.localhost:8080")
        begun = await browser.get(PATH)
        url = urlsplit(begun.headers["Location"])
        told = {name: values[0] for name, values in parse_qs(url.query).items()}
        issue(world, told)

        answer = await browser.come_back()

    assert (url.scheme, url.netloc, told["host"]) == ("http", "localhost:8080", "app.localhost:8080")
    assert answer.status_code == 303
    assert set(browser.cookies) == {"paseport-edge"}
    assert "Secure" not in str(answer.headers)
