"""What docs/clients shows is what the issuer answers.

Each page holds transcripts between ``<!-- transcript: name -->`` and ``<!-- end -->``. ``PASEPORT_WRITE_TRANSCRIPTS=1``
writes them anew. Values that differ from run to run are cut short.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import httpx
import msgspec
import pytest
from issuer_http import BROWSER, HttpWorld
from issuer_world import ISSUER, PASSWORD
from relying_party import ORDERS, SHOP_SECRET, running_provider

PAGES: Final = Path(__file__).parents[4] / "docs" / "clients"
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""With its challenge the example of RFC 7636, appendix B."""
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

_CUT: Final = (
    (re.compile(r"v4\.public\.[\w-]+\.[\w-]+"), "v4.public.…"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "eyJ…"),
    (re.compile(r"\b(prt|pac|pss)_\w+"), r"\1_…"),
    (re.compile(r"(transaction=|transactions/)[0-9A-Za-z]{22}"), r"\1…"),
    (re.compile(r"(__Host-paseport-txn=)\w+"), r"\1…"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "019…"),
    (re.compile(r'("(?:jti|sid|transaction)": ")[0-9A-Za-z]{22}'), r"\1…"),
    (re.compile(r"\b[0-9A-Za-z]{22}\.[\w-]+\.[0-9A-Za-z]{43}\b"), "…"),
    (re.compile(r"(code_challenge=)(?!E9M)[\w-]{43}"), r"\1…"),
    (re.compile(re.escape(PASSWORD.reveal())), "…"),
    (re.compile(r"(shop-secret)[\w-]+"), r"\1…"),
    (re.compile(r"Basic [\w=]{20,}"), "Basic …"),
)
_SHOWN_OF_REQUEST: Final = ("authorization", "cookie", "x-csrf", "origin")
_SHOWN_OF_ANSWER: Final = ("location", "set-cookie", "cache-control", "www-authenticate")


class Transcript:
    """Requests and answers as they went over the wire."""

    def __init__(self, http: HttpWorld) -> None:
        self._http = http
        self._lines: list[str] = []

    @asynccontextmanager
    async def party(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody with a cookie jar of their own, whose talk is written down."""
        transport = httpx.ASGITransport(self._http.public, client=("192.0.2.7", 50000))
        hooks = {"response": [self._note]}
        async with httpx.AsyncClient(
            transport=transport, base_url=ISSUER, headers=headers, event_hooks=hooks
        ) as client:
            yield client

    def text(self) -> str:
        """Return it with everything cut short that differs from run to run."""
        text = "\n".join(self._lines).strip()
        for pattern, replacement in _CUT:
            text = pattern.sub(replacement, text)
        return text

    async def _note(self, response: httpx.Response) -> None:
        request = response.request
        await response.aread()
        target = request.url.raw_path.decode()
        path, _, query = target.partition("?")
        self._lines.append(f"{request.method} {path}{'?' if query else ''}")
        self._lines += [f"    {'&' if number else ''}{unquote(part)}" for number, part in enumerate(_parts(query))]
        self._headers(request.headers, _SHOWN_OF_REQUEST)
        self._body(request.headers, request.content.decode())
        self._lines.append("")
        self._lines.append(f"→ {response.status_code}")
        self._headers(response.headers, _SHOWN_OF_ANSWER)
        self._body(response.headers, response.text)
        self._lines.append("")

    def _headers(self, headers: httpx.Headers, shown: tuple[str, ...]) -> None:
        for name, value in headers.multi_items():
            if name in shown:
                self._lines.append(f"  {name.title()}: {unquote(value)}")

    def _body(self, headers: httpx.Headers, body: str) -> None:
        if not body:
            return
        if headers.get("content-type", "").startswith("application/json"):
            pretty = msgspec.json.format(body.encode(), indent=2).decode()
            self._lines += [f"  {line}" for line in pretty.splitlines()]
        else:
            self._lines += [f"  {'&' if number else ''}{unquote(part)}" for number, part in enumerate(_parts(body))]


def _parts(query: str) -> list[str]:
    return query.split("&") if query else []


def location(response: httpx.Response) -> str:
    return str(response.headers["location"])


def value_of(response: httpx.Response, name: str) -> str:
    return str(httpx.URL(location(response)).params[name])


async def sign_in_page(browser: httpx.AsyncClient, asked: httpx.Response) -> httpx.Response:
    """What the issuer's own page does."""
    body = {"username": "alice", "password": PASSWORD.reveal(), "transaction": value_of(asked, "transaction")}
    signed_in = await browser.post("/auth/v1/login/local", json=body, headers=BROWSER)
    return await browser.get(signed_in.json()["continue"])


async def server(transcript: Transcript) -> None:
    """A web application with a server: confidential, PKCE, OpenID Connect."""
    async with transcript.party() as browser, transcript.party() as own:
        asked = await browser.get(
            "/oauth2/authorize",
            params={
                "response_type": "code",
                "client_id": "shop",
                "redirect_uri": "https://shop.example/cb",
                "scope": "openid profile email",
                "state": "af0ifjsldkj",
                "nonce": "n-0S6_WzA2Mj",
                "code_challenge": CHALLENGE,
                "code_challenge_method": "S256",
            },
        )
        asked = await sign_in_page(browser, asked)
        decided = await browser.post(
            f"/auth/v1/transactions/{value_of(asked, 'transaction')}/consent", json={"approve": True}, headers=BROWSER
        )
        back = await browser.get(decided.json()["continue"])
        auth = httpx.BasicAuth("shop", SHOP_SECRET)
        form = {
            "grant_type": "authorization_code",
            "code": value_of(back, "code"),
            "redirect_uri": "https://shop.example/cb",
            "code_verifier": VERIFIER,
        }
        tokens = (await own.post("/oauth2/token", data=form, auth=auth)).json()
        await own.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        await own.post(
            "/oauth2/token",
            data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
            auth=auth,
        )
        await browser.get(
            "/oauth2/logout",
            params={
                "id_token_hint": tokens["id_token"],
                "post_logout_redirect_uri": "https://shop.example/bye",
                "state": "x1",
            },
        )


async def mobile(transcript: Transcript) -> None:
    """A phone: public, PKCE, offline access."""
    async with transcript.party() as browser, transcript.party() as app:
        asked = await browser.get(
            "/oauth2/authorize",
            params={
                "response_type": "code",
                "client_id": "phone",
                "redirect_uri": "com.example.phone:/cb",
                "scope": "openid profile offline_access",
                "state": "af0ifjsldkj",
                "code_challenge": CHALLENGE,
                "code_challenge_method": "S256",
            },
        )
        back = await sign_in_page(browser, asked)
        form = {
            "grant_type": "authorization_code",
            "client_id": "phone",
            "code": value_of(back, "code"),
            "redirect_uri": "com.example.phone:/cb",
            "code_verifier": VERIFIER,
        }
        tokens = (await app.post("/oauth2/token", data=form)).json()
        form = {"grant_type": "refresh_token", "client_id": "phone", "refresh_token": tokens["refresh_token"]}
        fresh = (await app.post("/oauth2/token", data=form)).json()
        await app.post("/oauth2/revoke", data={"client_id": "phone", "token": fresh["refresh_token"]})


async def machine(transcript: Transcript) -> None:
    """A program that acts for itself, and the API that it calls."""
    async with transcript.party() as program:
        auth = httpx.BasicAuth("orders", SHOP_SECRET)
        answer = await program.post(
            "/oauth2/token", data={"grant_type": "client_credentials", "resource": ORDERS}, auth=auth
        )
        await program.post("/oauth2/introspect", data={"token": answer.json()["access_token"]}, auth=auth)
        await program.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=httpx.BasicAuth("orders", "shop-secret-that-is-wrong"),
        )


async def spa(transcript: Transcript) -> None:
    """An application in the browser whose server keeps the tokens, as Paseport's own app does."""
    async with transcript.party() as browser:
        begun = await browser.get("/auth/v1/login", params={"return_to": "/orders"})
        asked = await browser.get(location(begun))
        asked = await sign_in_page(browser, asked)
        await browser.get(location(asked))
        await browser.post("/auth/v1/refresh", headers=BROWSER)


PLAYS: Final[dict[str, Callable[[Transcript], Awaitable[None]]]] = {
    "server": server,
    "mobile": mobile,
    "machine": machine,
    "spa": spa,
}


@pytest.mark.parametrize("page", PLAYS)
async def test_a_page_shows_what_the_issuer_answers(tmp_path: Path, page: str) -> None:
    file = PAGES / f"{page}.md"
    async with running_provider(tmp_path) as http:
        await http.world.add_user("alice")
        transcript = Transcript(http)
        await PLAYS[page](transcript)

    begin, end = f"<!-- transcript: {page} -->\n", "<!-- end -->"
    before, _, rest = file.read_text().partition(begin)
    shown, _, after = rest.partition(end)
    expected = f"```text\n{transcript.text()}\n```\n"
    if os.environ.get("PASEPORT_WRITE_TRANSCRIPTS") == "1":
        file.write_text(f"{before}{begin}{expected}{end}{after}")
    else:
        assert shown == expected, "PASEPORT_WRITE_TRANSCRIPTS=1 writes it anew"
