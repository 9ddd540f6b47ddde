"""P2 and P3 under load: how long after its acknowledgement a change is in force at each kind of verifier."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

import httpx
import pytest
from findings import REVOKED_WITHIN_SECONDS, Report
from load import Load
from paseport import InvalidToken, Verifier
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.stack import Stack
from people import ROLES_SECONDS, Administrator, Person, Way, stranger
from verifying_services import BOTH, HTTP, REDIS, redis_settings, register_verifier

API: Final = "api"
PEOPLE: Final = 8
TOKENS_OF_EACH: Final = 16
ROLE_CHANGES_OF_EACH: Final = 6

Ask = Callable[[str], Awaitable[frozenset[str] | None]]
"""Return the roles of a token's subject as a verifier sees them; None where it refuses the token."""


@dataclass
class Delays:
    """Seconds from the acknowledgement of a change until a verifier goes by it, by verifier and kind of change."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def worst(self, *kinds: str) -> float:
        return max(max(delays) for (_, kind), delays in self.seconds.items() if kind in kinds)

    def lines(self) -> str:
        return "".join(f"\n    {way:<15} {kind:<8} {_figures(delays)}" for (way, kind), delays in self.seconds.items())


def _figures(delays: list[float]) -> str:
    hundredths = quantiles(delays, n=100, method="inclusive")
    return (
        f"p50 {hundredths[49] * 1000:6.1f} ms, p99 {hundredths[98] * 1000:6.1f} ms,"
        f" worst {max(delays) * 1000:6.1f} ms of {len(delays)}"
    )


@pytest.fixture
async def verifiers(stack: Stack, administrator: Administrator) -> AsyncIterator[dict[str, Ask]]:
    """The api, and the published verifier in each of its ways, for tokens of the api: one token shows all of them."""
    client_id, client_secret = await asyncio.to_thread(register_verifier, administrator)
    credential = {"client_id": client_id, "client_secret": client_secret}
    beside_redis = {"redis": redis_settings(stack)}
    tls = stack.edge.tls()
    async with AsyncExitStack() as running:
        api = await running.enter_async_context(
            httpx.AsyncClient(
                base_url=stack.apis[1].url, headers={"Host": stack.origin.removeprefix("https://")}, trust_env=False
            )
        )
        asks: dict[str, Ask] = {API: lambda token: _ask_api(api, token)}
        ways: dict[str, dict[str, Any]] = {HTTP: credential, REDIS: beside_redis, BOTH: credential | beside_redis}
        for way, options in ways.items():
            verifier = Verifier(issuer=stack.origin, audience=f"{stack.origin}/api", ssl_context=tls, **options)
            asks[way] = _asking(await running.enter_async_context(verifier))
        yield asks


def _asking(verifier: Verifier) -> Ask:
    async def ask(token: str) -> frozenset[str] | None:
        try:
            return (await verifier.verify(token)).roles
        except InvalidToken:
            return None

    return ask


async def _ask_api(api: httpx.AsyncClient, token: str) -> frozenset[str] | None:
    # Only administrators may see it: 200 and 403 tell who is one.
    answer = await api.get("/api/admin/revocations", headers={"Authorization": f"Bearer {token}"})
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return None
    assert answer.status_code in (httpx.codes.OK, httpx.codes.FORBIDDEN), answer.text
    return frozenset({"Admin"} if answer.status_code == httpx.codes.OK else ())


@pytest.fixture
def way(stack: Stack) -> Any:
    way = Way.direct(stack)
    yield way
    way.close()


@pytest.fixture
def administrator(stack: Stack, way: Way) -> Administrator:
    administrator = Administrator(way, stack.admin)
    assert administrator.sign_in().status_code == 200
    return administrator


def revoke(stack: Stack, person: Person) -> httpx.Response:
    """Have the app's client revoke the access token that it holds, and no more than that (RFC 7009 §2)."""
    return person.way.issuer.post(
        "/oauth2/revoke",
        data={"token": person.access_token, "token_type_hint": "access_token"},
        auth=("bff", stack.client_secret),
    )


async def in_force(
    delays: Delays, kind: str, asks: dict[str, Ask], token: str, holds: Callable[[frozenset[str] | None], bool]
) -> None:
    """Ask all verifiers from now, when a change was acknowledged, until it is in force at each of them."""
    acknowledged_at = time.monotonic()

    async def until_it_holds(name: str, ask: Ask) -> None:
        while True:
            asked_at = time.monotonic()
            if holds(await ask(token)):
                # Counted to the answer: it was in force at some moment since the question.
                delays.seconds[name, kind].append(time.monotonic() - acknowledged_at)
                return
            assert asked_at < acknowledged_at + 2 * REVOKED_WITHIN_SECONDS, f"{name}: {kind} is not in force"
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as tasks:
        for name, ask in asks.items():
            tasks.create_task(until_it_holds(name, ask))


async def goes_through(
    stack: Stack, administrator: Administrator, account: Account, asks: dict[str, Ask], delays: Delays, number: int
) -> None:
    """One person's story: roles that come and go, tokens that are revoked one by one, and at last the end of all."""
    answer = await asyncio.to_thread(administrator.create, account)
    person = Person(administrator.way, account, answer.json()["id"])
    assert (await asyncio.to_thread(person.sign_in)).status_code == 200
    for turn in range(ROLE_CHANGES_OF_EACH):
        roles = ["User", "Admin"] if turn % 2 == 0 else ["User"]
        entry = await asyncio.to_thread(administrator.read, person.user_id)
        changed = await asyncio.to_thread(administrator.change, entry, roles=roles)
        assert changed.status_code == 200, changed.text
        is_admin = "Admin" in roles
        await in_force(
            delays,
            "role",
            asks,
            person.access_token,
            lambda held, wanted=is_admin: held is not None and ("Admin" in held) == wanted,
        )
    for _ in range(TOKENS_OF_EACH):
        assert await everybody_accepts(asks, person.access_token)
        assert (await asyncio.to_thread(revoke, stack, person)).status_code == 200
        await in_force(delays, "jti", asks, person.access_token, lambda held: held is None)
        assert (await asyncio.to_thread(person.refresh)).status_code == 200
    assert await everybody_accepts(asks, person.access_token)
    if number % 2:
        assert (await asyncio.to_thread(person.sign_out)).status_code == 204
        kind = "session"
    else:
        entry = await asyncio.to_thread(administrator.read, person.user_id)
        assert (await asyncio.to_thread(administrator.change, entry, disabled=True)).status_code == 200
        kind = "user"
    await in_force(delays, kind, asks, person.access_token, lambda held: held is None)


async def everybody_accepts(asks: dict[str, Ask], token: str) -> bool:
    return all([await ask(token) is not None for ask in asks.values()])


async def test_what_was_acknowledged_is_in_force_at_every_verifier(
    stack: Stack, administrator: Administrator, verifiers: dict[str, Ask], browsers: Load, report: Report
) -> None:
    """P2, P3."""
    delays = Delays()
    with browsers.at_work() as findings:
        for number in range(PEOPLE):
            await goes_through(stack, administrator, stranger(), verifiers, delays, number)

    report(findings, delays.lines())
    assert delays.worst("jti", "session", "user") <= REVOKED_WITHIN_SECONDS
    assert delays.worst("role") <= ROLES_SECONDS
