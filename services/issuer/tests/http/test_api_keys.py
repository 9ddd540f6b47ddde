"""API keys over HTTP: their owners, administrators, everybody else, and hostile input."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from issuer_http import HttpWorld, problem
from issuer_sqlite import running_on_sqlite
from issuer_world import ISSUER
from paseport_issuer.use_cases.issue_machine_token import MachineTokenCommand
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.domain.models.api_key import SCANNER_PATTERN, parse_api_key
from paseport_shared.domain.models.client import Client, ClientAuthMethod, GrantType, api_audience
from paseport_shared.domain.models.user import User

OWN = "/api/me/tokens"
ALL = "/api/users/-/tokens"
NO_KEY = "0" * 16
SERVICE = "service-secret-of-at-least-32-characters"
FULL: dict[str, Any] = {
    "name": "Backup",
    "comment": "Runs at night.\nAsk the operators.",
    "email": "ops@example.com",
    "roles": ["User"],
    "scopes": ["openid", "reports:read"],
    "hosts": ["app.example.com", "*.apps.example.com"],
    "paths": ["/reports", "/v1/données"],
    "methods": ["GET", "POST"],
    "cidrs": ["10.0.0.0/8", "2001:db8::/32"],
    "rate_limit": {"count": 100, "window_seconds": 60, "strict": True},
}


@dataclass
class People:
    """A user with a key, another user, and an administrator."""

    alice: User
    bob: User
    root: User
    key: dict[str, Any]
    tokens: dict[str, str]

    def path(self, user: User | str, key_id: str = "") -> str:
        """Return the administrators' path of somebody's keys, or of one of them."""
        owner = user if isinstance(user, str) else user.id
        return f"/api/users/{owner}/tokens" + (f"/{key_id}" if key_id else "")


@pytest.fixture
async def people(http: HttpWorld) -> People:
    alice, bob = await http.world.add_user("alice"), await http.world.add_user("bob")
    root = await http.world.add_user("root", roles=("Admin", "User"))
    tokens = {name: await http.token(name) for name in ("alice", "bob", "root")}
    async with http.bearer(tokens["alice"]) as client:
        key = (await client.post(OWN, json={"name": "hers"})).json()
    return People(alice, bob, root, key, tokens)


def tag(number: int) -> dict[str, str]:
    return {"If-Match": f'"{number}"'}


async def own_requests(client: httpx.AsyncClient, key_id: str) -> list[httpx.Response]:
    """Send each kind of request about your own keys once."""
    return [
        await client.get(OWN),
        await client.post(OWN, json={"name": "x"}),
        *await requests_about(client, f"{OWN}/{key_id}"),
    ]


async def admin_requests(client: httpx.AsyncClient, below: str, key_id: str) -> list[httpx.Response]:
    """Send each kind of request that administrators have once."""
    return [
        await client.get(ALL),
        await client.get(f"{ALL}/{key_id}"),
        await client.get(below),
        await client.post(below, json={"name": "x"}),
        *await requests_about(client, f"{below}/{key_id}"),
    ]


async def requests_about(client: httpx.AsyncClient, path: str) -> list[httpx.Response]:
    """Send each kind of request about one key once."""
    return [
        await client.get(path),
        await client.patch(path, json={"disabled": True}, headers=tag(1)),
        await client.post(f"{path}/rotate", json={}),
        await client.delete(path, headers=tag(1)),
    ]


# --- who may ask ------------------------------------------------------------------------------------------------------


async def test_without_a_token_every_route_asks_to_sign_in(http: HttpWorld, people: People) -> None:
    """AD-01, TK-01."""
    key_id = people.key["id"]
    async with http.bearer(None) as anybody:
        answers = await own_requests(anybody, key_id)
        answers += await admin_requests(anybody, people.path(people.alice), key_id)

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Bearer realm="paseport"'}


async def test_a_key_never_manages_keys(http: HttpWorld, people: People) -> None:
    """FA-16: not as a bearer token, not in any other header, not in the query."""
    text, key_id = people.key["key"], people.key["id"]
    answers = []
    async with http.bearer(text) as client:
        answers += await own_requests(client, key_id)
        answers += await admin_requests(client, people.path(people.alice), key_id)
    async with http.bearer(None) as client:
        client.headers["X-API-Key"] = text
        answers += await own_requests(client, key_id)
        answers.append(await client.get(OWN, params={"api_key": text, "access_token": text}))
        answers.append(await client.get(OWN, auth=("alice", text)))

    assert {answer.status_code for answer in answers} == {401}
    assert await names(http, people.tokens["alice"]) == ["hers"]


@pytest.mark.parametrize("scope", [("openid", "roles"), ("roles", "admin"), ()])
async def test_a_token_without_scope_account_reaches_none_of_its_owners_keys(
    http: HttpWorld, people: People, scope: tuple[str, ...]
) -> None:
    """Design §3: a token is never worth more than its scope."""
    async with http.bearer(await granted(http, people.alice, scope)) as client:
        answers = await own_requests(client, people.key["id"])

    assert {(answer.status_code, problem(answer)["code"]) for answer in answers} == {(403, "insufficient_scope")}


@pytest.mark.parametrize("scope", [("account", "roles"), ("admin",), ()])
async def test_an_admins_token_without_the_scopes_reaches_nobodys_keys(
    http: HttpWorld, people: People, scope: tuple[str, ...]
) -> None:
    async with http.bearer(await granted(http, people.root, scope)) as client:
        answers = await admin_requests(client, people.path(people.alice), people.key["id"])

    assert {answer.status_code for answer in answers} == {403}


async def test_a_token_of_a_third_party_client_is_none_here(http: HttpWorld, people: People) -> None:
    scope = ("account", "admin", "roles")
    token = await granted(http, people.root, scope, audience=f"{ISSUER}/userinfo")
    async with http.bearer(token) as client:
        answers = await own_requests(client, people.key["id"])
        answers += await admin_requests(client, people.path(people.alice), people.key["id"])

    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize("who", ["bob", "root"])
@pytest.mark.parametrize("which", ["hers", NO_KEY, "x", "%2e%2e", "ppk_" + NO_KEY, "é", "x" * 2_000])
async def test_a_key_that_is_not_your_own_is_not_found_whether_there_is_one_or_not(
    http: HttpWorld, people: People, who: str, which: str
) -> None:
    """AD-05: administrators too go by the administrators' routes."""
    key_id = people.key["id"] if which == "hers" else which
    async with http.bearer(people.tokens[who]) as client:
        answers = await requests_about(client, f"{OWN}/{key_id}")

    assert {answer.status_code for answer in answers} == {404}
    assert {problem(answer)["code"] for answer in answers} == {"not_found"}
    assert await names(http, people.tokens["alice"]) == ["hers"]


async def test_a_user_without_the_role_reaches_nobodys_keys_by_the_administrators_routes(
    http: HttpWorld, people: People
) -> None:
    """AD-01, AD-05: not even their own."""
    key_id = people.key["id"]
    async with http.bearer(people.tokens["alice"]) as client:
        answers = await admin_requests(client, people.path(people.alice), key_id)
        answers += await admin_requests(client, people.path(people.root), key_id)

    assert {(answer.status_code, problem(answer)["code"]) for answer in answers} == {(403, "insufficient_role")}


@pytest.mark.parametrize("owner", ["bob", "nobody"])
async def test_an_administrator_finds_a_key_below_its_owner_alone(http: HttpWorld, people: People, owner: str) -> None:
    """AD-05: an id in the body or the path never reaches beyond the user that the path names."""
    user: User | str = people.bob if owner == "bob" else "0190b5a2-7c3e-7a11-8f00-0123456789ab"
    async with http.bearer(people.tokens["root"]) as client:
        answers = await requests_about(client, people.path(user, people.key["id"]))
        if owner == "nobody":
            answers += [await client.get(people.path(user)), await client.post(people.path(user), json={"name": "x"})]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("audience", ["api", "userinfo"])
async def test_a_machines_token_manages_no_keys(http: HttpWorld, people: People, audience: str) -> None:
    """AD-05: a client for itself is nobody's account, whatever its token is for."""
    machine = Client(
        "stock-job",
        name="Stock",
        first_party=True,
        scope=(),
        audience=f"{ISSUER}/{audience}",
        auth_method=ClientAuthMethod.BASIC,
        grants=frozenset({GrantType.CLIENT_CREDENTIALS}),
    )
    token = await http.world.use.machine_token(MachineTokenCommand(machine, None, ()))
    async with http.bearer(token.value) as client:
        answers = await own_requests(client, people.key["id"])
        answers += await admin_requests(client, people.path(people.alice), people.key["id"])

    assert {answer.status_code for answer in answers} == {403 if audience == "api" else 401}


# --- your own ---------------------------------------------------------------------------------------------------------


async def test_somebody_makes_reads_changes_rotates_and_revokes_a_key(http: HttpWorld, people: People) -> None:
    async with http.bearer(people.tokens["alice"]) as client:
        created = await client.post(OWN, json=FULL | {"expires_in_days": 30})
        path = created.headers["location"]
        read = await client.get(path)
        changed = await client.patch(path, json={"name": "Restore", "rate_limit": None, "email": None}, headers=tag(1))
        rotated = await client.post(f"{path}/rotate", json={"overlap_hours": 2})
        gone = await client.delete(path, headers=tag(3))
        missing = await client.get(path)

    body = created.json()
    assert (created.status_code, created.headers["etag"], path) == (201, '"1"', f"{OWN}/{body['id']}")
    assert created.headers["cache-control"] == "no-store"
    assert body["key"].startswith(body["prefix"])
    assert body | FULL == body
    assert body["owner"] == {"id": str(people.alice.id), "username": "alice"}
    assert (body["disabled"], body["use_count"], body["last_used_at"]) == (False, 0, None)
    assert body["expires_at"] == later(http, timedelta(days=30))
    assert body["secrets"] == [{"created_at": body["created_at"], "expires_at": None, "pepper_version": 1}]
    assert read.headers["etag"] == '"1"'
    assert read.json() == {name: value for name, value in body.items() if name != "key"}
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["name"], changed.json()["rate_limit"], changed.json()["email"]) == ("Restore", None, None)
    assert changed.json()["hosts"] == FULL["hosts"]
    assert (rotated.status_code, rotated.headers["etag"], rotated.headers["cache-control"]) == (200, '"3"', "no-store")
    assert rotated.json()["key"] != body["key"]
    assert rotated.json()["prefix"] == body["prefix"]
    assert [held["expires_at"] for held in rotated.json()["secrets"]] == [later(http, timedelta(hours=2)), None]
    assert (gone.status_code, gone.content) == (204, b"")
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")


async def test_a_key_is_shown_once_and_looks_like_what_scanners_search_for(http: HttpWorld, people: People) -> None:
    """AD-11, FA-16."""
    text = people.key["key"]
    async with http.bearer(people.tokens["alice"]) as client:
        answers = [
            await client.get(OWN),
            await client.get(f"{OWN}/{people.key['id']}"),
            await client.patch(f"{OWN}/{people.key['id']}", json={"name": "x"}, headers=tag(1)),
        ]
    async with http.bearer(people.tokens["root"]) as client:
        answers += [await client.get(ALL), await client.get(people.path(people.alice))]

    assert re.fullmatch(SCANNER_PATTERN, text)
    assert parse_api_key(text) is not None
    assert {answer.status_code for answer in answers} == {200}
    assert not any(text.split("_")[2] in answer.text for answer in answers)


async def test_what_was_read_can_be_written_back(http: HttpWorld, people: People) -> None:
    async with http.bearer(people.tokens["alice"]) as client:
        created = await client.post(OWN, json=FULL | {"hosts": ["App.Example.com"], "paths": ["/v1/donn%C3%A9es"]})
        path = created.headers["location"]
        decided = {name: value for name, value in created.json().items() if name in FULL or name == "expires_at"}
        same = await client.patch(path, json=decided, headers=tag(1))
        again = await client.patch(path, json={"paths": [*decided["paths"], "/new"]}, headers=tag(1))

    assert (decided["hosts"], decided["paths"]) == (["app.example.com"], ["/v1/données"])
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    assert (again.status_code, again.json()["paths"]) == (200, ["/v1/données", "/new"])


async def test_an_end_may_be_said_in_any_zone_and_is_kept_in_utc(http: HttpWorld, people: People) -> None:
    async with http.bearer(people.tokens["alice"]) as client:
        created = await client.post(OWN, json={"name": "x", "expires_at": "2026-03-01T01:30:00+02:00"})
        path = created.headers["location"]
        changed = await client.patch(path, json={"expires_at": "2026-02-28T18:30:00-05:00"}, headers=tag(1))

    assert created.json()["expires_at"] == "2026-02-28T23:30:00Z"
    # The same moment in other words changes nothing.
    assert changed.headers["etag"] == '"1"'


async def test_a_key_lives_for_90_days_where_nothing_else_is_said(http: HttpWorld, people: People) -> None:
    assert people.key["expires_at"] == later(http, timedelta(days=90))


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"never_expires": True}, "never_expires"),
        ({"expires_in_days": 5, "expires_at": "2026-02-01T00:00:00Z"}, "expires_at"),
        ({"expires_in_days": 5, "never_expires": True}, "expires_at"),
        ({"expires_at": "2025-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2037-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+23:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:00"}, "expires_at"),
        ({"expires_in_days": 0}, "expires_at"),
        ({"expires_in_days": 4_000}, "expires_at"),
    ],
)
async def test_an_end_that_cannot_be_is_refused(
    http: HttpWorld, people: People, said: dict[str, Any], field: str
) -> None:
    async with http.bearer(people.tokens["alice"]) as client:
        created = await client.post(OWN, json={"name": "x"} | said)
        changed = await client.patch(f"{OWN}/{people.key['id']}", json=said, headers=tag(1))

    for answer in (created, changed):
        assert answer.status_code == 422
        assert [entry["field"] for entry in problem(answer)["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ({}, {400, 422}),
        ([], {400, 422}),
        ({"name": None}, {400, 422}),
        ({"name": "x", "id": NO_KEY}, {400, 422}),
        ({"name": "x", "owner_id": "0190b5a2-7c3e-7a11-8f00-0123456789ab"}, {400, 422}),
        ({"name": "x", "owner": {}}, {400, 422}),
        ({"name": "x", "key": "ppk_mine"}, {400, 422}),
        ({"name": "x", "secrets": []}, {400, 422}),
        ({"name": "x", "legacy_digest": "d" * 64}, {400, 422}),
        ({"name": "x", "use_count": 0}, {400, 422}),
        ({"name": "x", "hosts": "app.example.com"}, {400, 422}),
        ({"name": "x", "expires_at": "2026-02-01T00:00:00"}, {400, 422}),
        ({"name": "x", "expires_at": "tomorrow"}, {400, 422}),
        ({"name": "x", "rate_limit": {"count": 1}}, {400, 422}),
        ({"name": "x", "rate_limit": {"count": 10**7, "window_seconds": 1}}, {422}),
        ({"name": "x", "roles": ["Admin"]}, {422}),
    ],
)
async def test_what_is_no_key_is_refused_before_anything_happens(
    http: HttpWorld, people: People, body: object, statuses: set[int]
) -> None:
    async with http.bearer(people.tokens["alice"]) as client:
        answer = await client.post(OWN, json=body)

    assert answer.status_code in statuses
    assert await names(http, people.tokens["alice"]) == ["hers"]


async def test_every_mistake_is_named_at_once_and_repeated_nowhere(http: HttpWorld, people: People) -> None:
    """LG-21."""
    bad = {
        "name": " ", "hosts": ["hunter2:80"], "paths": ["hunter2"], "methods": ["HUNTER2"], "cidrs": ["hunter2"],
        "scopes": ["Hunter2"], "email": "hunter2", "roles": ["Hunter2"],
    }  # fmt: skip
    async with http.bearer(people.tokens["alice"]) as client:
        answer = await client.post(OWN, json=bad)

    assert answer.status_code == 422
    assert [entry["field"] for entry in problem(answer)["errors"]] == [
        "name", "email", "roles", "scopes", "hosts", "paths", "methods", "cidrs",
    ]  # fmt: skip
    assert "hunter2" not in answer.text.lower()


async def test_a_write_needs_the_etag_that_was_read(http: HttpWorld, people: People) -> None:
    """RFC 9110 §13.1.1, RFC 6585 §3."""
    path = f"{OWN}/{people.key['id']}"
    async with http.bearer(people.tokens["alice"]) as client:
        blind = [await client.patch(path, json={"name": "X"}), await client.delete(path)]
        stale = [
            await client.request(method, path, json={"name": "X"} if method == "PATCH" else None, headers=headers)
            for method in ("PATCH", "DELETE")
            for headers in ({"If-Match": tag} for tag in ('"2"', "*", 'W/"1"', f'"{2**63}"'))
        ]

    assert {(answer.status_code, problem(answer)["code"]) for answer in blind} == {(428, "precondition_required")}
    assert {answer.status_code for answer in stale} == {412}


async def test_a_third_key_at_once_is_refused(http: HttpWorld, people: People) -> None:
    path = f"{OWN}/{people.key['id']}"
    async with http.bearer(people.tokens["alice"]) as client:
        second = await client.post(f"{path}/rotate", json={})
        third = await client.post(f"{path}/rotate", json={})
        leaked = await client.post(f"{path}/rotate", json={"overlap_hours": 0})
        too_long = await client.post(f"{path}/rotate", json={"overlap_hours": 169})

    assert second.status_code == 200
    assert (third.status_code, problem(third)["code"]) == (409, "too_many_secrets")
    assert [held["expires_at"] for held in leaked.json()["secrets"]] == [None]
    assert too_long.status_code == 422


async def test_a_sensitive_key_asks_to_sign_in_again(http: HttpWorld, people: People) -> None:
    """AD-14, RFC 9470 §3."""
    scope = ("account", "admin", "roles")
    token = await granted(http, people.root, scope, signed_in=timedelta(minutes=16))
    async with http.bearer(token) as client:
        answers = [
            await client.post(OWN, json={"name": "x", "roles": ["Admin"]}),
            await client.post(people.path(people.alice), json={"name": "x", "never_expires": True}),
            await client.patch(people.path(people.alice, people.key["id"]), json={"expires_at": None}, headers=tag(1)),
        ]
        plain = await client.post(OWN, json={"name": "x"})
    async with http.bearer(people.tokens["root"]) as client:
        fresh = await client.post(people.path(people.alice), json={"name": "x", "never_expires": True})

    for answer in answers:
        assert (answer.status_code, problem(answer)["code"]) == (401, "reauthentication_required")
        assert 'max_age="900"' in answer.headers["www-authenticate"]
    assert plain.status_code == 201
    assert (fresh.status_code, fresh.json()["expires_at"]) == (201, None)


# --- everybody's ------------------------------------------------------------------------------------------------------


async def test_an_administrator_makes_changes_rotates_and_revokes_a_key_for_somebody(
    http: HttpWorld, people: People
) -> None:
    below = people.path(people.bob)
    async with http.bearer(people.tokens["root"]) as client:
        created = await client.post(below, json=FULL)
        path = created.headers["location"]
        disabled = await client.patch(path, json={"disabled": True}, headers=tag(1))
        listed = await client.get(below)
        met = await client.get(f"{ALL}/{created.json()['id']}")
        unknown = await client.get(f"{ALL}/{NO_KEY}")
        rotated = await client.post(f"{path}/rotate", json={})
        revoked = await client.delete(path, headers=tag(3))

    assert (created.status_code, path) == (201, f"{below}/{created.json()['id']}")
    assert created.json()["owner"] == {"id": str(people.bob.id), "username": "bob"}
    assert (disabled.status_code, disabled.json()["disabled"]) == (200, True)
    assert [item["id"] for item in listed.json()["items"]] == [created.json()["id"]]
    assert (met.headers["etag"], met.json()) == ('"2"', disabled.json())
    assert (unknown.status_code, problem(unknown)["code"]) == (404, "not_found")
    assert (rotated.status_code, revoked.status_code) == (200, 204)
    assert await names(http, people.tokens["bob"]) == []


async def test_lists_are_searched_and_paged_the_newest_first(http: HttpWorld, people: People) -> None:
    for who in ("bob", "root"):
        for number in range(2):
            http.world.clock.advance(timedelta(seconds=1))
            async with http.bearer(people.tokens[who]) as client:
                await client.post(OWN, json={"name": f"{who} {number}"})
    async with http.bearer(people.tokens["root"]) as client:
        first = (await client.get(ALL, params={"limit": 3})).json()
        rest = (await client.get(ALL, params={"cursor": first["next"]})).json()
        found = (await client.get(ALL, params={"search": "OB", "limit": 200})).json()
        bobs = (await client.get(ALL, params={"owner": "bob"})).json()
        nobodys = (await client.get(ALL, params={"owner": "nobody"})).json()
        own = (await client.get(OWN, params={"search": "1"})).json()

    assert [item["name"] for item in first["items"]] == ["root 1", "root 0", "bob 1"]
    assert [item["name"] for item in rest["items"]] == ["bob 0", "hers"]
    assert (first["total"], rest["next"]) == (5, None)
    assert {item["name"] for item in found["items"]} == {"bob 0", "bob 1"}
    assert [item["owner"]["username"] for item in bobs["items"]] == ["bob", "bob"]
    assert nobodys == {"items": [], "next": None, "total": 0}
    assert [item["name"] for item in own["items"]] == ["root 1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"cursor": "' OR 1=1 --"}, "cursor"),
        ({"search": "x" * 321}, "search"),
        ({"search": "x" * 10_240}, "search"),
        ({"secret": "hunter2"}, "query"),
    ],
)
async def test_a_list_that_is_not_understood_is_refused(
    http: HttpWorld, people: People, query: dict[str, str], field: str
) -> None:
    """AD-08."""
    async with http.bearer(people.tokens["root"]) as client:
        answers = [await client.get(path, params=query) for path in (ALL, OWN, people.path(people.alice))]
        foreign = await client.get(OWN, params={"owner": "bob"})

    assert {answer.status_code for answer in answers} == {422}
    assert [[entry["field"] for entry in problem(answer)["errors"]] for answer in answers] == [[field]] * 3
    assert not any("hunter2" in answer.text for answer in answers)
    assert foreign.status_code == 422


# --- what the api asks ------------------------------------------------------------------------------------------------


async def test_the_api_learns_a_key_that_its_directory_lacks(http: HttpWorld, people: People) -> None:
    async with http.inside(SERVICE) as api:
        found = await api.post("/internal/v1/api-keys", json={"id": people.key["id"]})
        absent = [
            await api.post("/internal/v1/api-keys", json=asked)
            for asked in ({"id": NO_KEY}, {"id": "é"}, {"legacy_digest": "d" * 64})
        ]
        unclear = [
            await api.post("/internal/v1/api-keys", json=asked)
            for asked in ({}, {"id": NO_KEY, "legacy_digest": "d" * 64}, {"name": "hers"})
        ]
    async with http.inside(None) as anybody, http.inside("x" * 40) as stranger:
        refused = [await caller.post("/internal/v1/api-keys", json={"id": NO_KEY}) for caller in (anybody, stranger)]
    async with http.bearer(SERVICE) as outside:
        unknown = await outside.post("/internal/v1/api-keys", json={"id": people.key["id"]})

    assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
    body = found.json()
    assert (body["id"], body["owner_id"], body["revision"]) == (people.key["id"], str(people.alice.id), 1)
    assert people.key["key"].split("_")[2] not in found.text
    assert {(answer.status_code, problem(answer)["code"]) for answer in absent} == {(404, "not_found")}
    assert {answer.status_code for answer in unclear} == {400}
    assert {answer.status_code for answer in refused} == {401}
    assert unknown.status_code == 404


# --- on a database ----------------------------------------------------------------------------------------------------


async def test_a_write_that_cannot_be_audited_is_refused(tmp_path: Path) -> None:
    """AD-13: the key and its audit event are one write."""
    async with running_on_sqlite(tmp_path) as (http, engine):
        await http.world.add_user("alice")
        token = await http.token("alice")
        async with http.bearer(token) as client:
            key = (await client.post(OWN, json={"name": "hers"})).json()
            async with engine.begin() as connection:
                await connection.execute(sa.text("ALTER TABLE audit_events RENAME TO audit_gone"))
            path = f"{OWN}/{key['id']}"
            answers = [
                await client.post(OWN, json={"name": "x"}),
                await client.patch(path, json={"disabled": True}, headers=tag(1)),
                await client.post(f"{path}/rotate", json={"overlap_hours": 0}),
                await client.delete(path, headers=tag(1)),
            ]
            after = await client.get(OWN)

    assert {answer.status_code for answer in answers} <= {500, 503}
    assert after.json()["items"] == [{name: value for name, value in key.items() if name != "key"}]


# --- helpers ----------------------------------------------------------------------------------------------------------


async def names(http: HttpWorld, token: str) -> list[str]:
    """Return what somebody's keys are called."""
    async with http.bearer(token) as client:
        answer = await client.get(OWN)
    assert answer.status_code == 200
    return [item["name"] for item in answer.json()["items"]]


async def granted(
    http: HttpWorld,
    user: User,
    scope: tuple[str, ...],
    *,
    audience: str = api_audience(ISSUER),
    signed_in: timedelta = timedelta(0),
) -> str:
    """Return an access token for any scope, of somebody who signed in so long ago."""
    auth_time = http.world.clock.now() - signed_in
    grant = UserGrant(user.id, user.version, None, "0" * 22, scope, audience, auth_time, ("pwd",))
    return await http.world.token_for(grant)


def later(http: HttpWorld, lapse: timedelta) -> str:
    """Return a moment from now on the wire."""
    return (http.world.clock.now() + lapse).isoformat().replace("+00:00", "Z")
