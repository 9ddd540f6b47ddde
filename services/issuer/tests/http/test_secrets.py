"""Canary secrets, driven through every route in every place, and everything that the issuer writes down afterwards."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from canaries import (
    COOKIES,
    USER_ID,
    assert_none_in,
    basic_credential,
    drive,
    everything_logged,
    known_by,
    secrets_of,
)
from issuer_http import HttpWorld, running_issuer, sign_in
from issuer_sqlite import running_on_sqlite
from issuer_world import ISSUER, issuer_settings
from paseport_shared.domain.models.user import User, UserQuery
from paseport_testkit.harness.upstream import FAILING, NOT_JSON, Upstream, UpstreamClient
from upstream_sign_in import CORP, HUB, corp, hub, register, running_with_upstream, somebody


@pytest.fixture
def log() -> Iterator[io.BytesIO]:
    with everything_logged() as stream:
        yield stream


async def written_down(http: HttpWorld, log: io.BytesIO) -> str:
    """Everything that stays: the log, the audit log, the metrics."""
    async with http.inside(None) as operator:
        metrics = (await operator.get("/metrics")).text
    return log.getvalue().decode() + metrics + repr(await http.world.audited())


async def test_no_secret_is_written_down_whatever_route_it_is_sent_to(tmp_path: Path, log: io.BytesIO) -> None:
    """LG-21, P11: log at DEBUG, errors, audit log, metrics, answers."""
    async with running_issuer(tmp_path, issuer_settings(login_attempts_per_address=1_000_000)) as http:
        secrets = await secrets_of(http)
        internal = "http://127.0.0.1:3010"

        # The canaries end the session that they belong to, so the driver has one of its own.
        verifier = "Basic " + secrets["verifier's credential"]
        as_verifier = dict.fromkeys(("/verifiers/v1/feed", "/verifiers/v1/principals"), verifier)
        root = known_by(await http.token("root"))
        await drive(http.public, ISSUER, root, secrets, lambda path: True, as_verifier)
        for name, mine in (("service secret", ("principals", "feed")), ("command line secret", ("cli-token",))):
            headers = known_by(secrets[name])
            await drive(http.internal, internal, headers, secrets, lambda path, mine=mine: path.endswith(mine))

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
        answers.append(await admin.post("/api/me/tokens", json={"name": "another"}))
    async with http.bearer(secrets["API key"]) as program:
        answers.append(await program.get("/api/me/tokens"))
    async with http.bearer(None) as service:
        service.headers["Authorization"] = "Basic " + secrets["verifier's credential"]
        answers += [
            await service.get("/verifiers/v1/feed"),
            await service.post("/verifiers/v1/principals", json={"subject": USER_ID}),
        ]
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


async def test_no_secret_of_a_sign_in_through_a_provider_is_written_down(
    tmp_path: Path, log: io.BytesIO, upstream: Upstream, client: UpstreamClient
) -> None:
    """LG-21, P11: whether it succeeds or not: client secret, codes, code verifiers, the provider's access tokens."""
    async with running_with_upstream(tmp_path, upstream) as http:
        await register(http, corp(upstream, client), client.secret)
        await register(http, hub(upstream, client), client.secret)
        answers: list[httpx.Response] = []
        wrongs: list[dict[str, Any]] = [
            {}, {"userinfo": FAILING}, {"token": NOT_JSON}, {"id_token": {"set": {"nonce": "other"}}},
            {"id_token": {"key": "unknown"}}, {"token": {"status": 400}}, {"github_user": FAILING},
            {"github_emails": NOT_JSON}, {"github_token": FAILING},
        ]  # fmt: skip
        for wrong in wrongs:
            upstream.misbehave(**wrong)
            for provider in (CORP, HUB):
                async with somebody(http, upstream) as person:
                    answers.append(await person.come_back(provider))
        upstream.misbehave()
        for provider in await http.world.use.read_providers.all():
            await http.world.use.read_providers.try_registered(provider.id)
        secrets = {"client secret": client.secret, "credential": basic_credential(client.id, client.secret)}
        for number, request in enumerate(upstream.requests()):
            secrets[f"authorization {number}"] = request.headers.get("authorization", "").partition(" ")[2]
            for name in ("code", "code_verifier"):
                secrets[f"{name} {number}"] = request.form.get(name, "")
        # What a test of a connection sends in place of a code is no secret.
        secrets = {
            name: secret for name, secret in secrets.items() if secret and not secret.startswith("paseport-connection")
        }
        written = await written_down(http, log)

    assert len({secret for name, secret in secrets.items() if name.startswith("authorization")}) >= 10
    assert {answer.status_code for answer in answers} == {303, 400, 502}
    assert_none_in(written + "".join(answer.text for answer in answers), secrets)
