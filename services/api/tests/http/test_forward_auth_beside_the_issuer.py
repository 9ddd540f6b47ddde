"""A person and a program come to a routed host: the real issuer and the real api, which meet on the internal port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from api_world import ISSUER, SetPolicies
from both_services import BothServices, running_both
from edge_world import HOST, ORIGIN, rule
from issuer_http import sign_in
from issuer_world import issuer_settings
from paseport_shared.domain.models.policy import Policy

CLIENT = "203.0.113.7"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[BothServices]:
    settings = issuer_settings(edge_hosts=(HOST,))
    async with running_both(tmp_path, settings, edge_hosts=(HOST,), trusted_proxies=("192.0.2.0/24",)) as both:
        policies = both.api._adapters.edge.policies
        assert isinstance(policies, SetPolicies)
        policies.policy = Policy([rule()])
        yield both


async def ask(both: BothServices, **headers: str) -> httpx.Response:
    """What a proxy is answered about a page of the host."""
    facts = {"Method": "GET", "Proto": "https", "Host": HOST, "Uri": "/page?id=1", "For": CLIENT}
    async with both.asking_api() as proxy:
        sent = {f"X-Forwarded-{name}": value for name, value in facts.items()}
        return await proxy.get("/forward-auth", headers=sent | headers)


async def test_a_person_is_led_through_sign_in_and_back_and_out_again(both: BothServices) -> None:
    """FA-01, FA-24: each address is the one that the answer before named."""
    await both.issuer.world.add_user("alice")
    html = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    first = await ask(both, **html)
    assert first.status_code == 303

    transport = httpx.ASGITransport(both.api_public, client=("192.0.2.7", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as at_host, both.issuer.browser() as browser:
        begun = await at_host.get(first.headers["Location"])
        await sign_in(browser, "alice")
        handed = await browser.get(begun.headers["Location"])
        assert handed.headers["Location"].startswith(f"{ORIGIN}/.paseport/handover?ticket=")
        back = await at_host.get(handed.headers["Location"])
        replayed = await at_host.get(handed.headers["Location"])
        cookie = f"__Host-paseport-edge={at_host.cookies['__Host-paseport-edge']}"

    assert (back.status_code, back.headers["Location"]) == (303, "/page?id=1")
    assert replayed.headers["Location"] == "/page?id=1"
    page = await ask(both, **html, Cookie=cookie)
    assert (page.status_code, page.headers["X-User"], page.headers["Cookie"]) == (204, "alice", "")

    # The issuer ends the session; the api hears of it.
    (session,) = both.issuer.world.sessions._sessions.values()
    await both.api.use.note_session_uses.step()
    await both.issuer.world.sessions.end(session.id)
    both.issuer.world.clock.advance(61)
    await both.api.use.follow_revocations.step(0)
    ended = await ask(both, **html, Cookie=cookie)
    assert urlsplit(ended.headers["Location"]).path == "/.paseport/handover"
    assert urlsplit(ISSUER).netloc not in ended.headers["Location"]
