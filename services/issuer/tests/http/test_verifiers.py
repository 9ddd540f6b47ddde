"""Registered verifiers over HTTP: administrators who manage them, services that are one, and everybody else."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from canaries import routes
from issuer_http import BROWSER, HttpWorld, problem, running_issuer
from issuer_world import ISSUER, issuer_settings
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.domain.models.client import api_audience
from paseport_shared.http.app import ServiceApp

REPORTS = {"name": "Reports", "audience": "https://reports.example.com"}
SHOP = {"client_id": "shop", "name": "Shop", "grants": ["client_credentials"]}
TAG = {"If-Match": '"1"'}
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"
SERVICE = "service-secret-of-at-least-32-characters"
CHALLENGE = 'Basic realm="paseport", charset="UTF-8"'
OPEN_TO_VERIFIERS = {("GET", "/verifiers/v1/feed"), ("POST", "/verifiers/v1/principals")}


@pytest.fixture
async def admin(http: HttpWorld) -> str:
    await http.world.add_user("root", roles=("Admin", "User"))
    return await http.token("root")


async def create(http: HttpWorld, admin: str, **changes: str) -> dict[str, Any]:
    """Register a verifier and return what its administrator is shown."""
    async with http.bearer(admin) as client:
        answer = await client.post("/verifiers/v1", json=REPORTS | changes)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def every_request(client: httpx.AsyncClient, verifier_id: str = "verifier-1") -> list[httpx.Response]:
    """Send each kind of management request once."""
    path = f"/verifiers/v1/{verifier_id}"
    return [
        await client.get("/verifiers/v1"),
        await client.post("/verifiers/v1", json=REPORTS),
        await client.get(path),
        await client.patch(path, json={"name": "Mine"}, headers=TAG),
        await client.delete(path, headers=TAG),
        await client.post(f"{path}/secrets", json={}),
        await client.delete(f"{path}/secrets/settings"),
    ]


async def every_question(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Ask what verifiers ask."""
    return [
        await client.get("/verifiers/v1/feed"),
        await client.post("/verifiers/v1/principals", json={"subject": UNKNOWN}),
    ]


# --- administration -----------------------------------------------------------------------------------------------


async def test_without_a_token_every_route_asks_to_sign_in(http: HttpWorld) -> None:
    """AD-01, TK-01."""
    async with http.bearer(None) as anybody:
        for answer in await every_request(anybody):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="paseport"'


async def test_a_user_without_the_role_is_forbidden_on_every_route(http: HttpWorld) -> None:
    """AD-01, AD-05."""
    await http.world.add_user("alice")
    async with http.bearer(await http.token("alice")) as client:
        for answer in await every_request(client):
            assert (answer.status_code, problem(answer)["code"]) == (403, "insufficient_role")


@pytest.mark.parametrize("scope", [("openid", "roles"), ("openid", "admin"), ()])
async def test_an_admins_token_without_the_scopes_manages_nothing(http: HttpWorld, scope: tuple[str, ...]) -> None:
    """Design §3: a token is never worth more than its scope, whatever roles its subject has."""
    root = await http.world.add_user("root", roles=("Admin",))
    grant = UserGrant(root.id, 1, None, "0" * 22, scope, api_audience(ISSUER), http.world.clock.now(), ("pwd",))
    async with http.bearer(await http.world.token_for(grant)) as client:
        answers = await every_request(client)

    assert {answer.status_code for answer in answers} == {403}


async def test_an_admin_registers_reads_changes_and_revokes_a_verifier(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        created = await client.post("/verifiers/v1", json=REPORTS)
        path = created.headers["location"]
        read = await client.get(path)
        changed = await client.patch(path, json={"name": "Wiki"}, headers=TAG)
        listed = (await client.get("/verifiers/v1")).json()
        gone = await client.delete(path, headers={"If-Match": '"2"'})
        missing = await client.get(path)
        empty = (await client.get("/verifiers/v1")).json()

    body = created.json()
    assert (created.status_code, created.headers["etag"], created.headers["cache-control"]) == (201, '"1"', "no-store")
    assert path == f"/verifiers/v1/{body['client_id']}"
    assert body.keys() == {
        "client_id", "name", "audience", "secrets", "created_at", "updated_at", "client_secret",
    }  # fmt: skip
    assert body | REPORTS == body
    assert body["client_secret"].startswith("pcs_")
    assert read.json() == {name: value for name, value in body.items() if name != "client_secret"}
    assert read.headers["etag"] == '"1"'
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["name"], changed.json()["audience"]) == ("Wiki", REPORTS["audience"])
    assert (listed["items"], listed["next"], listed["total"]) == ([changed.json()], None, 1)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")
    assert (empty["items"], empty["total"]) == ([], 0)
    assert body["client_secret"] not in read.text + changed.text + str(listed)


async def test_an_admin_rolls_a_secret_and_ends_the_old_one(http: HttpWorld, admin: str) -> None:
    made = await create(http, admin)
    path = f"/verifiers/v1/{made['client_id']}/secrets"
    async with http.bearer(admin) as client:
        rolled = await client.post(path, json={"previous_expires_in": 3600})
        third = await client.post(path, json={})
        ended = await client.delete(f"{path}/{made['secrets'][0]['id']}")
        unknown = await client.delete(f"{path}/{made['secrets'][0]['id']}")

    assert (rolled.status_code, rolled.headers["etag"], rolled.headers["cache-control"]) == (201, '"2"', "no-store")
    assert (third.status_code, problem(third)["code"]) == (409, "too_many_secrets")
    assert (ended.status_code, unknown.status_code) == (204, 404)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        assert (await service.get("/verifiers/v1/feed")).status_code == 401
    async with http.service(made["client_id"], rolled.json()["client_secret"]) as service:
        assert (await service.get("/verifiers/v1/feed")).status_code == 200


async def test_a_write_needs_the_etag_that_was_read(http: HttpWorld, admin: str) -> None:
    """RFC 9110 §13.1.1, RFC 6585 §3."""
    path = f"/verifiers/v1/{(await create(http, admin))['client_id']}"
    async with http.bearer(admin) as client:
        blind = [await client.patch(path, json={"name": "X"}), await client.delete(path)]
        stale = [
            await client.patch(path, json={"name": "X"}, headers={"If-Match": tag})
            for tag in ('"2"', "*", 'W/"1"', f'"{2**63}"')
        ]

    assert {answer.status_code for answer in blind} == {428}
    assert {answer.status_code for answer in stale} == {412}


@pytest.mark.parametrize(
    "body",
    [
        REPORTS | {"client_id": "mine"},
        REPORTS | {"client_secret": "mine"},
        REPORTS | {"scopes": ["admin"]},
        REPORTS | {"kind": "client"},
        REPORTS | {"audience": [REPORTS["audience"]]},
        REPORTS | {"audience": f"{ISSUER}/api"},
        REPORTS | {"name": ""},
        {"name": "Reports"},
        [],
    ],
)
async def test_what_is_no_verifier_is_refused_before_anything_happens(
    http: HttpWorld, admin: str, body: object
) -> None:
    async with http.bearer(admin) as client:
        answer = await client.post("/verifiers/v1", json=body)
        listed = await client.get("/verifiers/v1")

    assert answer.status_code in (400, 422)
    assert listed.json()["total"] == 0


@pytest.mark.parametrize("query", [{"limit": "0"}, {"cursor": "x"}, {"search": "x" * 101}, {"secret": "hunter2"}])
async def test_a_list_that_is_not_understood_is_refused(http: HttpWorld, admin: str, query: dict[str, str]) -> None:
    """AD-08."""
    async with http.bearer(admin) as client:
        answer = await client.get("/verifiers/v1", params=query)

    assert answer.status_code == 422
    assert "hunter2" not in answer.text


async def test_clients_and_verifiers_are_not_managed_through_each_others_routes(http: HttpWorld, admin: str) -> None:
    """AD-01."""
    made = await create(http, admin)
    async with http.bearer(admin) as client:
        await client.post("/clients/v1", json=SHOP)
        clients = (await client.get("/clients/v1", params={"search": "verifier"})).json()
        strangers = [
            await client.get(f"/clients/v1/{made['client_id']}"),
            await client.patch(f"/clients/v1/{made['client_id']}", json={"first_party": True}, headers=TAG),
            await client.delete(f"/clients/v1/{made['client_id']}", headers=TAG),
            await client.post(f"/clients/v1/{made['client_id']}/secrets", json={}),
        ]
        for client_id in ("shop", "bff", "principals"):
            strangers += (await every_request(client, client_id))[2:]

    assert clients["total"] == 0
    # ``principals`` is no verifier: a POST alone is answered there, to verifiers.
    assert {answer.status_code for answer in strangers} <= {404, 405}


# --- what verifiers ask -------------------------------------------------------------------------------------------


async def test_a_verifier_learns_a_subjects_state_and_nothing_else(http: HttpWorld, admin: str) -> None:
    """Neither address nor name: a verifier is somebody else's service."""
    user = await http.world.vouch_for(await http.world.add_user("alice", roles=("User", "Editor")), "Alice")
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        found = await service.post("/verifiers/v1/principals", json={"subject": str(user.id)})
        absent = await service.post("/verifiers/v1/principals", json={"subject": UNKNOWN})

    assert found.status_code == 200
    assert found.json() == {
        "subject": str(user.id), "username": "alice", "roles": ["Editor", "User"], "enabled": True, "version": 1,
        "revision": 2,
    }  # fmt: skip
    assert found.headers["cache-control"] == "no-store"
    assert (absent.status_code, problem(absent)["code"]) == (404, "not_found")


async def test_a_verifier_follows_revocations(http: HttpWorld, admin: str) -> None:
    """TK-22, TK-23."""
    user = await http.world.add_user("alice")
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        start = (await service.get("/verifiers/v1/feed")).json()
        await http.world.disable(user)
        await http.world.follow()
        position = {"epoch": start["epoch"], "seq": start["seq"], "wait": 0}
        followed = await service.get("/verifiers/v1/feed", params=position)

    assert start["reset"] is True
    assert followed.json()["reset"] is False
    assert str(user.id) in followed.text
    assert followed.headers["cache-control"] == "no-store"


async def test_a_waiting_verifier_hears_of_a_revocation_at_once(http: HttpWorld, admin: str) -> None:
    """TK-22: the long poll."""
    await http.world.add_user("alice")
    issued = await http.world.sign_in()
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        start = (await service.get("/verifiers/v1/feed")).json()
        position = {"epoch": start["epoch"], "seq": start["seq"], "wait": 1}
        signing_out = asyncio.create_task(http.world.sign_out(issued))
        async with asyncio.timeout(0.9):
            answer = (await service.get("/verifiers/v1/feed", params=position)).json()
            while answer["seq"] == start["seq"]:  # a heartbeat came first
                answer = (await service.get("/verifiers/v1/feed", params=position)).json()
        await signing_out


@pytest.mark.parametrize("query", [{"epoch": "x", "seq": "0"}, {"wait": "2"}, {"wait": "nan"}, {"seq": "9" * 5_000}])
async def test_a_made_up_position_or_wait_is_refused(http: HttpWorld, admin: str, query: dict[str, str]) -> None:
    """AD-16."""
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        answer = await service.get("/verifiers/v1/feed", params=query)

    assert (answer.status_code, problem(answer)["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"subject":"alice"}', b'{"subject":null,"x":1}'])
async def test_a_malformed_question_is_refused(http: HttpWorld, admin: str, body: bytes) -> None:
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        answer = await service.post("/verifiers/v1/principals", content=body)

    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request")


# --- who is no verifier -------------------------------------------------------------------------------------------


async def test_every_wrong_credential_gets_the_same_answer(http: HttpWorld, admin: str) -> None:
    """TE-05: unknown id, wrong secret, revoked; a client's, the api's and an administrator's credential."""
    made, revoked = await create(http, admin), await create(http, admin)
    known, secret = made["client_id"], made["client_secret"]
    async with http.bearer(admin) as client:
        shop = (await client.post("/clients/v1", json=SHOP)).json()["client_secret"]
        await client.delete(f"/verifiers/v1/{revoked['client_id']}", headers=TAG)
    headers: list[list[tuple[str, str]]] = [
        [],
        *(
            [("Authorization", basic(*pair))]
            for pair in (
                ("nobody", secret),
                (known, "wrong"),
                (known, ""),
                ("", secret),
                (known.upper(), secret),
                (revoked["client_id"], revoked["client_secret"]),
                ("shop", shop),
                ("bff", http.world.settings.bff_client_secret.reveal()),
                (known, SERVICE),
                (known, "😀"),
            )
        ),
        [("Authorization", f"Bearer {secret}")],
        [("Authorization", f"Bearer {admin}")],
        [("Authorization", f"Bearer {SERVICE}")],
        [("Authorization", "Basic")],
        [("Authorization", "Basic !!!")],
        [("Authorization", basic(known, secret)[:-1])],
        [("Authorization", basic(known, secret).replace("Basic", "Digest"))],
        [("Authorization", basic(known, secret)), ("Authorization", basic(known, secret))],
    ]
    answers = []
    async with http.bearer(None) as client:
        for sent in headers:
            answers += [
                await client.get("/verifiers/v1/feed", headers=sent),
                await client.post("/verifiers/v1/principals", json={"subject": UNKNOWN}, headers=sent),
            ]
        in_the_query = await client.get("/verifiers/v1/feed", params={"client_id": known, "client_secret": secret})

    assert {(answer.status_code, answer.headers["www-authenticate"]) for answer in (*answers, in_the_query)} == {
        (401, CHALLENGE)
    }
    assert len({str(problem(answer)) for answer in answers}) == 1


async def test_a_revoked_verifier_is_refused_at_once(http: HttpWorld, admin: str) -> None:
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service, http.bearer(admin) as client:
        before = {answer.status_code for answer in await every_question(service)}
        await client.delete(f"/verifiers/v1/{made['client_id']}", headers=TAG)
        after = {answer.status_code for answer in await every_question(service)}

    assert before == {200, 404}
    assert after == {401}


async def test_a_stolen_credential_opens_these_two_answers_and_nothing_else(http: HttpWorld, admin: str) -> None:
    """AD-05: route by route, on both ports; a route that is added without thinking of this fails here."""
    made = await create(http, admin)
    credential = basic(made["client_id"], made["client_secret"])

    open_to_all = await routes_past_the_guards(http.public, None)
    opened = await routes_past_the_guards(http.public, credential)
    opened_as_a_token = await routes_past_the_guards(http.public, f"Bearer {made['client_secret']}")

    assert opened - open_to_all == OPEN_TO_VERIFIERS
    assert not open_to_all & OPEN_TO_VERIFIERS
    assert opened_as_a_token <= open_to_all
    for authorization in (credential, f"Bearer {made['client_secret']}"):
        inside = await routes_past_the_guards(http.internal, authorization)
        assert not [path for _, path in inside if path.startswith("/internal")]


async def test_a_verifier_is_an_unknown_client_at_every_oauth_endpoint(http: HttpWorld, admin: str) -> None:
    """TE-05: and a client that does not exist is answered the same."""
    made = await create(http, admin)
    answers: dict[str, list[tuple[int, str]]] = {}
    for client_id in (made["client_id"], "verifier-that-never-was"):
        async with http.service(client_id, made["client_secret"]) as service:
            got = [
                await service.post("/oauth2/token", data={"grant_type": "client_credentials"}),
                await service.post("/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": "x"}),
                await service.post("/oauth2/token", data={"grant_type": "authorization_code", "code": "x"}),
                await service.post("/oauth2/introspect", data={"token": admin}),
                await service.post("/oauth2/revoke", data={"token": admin}),
                await service.get(
                    "/oauth2/authorize",
                    params={"client_id": client_id, "redirect_uri": "https://evil.example/", "response_type": "code"},
                ),
                await service.get("/oauth2/logout", params={"client_id": client_id}),
            ]
        async with http.bearer(None) as anybody:
            form = {"client_id": client_id, "client_secret": made["client_secret"], "token": admin}
            got.append(await anybody.post("/oauth2/introspect", data=form))
        answers[client_id] = [(answer.status_code, answer.headers.get("www-authenticate", "")) for answer in got]

    assert answers[made["client_id"]] == answers["verifier-that-never-was"]
    assert [status for status, _ in answers[made["client_id"]]][:5] == [401] * 5
    async with http.bearer(admin) as client:  # nothing was revoked
        assert (await client.get("/verifiers/v1")).status_code == 200


async def test_an_address_that_goes_on_with_a_wrong_credential_is_told_to_wait(tmp_path: Path) -> None:
    """What was refused is counted; whoever is right behind the same address is not held up."""
    async with running_issuer(tmp_path, issuer_settings(login_attempts_per_address=5)) as http:
        await http.world.add_user("root", roles=("Admin",))
        made = await create(http, await http.token("root"))
        async with http.service("verifier-1", "wrong") as stranger:
            answers = [await stranger.get("/verifiers/v1/feed") for _ in range(6)]
        async with http.service(made["client_id"], made["client_secret"]) as neighbour:
            good = await neighbour.get("/verifiers/v1/feed")

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert good.status_code == 200


# --- outages ------------------------------------------------------------------------------------------------------


async def test_without_the_record_verifiers_are_answered(http: HttpWorld, admin: str) -> None:
    """FT-08, P7."""
    user = await http.world.add_user("alice")
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        with http.world.outages.mariadb:
            feed = await service.get("/verifiers/v1/feed")
            principal = await service.post("/verifiers/v1/principals", json={"subject": str(user.id)})
            absent = await service.post("/verifiers/v1/principals", json={"subject": UNKNOWN})

    assert (feed.status_code, principal.status_code, absent.status_code) == (200, 200, 404)


async def test_without_redis_verifiers_are_answered_from_the_record(http: HttpWorld, admin: str) -> None:
    """FT-08."""
    user = await http.world.add_user("alice")
    made = await create(http, admin)
    async with http.service(made["client_id"], made["client_secret"]) as service:
        with http.world.outages.redis:
            await http.world.follow()
            feed = await service.get("/verifiers/v1/feed")
            principal = await service.post("/verifiers/v1/principals", json={"subject": str(user.id)})
            absent = await service.post("/verifiers/v1/principals", json={"subject": UNKNOWN})

    assert (feed.status_code, principal.status_code, absent.status_code) == (200, 200, 404)


async def test_without_both_nobody_is_told_that_nothing_was_revoked(http: HttpWorld, admin: str) -> None:
    """FT-08: silence must never look like an answer."""
    seen, never_seen = await create(http, admin), await create(http, admin)
    async with http.service(seen["client_id"], seen["client_secret"]) as service:
        await service.get("/verifiers/v1/feed")
        with http.world.outages.redis, http.world.outages.mariadb:
            http.world.clock.advance(timedelta(seconds=2))
            answers = await every_question(service)
            async with http.service(never_seen["client_id"], never_seen["client_secret"]) as stranger:
                answers += await every_question(stranger)

    assert {(answer.status_code, problem(answer)["code"]) for answer in answers} == {(503, "unavailable")}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)


def basic(client_id: str, secret: str) -> str:
    """An Authorization header."""
    return f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"


async def routes_past_the_guards(app: ServiceApp, authorization: str | None) -> set[tuple[str, str]]:
    """Ask every route once, and return those that did not ask who that is."""
    passed = set()
    headers = BROWSER | ({} if authorization is None else {"Authorization": authorization})
    transport = httpx.ASGITransport(app, client=("192.0.2.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER, headers=headers) as client:
        for method, path in routes(app):
            answer = await client.request(method, path.replace(":str}", "}").replace("{", "").replace("}", ""), json={})
            client.cookies.clear()
            if answer.status_code not in (401, 403) and method != "OPTIONS":
                passed.add((method, path))
    return passed
