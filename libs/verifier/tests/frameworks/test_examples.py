"""The examples, run as they are, against an issuer that answers over HTTP: what a stranger gets who copies one."""

import asyncio
import contextlib
import runpy
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from downstream import CHALLENGE, INVALID_TOKEN, authorization, client

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MAX_LINES = 30
ASGI = ("asgi_service", "litestar_service", "fastapi_service")
ALL = (*ASGI, "flask_service")

Ask = Callable[..., Awaitable[tuple[int, str, httpx.Headers]]]


@dataclass
class Example:
    """One example that runs: ask it for a path with these ``Authorization`` headers."""

    namespace: dict[str, Any]
    ask: Ask


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, paseport_issuer: Any) -> None:
    """The one place that knows where the issuer comes from."""
    monkeypatch.setenv("PASEPORT_ISSUER", paseport_issuer.url)
    monkeypatch.setenv("PASEPORT_AUDIENCE", paseport_issuer.audience)
    monkeypatch.setenv("PASEPORT_CLIENT_ID", paseport_issuer.client_id)
    monkeypatch.setenv("PASEPORT_CLIENT_SECRET", paseport_issuer.client_secret)


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """What a server does before the first request and after the last."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    running = asyncio.create_task(app(scope, told.get, answers.put))
    try:
        await told.put({"type": "lifespan.startup"})
        assert (await answers.get())["type"] == "lifespan.startup.complete"
        yield
        await told.put({"type": "lifespan.shutdown"})
        assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    finally:
        await running


@contextlib.asynccontextmanager
async def example_of(name: str) -> AsyncIterator[Example]:
    namespace = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    app = namespace["app"]
    if name in ASGI:
        async with lifespan(app), client(app) as caller:

            async def ask(path: str, *values: str) -> tuple[int, str, httpx.Headers]:
                answer = await caller.get(path, headers=authorization(*values))
                return answer.status_code, answer.text, answer.headers

            yield Example(namespace, ask)
        return

    def ask_wsgi(path: str, *values: str) -> tuple[int, str, httpx.Headers]:
        # What a WSGI server makes of repeated headers.
        headers = {"Authorization": ",".join(values)} if values else {}
        answer = app.test_client().get(path, headers=headers)
        return answer.status_code, answer.text, httpx.Headers(list(answer.headers))

    async def ask_in_thread(path: str, *values: str) -> tuple[int, str, httpx.Headers]:
        return await asyncio.to_thread(ask_wsgi, path, *values)

    try:
        yield Example(namespace, ask_in_thread)
    finally:
        namespace["verifier"].close()


@pytest.mark.parametrize("name", ALL)
async def test_it_lets_those_in_who_may_and_nobody_else(name: str, paseport_issuer: Any) -> None:
    alice = paseport_issuer.add_user(username="alice", roles=["User"])
    token = f"Bearer {paseport_issuer.mint_token(alice)}"

    async with example_of(name) as example:
        welcome = await example.ask("/hello", token)
        nobody = await example.ask("/hello")
        refused = await example.ask("/audit", token)
        bad = [
            await example.ask("/hello", "Bearer v4.public.junk"),
            await example.ask("/hello", f"Bearer {paseport_issuer.mint_token(alice, expired=True)}"),
            await example.ask(
                "/hello", f"Bearer {paseport_issuer.mint_token(alice, audience='https://other.example')}"
            ),
            await example.ask("/hello", token, token),
        ]

    assert (welcome[0], welcome[1].strip('"')) == (200, "alice")
    assert (nobody[0], nobody[2]["www-authenticate"]) == (401, CHALLENGE)
    assert refused[0] == 403
    assert {(status, body) for status, body, _ in bad} == {(401, bad[0][1])}
    assert {headers["www-authenticate"] for _, _, headers in bad} == {INVALID_TOKEN}


@pytest.mark.parametrize("name", ALL)
async def test_a_new_role_and_a_revoked_session_count_at_once(name: str, paseport_issuer: Any) -> None:
    """P2, P3: the token stays the same."""
    alice = paseport_issuer.add_user(roles=["User"])
    token = paseport_issuer.mint_token(alice)

    async with example_of(name) as example:
        before = await example.ask("/audit", f"Bearer {token}")
        await paseport_issuer.set_roles(alice, ["Admin"])
        promoted = await example.ask("/audit", f"Bearer {token}")
        await paseport_issuer.revoke(session=token)
        after = await example.ask("/audit", f"Bearer {token}")

    assert (before[0], promoted[0], after[0]) == (403, 200, 401)


@pytest.mark.parametrize("name", ALL)
async def test_started_without_its_issuer_it_lets_nobody_in_until_the_issuer_is_there(
    name: str, paseport_issuer: Any
) -> None:
    """FT-08."""
    token = f"Bearer {paseport_issuer.mint_token()}"

    with paseport_issuer.outage():
        async with example_of(name) as example:
            status, _, headers = await example.ask("/hello", token)

    assert (status, int(headers["retry-after"]) >= 1) == (503, True)


@pytest.mark.parametrize("name", ALL)
def test_it_can_be_read_at_a_glance(name: str) -> None:
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()

    assert len([line for line in lines if line.strip()]) <= MAX_LINES


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(ALL)
