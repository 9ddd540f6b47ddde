"""How soon three apis of the production stack refuse what was revoked, and know a changed role (P2, P3).

The clock starts when the issuer's answer has arrived, and stops when that of an api has which tells the new: what
somebody would see who asks again and again from then on. All three apis are under load meanwhile.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.stack import MOBILE_REDIRECT_URIS, USER

from bench.deciding import under_load, watching
from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of, percentile
from bench.http import Answer, Connection, connections
from bench.product import Product, expect
from bench.servers import product_of, running_stack

_APIS: Final = 3
_SIGN_OUTS: Final = 50
_REVOCATIONS: Final = 950
"""Of refresh tokens, whose families end: a password is slow to check on purpose, a code is not."""
_BATCH: Final = 50
"""So many are signed in, and then ended."""
_ROLE_CHANGES: Final = 100
_LIFETIME: Final = "3600"
"""Of access tokens in seconds: longer than all of it takes."""
_CLIENT: Final = "mobile"
_REDIRECT_URI: Final = MOBILE_REDIRECT_URIS[1]
_SCOPE: Final = "openid profile email roles offline_access"


async def measure_stack_revocation() -> Sequence[Figure]:
    """End a thousand sessions and change a hundred roles, one after the other."""
    async with running_stack(apis=_APIS, ACCESS_TOKEN_TTL=_LIFETIME) as stack, AsyncExitStack() as opened:
        apis = [product_of(stack, api) for api in stack.apis.values()]
        (connection,) = await opened.enter_async_context(connections(stack.issuers[0].port, 1))
        people = _People(product_of(stack, stack.issuers[0]), connection)
        admin = await people.sign_in(stack.admin)
        async with under_load(apis, [admin.token]) as loads:
            refused = [
                delays
                for batch in range(0, _SIGN_OUTS + _REVOCATIONS, _BATCH)
                for delays in await _end_batch(people, stack.admin, apis, _SIGN_OUTS - batch)
            ]
            known = await _change_roles(people, admin, stack.accounts[USER], apis)
    return [
        *_delays(f"{_SIGN_OUTS} sign-outs, acknowledged → refused", refused[:_SIGN_OUTS]),
        *_delays(f"{_REVOCATIONS} revoked refresh tokens, acknowledged → refused", refused[_SIGN_OUTS:]),
        figure_of(
            f"all {len(refused)} on {_APIS} apis, p99",
            "ms",
            [percentile([delay for delays in refused for delay in delays], 0.99)],
            Gate(Bound.AT_MOST, 50, 10),
        ),
        *_delays(f"{_ROLE_CHANGES} changed roles, acknowledged → in force", known, Gate(Bound.AT_MOST, 1000)),
        figure_of("decisions of each api meanwhile", "/s", [one.requests_per_second for one in loads]),
        figure_of("… p99", "ms", [one.p99_ms for one in loads]),
        figure_of("… not answered with 200", "", [sum(one.wrong for one in loads)], Gate(Bound.AT_MOST, 0)),
    ]


@dataclass(frozen=True, slots=True)
class _Access:
    """An access token, and what to send to the issuer to end it, answered ``status``."""

    token: str
    end: bytes
    status: int


class _People:
    """Somebody at the issuer, in a browser and on phones."""

    def __init__(self, issuer: Product, connection: Connection) -> None:
        self._issuer = issuer
        self._connection = connection
        self._verifier = secrets.token_urlsafe(48)
        self._cookies = ""

    async def ask(self, message: bytes) -> Answer:
        """Ask the issuer."""
        return await self._connection.ask(message)

    async def sign_in(self, account: Account) -> _Access:
        """Sign in in a browser; the end is a sign-out. Phones are signed in by whoever did so last."""
        answer = expect(await self.ask(self._issuer.login(account.username, account.password)), 200)
        cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        self._cookies = cookies
        end = self._issuer.request("POST", "/auth/v1/logout", cookie=cookies)
        return _Access(answer.json()["access_token"], end, 204)

    async def sign_in_phone(self) -> _Access:
        """Get tokens for an app on a phone; the end is the revocation of its refresh token (RFC 7009 §2.1)."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": _CLIENT,
            "redirect_uri": _REDIRECT_URI,
            "scope": _SCOPE,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        target = f"/oauth2/authorize?{urlencode(asked)}"
        answer = expect(await self.ask(self._issuer.request("GET", target, cookie=self._cookies)), 303)
        query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        if "code" not in query:
            raise BenchProblem(f"no code, but {answer.headers['location']}")
        redemption = {
            "grant_type": "authorization_code",
            "client_id": _CLIENT,
            "code": query["code"],
            "redirect_uri": _REDIRECT_URI,
            "code_verifier": self._verifier,
        }
        tokens = expect(await self.ask(self._form("/oauth2/token", redemption)), 200).json()
        end = self._form("/oauth2/revoke", {"client_id": _CLIENT, "token": tokens["refresh_token"]})
        return _Access(tokens["access_token"], end, 200)

    async def change_roles(self, user: str, roles: Sequence[str], admin: str) -> None:
        """Change somebody's roles, whatever they were."""
        authorization = f"Bearer {admin}"
        path = f"/users/v1/{user}"
        version = expect(await self.ask(self._issuer.request("GET", path, authorization=authorization)), 200)
        change = self._issuer.request(
            "PATCH", path, {"roles": list(roles)}, authorization=authorization, if_match=version.headers["etag"]
        )
        expect(await self.ask(change), 200)

    def _form(self, target: str, fields: Mapping[str, str]) -> bytes:
        form = urlencode(fields).encode()
        head = self._issuer.request(
            "GET", target, content_type="application/x-www-form-urlencoded", content_length=str(len(form))
        )
        return b"POST" + head.removeprefix(b"GET") + form


async def _end_batch(people: _People, account: Account, apis: Sequence[Product], sign_outs: int) -> list[list[float]]:
    """Sign in so many times, sign-outs first, and end one after the other; return the delays at each api in ms."""
    signed_in = [
        await (people.sign_in(account) if number < sign_outs else people.sign_in_phone()) for number in range(_BATCH)
    ]
    # Codes are for whoever is signed in, and the browsers of this batch will not be.
    if sign_outs > 0:
        await people.sign_in(account)
    delays = []
    async with watching(apis) as watch:
        for access in signed_in:
            await watch(access.token, lambda answer: answer.status == 200)
            expect(await people.ask(access.end), access.status)
            delays.append(await watch(access.token, lambda answer: answer.status == 401))
    return delays


async def _change_roles(
    people: _People, admin: _Access, account: Account, apis: Sequence[Product]
) -> list[list[float]]:
    access = await people.sign_in(account)
    delays = []
    async with watching(apis) as watch:
        (subject,) = {answer.json()["subject"] for answer in await watch.ask(access.token)}
        for number in range(_ROLE_CHANGES):
            roles = ["Admin", "User"] if number % 2 == 0 else ["User"]
            await people.change_roles(subject, roles, admin.token)
            delays.append(await watch(access.token, partial(_has_roles, roles)))
    return delays


def _has_roles(roles: Sequence[str], answer: Answer) -> bool:
    return bool(expect(answer, 200).json()["roles"] == roles)


def _delays(what: str, measured: Sequence[Sequence[float]], gate_of_worst: Gate | None = None) -> list[Figure]:
    """Return the figures of what happened many times, each seen by every api."""
    all_of_them = [delay for delays in measured for delay in delays]
    worst = max(all_of_them)
    return [
        figure_of(f"{what}, p50", "ms", [percentile(all_of_them, 0.5)]),
        figure_of("… p99", "ms", [percentile(all_of_them, 0.99)]),
        Figure("… worst", "ms", worst, worst, worst, gate_of_worst),
    ]
