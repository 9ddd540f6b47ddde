"""Canary secrets, driven through every route in every place, and everything that the issuer writes down afterwards."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from issuer_http import BROWSER, HttpWorld, running_issuer, sign_in
from issuer_sqlite import running_on_sqlite
from issuer_world import ISSUER, PASSWORD, issuer_settings
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from paseport_shared.domain.models.user import User, UserQuery
from paseport_shared.http.logging import LOGGED_FROM_LEVEL, configure_logging

USER_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
COOKIES = ("__Host-paseport-session", "__Host-paseport-refresh", "paseport-refresh", "other")


@pytest.fixture
def log() -> Iterator[io.BytesIO]:
    """Everything that is logged, as our own configuration writes it, with the libraries at DEBUG too."""
    root, client = logging.getLogger(), logging.getLogger("httpx")
    before = (root.handlers[:], root.level, client.level, structlog.get_config())
    stream = io.BytesIO()
    configure_logging("DEBUG", stream)
    structlog.configure(cache_logger_on_first_use=False)
    root.setLevel(logging.DEBUG)
    client.setLevel(logging.WARNING)  # the tests' own client logs the addresses that it asks for
    yield stream
    root.handlers[:], level, client_level, config = before
    root.setLevel(level)
    client.setLevel(client_level)
    for name in LOGGED_FROM_LEVEL:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.configure(**config)


async def secrets_of(http: HttpWorld) -> dict[str, str]:
    """One genuine secret of every kind that the issuer makes, takes or holds."""
    await http.world.add_user("root", roles=("Admin",))
    alice = await http.world.add_user("alice")
    async with http.browser() as browser:
        access_token = (await sign_in(browser, "root")).json()["access_token"]
        session, refresh = (browser.cookies[name] for name in COOKIES[:2])
    async with http.bearer(access_token) as admin:
        link = (await admin.post(f"/users/v1/{alice.id}/password-reset")).json()["url"]
    settings = http.world.settings
    assert settings.cli_secret is not None
    return {
        "password": PASSWORD.reveal(),
        "access token": access_token,
        "session cookie": session,
        "refresh token": refresh,
        "reset token": link.partition("#token=")[2],
        "service secret": settings.service_secret.reveal(),
        "command line secret": settings.cli_secret.reveal(),
        "refresh key": settings.refresh_key.reveal().decode(),
        "password pepper": "p" * 32,
    }


def routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Every method and path of an app, the documents included."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if isinstance(handler, HTTPRouteHandler):
                for method in sorted(handler.http_methods):
                    yield method, route.path.replace("{user_id:uuid}", USER_ID)


def placements(path: str, canary: str) -> Iterator[dict[str, Any]]:
    """Requests that carry the canary, each in another place."""
    # Whoever types into the wrong field types a password; whoever calls a program wrongly sends a token.
    fields = ("username", "password", "token", "subject", canary)
    yield {"params": {"token": canary, "search": canary, "cursor": canary, canary: "1"}}
    yield {"headers": {"Authorization": f"Bearer {canary}"}}
    yield {"headers": {"Authorization": f"Basic {canary}", "X-Api-Key": canary, "X-CSRF": canary}}
    yield {"headers": {"Cookie": "; ".join(f"{name}={canary}" for name in COOKIES)}}
    yield {"headers": {"If-Match": canary, "X-Request-Id": canary, "Referer": f"{ISSUER}/?{canary}"}}
    yield {"headers": {"X-Forwarded-For": canary, "Forwarded": canary, "Accept": canary, "Content-Type": canary}}
    yield {"headers": {"Origin": f"https://{canary.replace(' ', '-')}.example"}}
    yield {"content": canary}
    yield {"content": json.dumps(canary)}
    yield {"content": '{"password":"' + canary}
    if not path.startswith("/users"):
        yield {"json": dict.fromkeys(fields[:2], canary)}
        yield {"json": dict.fromkeys(fields[1:3], canary)}
    yield {"json": dict.fromkeys(fields, canary)}
    yield {"data": dict.fromkeys(fields, canary)}


async def drive(
    app: Litestar, base_url: str, bearer: str, secrets: dict[str, str], known_on: Callable[[str], bool]
) -> None:
    """Send every placement of every secret to every route, as somebody known, and read every answer."""
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 50000))
    headers = {**BROWSER, "Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers) as client:
        for method, path in [*routes(app), ("GET", "/nothing")]:
            statuses = set()
            for name, canary in secrets.items():
                for request in placements(path, canary):
                    answer = await client.request(method, path, **request)
                    client.cookies.clear()
                    statuses.add(answer.status_code)
                    assert answer.status_code < 500 or answer.status_code == 503, (method, path, name)
                    if not is_issued(path, answer, canary):
                        assert canary not in answer.text, (method, path, name)
                    assert canary not in str(answer.headers.multi_items()), (method, path, name)
            if known_on(path):
                assert statuses - {401, 403, 429}, (method, path, "nothing came past the guards")
        for canary in secrets.values():
            for path in (f"/users/v1/{canary}", f"/{canary}", f"/auth/v1/{canary}", f"/users/v1/{USER_ID}/{canary}"):
                assert canary not in (await client.get(path)).text


def is_issued(path: str, answer: httpx.Response, canary: str) -> bool:
    """Say whether an answer is meant to hold a token: one that was just made may not be told from a canary."""
    return answer.is_success and path.endswith("token") and canary.startswith("v4.public.")


async def written_down(http: HttpWorld, log: io.BytesIO) -> str:
    """Everything that stays: the log, the audit log, the metrics."""
    async with http.inside(None) as operator:
        metrics = (await operator.get("/metrics")).text
    return log.getvalue().decode() + metrics + repr(await http.world.audited())


def assert_none_in(text: str, secrets: dict[str, str]) -> None:
    for name, secret in secrets.items():
        assert secret not in text, name
        # Nor the part of a cookie or a token that makes it one: ids may be written down.
        for part in secret.replace(".", "_").split("_"):
            assert len(part) < 40 or part not in text, name


async def test_no_secret_is_written_down_whatever_route_it_is_sent_to(tmp_path: Path, log: io.BytesIO) -> None:
    """LG-21, P11: log at DEBUG, errors, audit log, metrics, answers."""
    async with running_issuer(tmp_path, issuer_settings(login_attempts_per_address=1_000_000)) as http:
        secrets = await secrets_of(http)
        internal = "http://127.0.0.1:3010"

        # The canaries end the session that they belong to, so the driver has one of its own.
        await drive(http.public, ISSUER, await http.token("root"), secrets, lambda path: True)
        for name, mine in (("service secret", ("principals", "feed")), ("command line secret", ("cli-token",))):
            await drive(http.internal, internal, secrets[name], secrets, lambda path, mine=mine: path.endswith(mine))

        written = await written_down(http, log)
    assert written.count('"event":"request"') > 1_000
    assert_none_in(written, secrets)


@pytest.mark.parametrize("backend", ["mariadb", "redis", "vault"])
async def test_no_secret_is_written_down_during_an_outage(http: HttpWorld, log: io.BytesIO, backend: str) -> None:
    """LG-21."""
    secrets = await secrets_of(http)

    with getattr(http.world.outages, backend):
        await use_everything(http, secrets)

    assert_none_in(await written_down(http, log), secrets)


async def test_no_secret_is_written_down_by_a_bug(http: HttpWorld, log: io.BytesIO) -> None:
    """LG-21: the traceback of a 500 shows code, no values."""
    secrets = await secrets_of(http)

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    transact, find = http.world.record.transact, http.world.families.find_family
    http.world.record.transact = broken  # type: ignore[method-assign, assignment]
    http.world.families.find_family = broken  # type: ignore[method-assign, assignment]
    answers = await use_everything(http, secrets)
    http.world.record.transact, http.world.families.find_family = transact, find  # type: ignore[method-assign]

    assert {answer.status_code for answer in answers if answer.status_code >= 500} == {500}
    for answer in answers:
        assert "bug" not in answer.text
        assert "Traceback" not in answer.text
    written = await written_down(http, log)
    assert "RuntimeError: a bug" in written
    assert_none_in(written, secrets)


async def test_no_secret_is_written_down_by_a_database_that_fails(tmp_path: Path, log: io.BytesIO) -> None:
    """LG-21, DT-06: drivers quote statements and parameters."""
    async with running_on_sqlite(tmp_path) as (http, engine):
        secrets = await secrets_of(http)
        hashes = [(await http.world.user(user.id)).password_hash for user in await everybody(http)]
        async with engine.begin() as connection:
            for table in ("password_resets", "user_roles", "users"):
                await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone_{table}")
        answers = await use_everything(http, secrets)
        assert 503 in {answer.status_code for answer in answers}

        text = log.getvalue().decode()
        assert_none_in(text, secrets)
        ours = "".join(line for line in text.splitlines() if '"logger":"aiosqlite"' not in line)
        for password_hash in hashes:
            assert password_hash is not None
            assert password_hash not in ours


async def everybody(http: HttpWorld) -> tuple[User, ...]:
    return (await http.world.use.read_users.page(UserQuery())).items


async def use_everything(http: HttpWorld, secrets: dict[str, str]) -> list[httpx.Response]:
    """Use each secret as it is meant to be used."""
    cookies = f"{COOKIES[0]}={secrets['session cookie']}; {COOKIES[1]}={secrets['refresh token']}"
    new = {"username": "new", "email": "new@example.com", "roles": [], "password": secrets["password"]}
    reset = {"token": secrets["reset token"], "password": "another good password"}
    answers = []
    async with http.browser(Cookie=cookies) as browser:
        answers += [
            await sign_in(browser, "alice", secrets["password"]),
            await browser.post("/auth/v1/refresh"),
            await browser.post("/auth/v1/password/reset", json=reset),
            await browser.post("/auth/v1/logout"),
        ]
    async with http.bearer(secrets["access token"]) as admin:
        answers += [await admin.get("/users/v1"), await admin.post("/users/v1", json=new)]
    async with http.inside(secrets["service secret"]) as api:
        answers.append(await api.post("/internal/v1/principals", json={"subject": USER_ID}))
    async with http.inside(secrets["command line secret"]) as command_line:
        answers.append(await command_line.post("/internal/v1/cli-token"))
    return answers


async def test_cookies_hold_nothing_that_can_be_read(http: HttpWorld) -> None:
    """DT-06, BF-01: random ids and secrets, no name, no address, no user id, no role."""
    user = await http.world.add_user("zaphod", roles=("Admin",))
    async with http.browser() as browser:
        answer = await sign_in(browser, "zaphod")
        values = "".join(browser.cookies.values())

    for readable in ("zaphod", "example.com", str(user.id), user.id.hex, "Admin", answer.json()["access_token"]):
        assert readable not in values
    assert answer.json()["access_token"] not in str(answer.headers)
