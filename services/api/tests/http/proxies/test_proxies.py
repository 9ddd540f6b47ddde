"""What people and services see of a request behind each kind of proxy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from guarded_services import CREDENTIALS, PROXIES, Authorizer, GuardedServices
from guarding_api import KEYS, LIMITED_KEY
from paseport_testkit.harness.echo import Arrival
from paseport_testkit.harness.proxies import Proxy
from paseport_testkit.harness.waiting import wait_until
from proxy_corpus import APP, Caller
from raw_http import RawAnswer, RawClient, request

pytestmark = pytest.mark.parametrize("proxy", PROXIES, indirect=True, ids=lambda kind: kind.__name__)
NAVIGATION = (("Accept", "text/html,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"))


@pytest.fixture
def client(proxy: Proxy, guarded: GuardedServices) -> Iterator[RawClient]:
    guarded.take()
    with RawClient(proxy.host, proxy.port) as client:
        yield client


@pytest.fixture
def arrived(guarded: GuardedServices) -> Arrived:
    return Arrived(guarded)


class Arrived:
    """What the service received since it was asked last."""

    def __init__(self, guarded: GuardedServices) -> None:
        self._guarded = guarded

    def nothing(self) -> bool:
        return self._guarded.take() == []

    def one(self) -> Arrival:
        ((host, arrival),) = self._guarded.take()
        assert host == APP
        return arrival


def test_a_stranger_is_told_to_sign_in_and_a_user_that_it_is_forbidden(client: RawClient, arrived: Arrived) -> None:
    """FA-01: a program gets an answer that it can read, with the name of the decision to ask an administrator about."""
    stranger = client.send(request("/reports/1"))
    user = client.send(request("/admin/panel", headers=[CREDENTIALS[Caller.USER]]))
    junk = client.send(request("/reports/1", headers=[("X-Api-Key", "ppk_junk")]))

    assert (stranger.status, _code(stranger)) == (401, "sign_in_required")
    assert (user.status, _code(user)) == (403, "forbidden")
    assert (junk.status, _code(junk)) == (401, "invalid_token")
    for answer in (stranger, user, junk):
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 36
    assert arrived.nothing()


def test_a_person_who_opens_a_page_is_led_to_sign_in_and_back(client: RawClient, arrived: Arrived) -> None:
    """FA-01, FA-24: through the hand-over on the routed host, which Paseport answers there itself."""
    page = client.send(request("/reports/1?a=b", headers=NAVIGATION))
    location = urlsplit(page.headers["location"])
    begun = client.send(request(f"{location.path}?{location.query}", headers=NAVIGATION))

    assert page.status == 303
    assert (location.scheme, location.netloc, location.path) == ("https", APP, "/.paseport/handover")
    assert parse_qs(location.query) == {"return_to": ["/reports/1?a=b"]}
    assert begun.status == 303
    assert begun.headers["location"].startswith("https://auth.example.com/auth/v1/handover?")
    assert begun.headers["set-cookie"].startswith("__Host-paseport-binding=")
    assert arrived.nothing()


def test_a_form_that_a_stranger_sends_is_refused_and_led_nowhere(client: RawClient, arrived: Arrived) -> None:
    """FA-01: only page loads are led away."""
    answer = client.send(request("/reports/1", method="POST", headers=NAVIGATION, body=b"x=1"))

    assert answer.status == 401
    assert "location" not in answer.headers
    assert arrived.nothing()


def test_a_used_up_limit_is_a_429_and_says_when_to_come_back(
    proxy: Proxy, client: RawClient, arrived: Arrived, authorizer: Authorizer
) -> None:
    """An nginx with a verdict cache too: each request is counted (``X-Accel-Expires: 0``)."""
    limited = request("/reports/1", headers=[("X-Api-Key", LIMITED_KEY)])
    while client.send(limited).status == 200:  # its one request, whichever proxy comes first
        pass
    arrived.nothing()

    answer = client.send(limited)

    assert (answer.status, _code(answer)) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    assert arrived.nothing()


def test_the_service_learns_who_asks_and_sees_no_credential(client: RawClient, arrived: Arrived) -> None:
    """FA-06: whichever way the key came."""
    for carrier in (CREDENTIALS[Caller.ADMIN], ("X-Api-Key", KEYS[Caller.ADMIN])):
        cookies = ("Cookie", "theme=dark; __Host-paseport-refresh=x; lang=en")
        answer = client.send(request("/admin/panel", method="PUT", headers=[carrier, cookies], body=b"new"))
        arrival = arrived.one()

        assert answer.status == 200
        assert (arrival.method, arrival.target, arrival.body) == ("PUT", "/admin/panel", b"new")
        assert (arrival.values("x-user"), arrival.values("remote-user")) == (("grace",), ("grace",))
        assert (arrival.values("x-user-roles"), arrival.values("remote-groups")) == (("Admin",), ("Admin",))
        assert arrival.values("x-auth-method") == ("api_key",)
        assert arrival.values("cookie") == ("theme=dark; lang=en",)
        assert (arrival.values("authorization"), arrival.values("x-api-key")) == ((), ())
        assert [len(name) for name in arrival.values("x-request-id")] == [36]


def test_what_is_meant_for_the_service_reaches_it(client: RawClient, arrived: Arrived) -> None:
    """A password of the service's own and a query are none of ours."""
    own = [("Authorization", "Basic c2VydmljZTpvd24="), ("X-Api-Key", "of-the-service")]
    answer = client.send(request("/public/page?q=a%2Fb&x=/../y", headers=own))
    arrival = arrived.one()

    assert answer.status == 200
    assert arrival.target == "/public/page?q=a%2Fb&x=/../y"
    assert arrival.values("authorization") == ("Basic c2VydmljZTpvd24=",)
    assert arrival.values("x-api-key") == ("of-the-service",)
    assert arrival.values("host") == (APP,)


def test_a_websocket_is_judged_and_then_opened(client: RawClient, arrived: Arrived) -> None:
    """FA-19: at the handshake."""
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    upgrade.append(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
    refused = client.send(request("/reports/live", headers=upgrade))
    client.close()
    assert refused.status == 401
    assert arrived.nothing()

    client.send(request("/reports/live", headers=[CREDENTIALS[Caller.USER], *upgrade]))
    arrival = arrived.one()

    assert arrival.values("upgrade") == ("websocket",)
    assert [value.lower() for value in arrival.values("connection")] == ["upgrade"]
    assert arrival.values("x-user") == ("ada",)


def test_a_host_without_a_route_reaches_nobody(client: RawClient, arrived: Arrived) -> None:
    """FA-14."""
    answer = client.send(request("/public/page", host="other.example.com"), server_name="other.example.com")

    # Caddy refuses at the handshake or answers with an empty page, which no service sent.
    assert (answer.status in (0, 404, 421)) or answer.body == b""
    assert arrived.nothing()


def test_where_nobody_decides_nobody_passes(
    proxy: Proxy, client: RawClient, arrived: Arrived, authorizer: Authorizer
) -> None:
    """FA-23: silent, then gone, then back."""
    allowed = request("/public/when-nobody-decides", headers=[CREDENTIALS[Caller.USER]])
    with RawClient(proxy.host, proxy.port, timeout_seconds=2) as impatient:
        authorizer.pause()
        try:
            silent = impatient.send(allowed)
        finally:
            authorizer.resume()
    # What waited in the proxy is nobody's any more, so it may pass or not; it is not counted.
    _settle(client, arrived)
    authorizer.kill()
    # Of these no proxy can have kept a verdict.
    gone = client.send(request("/reports/nobody-is-there", headers=[CREDENTIALS[Caller.USER]]))
    stranger = client.send(request("/public/nobody-is-there"))
    nothing = arrived.nothing()
    authorizer.start()

    assert silent.status in (0, 500, 502, 503, 504)
    assert gone.status in (500, 502, 503, 504)
    assert stranger.status in (500, 502, 503, 504)
    assert nothing
    wait_until("it serves again", lambda: None if client.send(allowed).status == 200 else "not yet", 10)
    assert arrived.one().target == "/public/when-nobody-decides"


def _settle(client: RawClient, arrived: Arrived) -> None:
    wait_until("it serves", lambda: None if client.send(request("/public/settle")).status == 200 else "not yet", 10)
    arrived.nothing()


def _code(answer: RawAnswer) -> str:
    code: str = json.loads(answer.body)["code"]
    return code
