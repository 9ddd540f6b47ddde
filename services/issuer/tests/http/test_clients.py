"""Administration of clients over HTTP: administrators, everybody else, and hostile input."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ISSUER
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.domain.models.client import api_audience

SHOP: dict[str, Any] = {
    "client_id": "shop",
    "name": "Shop",
    "grants": ["authorization_code", "refresh_token"],
    "scopes": ["openid", "offline_access"],
    "audiences": ["https://orders.example.com"],
    "redirect_uris": ["https://shop.example.com/callback"],
    "post_logout_redirect_uris": ["https://shop.example.com/"],
    "access_token_lifetime": 60,
}
TAG = {"If-Match": '"1"'}


@pytest.fixture
async def admin(http: HttpWorld) -> str:
    await http.world.add_user("root", roles=("Admin", "User"))
    return await http.token("root")


async def every_request(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Send each kind of management request once."""
    return [
        await client.get("/clients/v1"),
        await client.post("/clients/v1", json=SHOP),
        await client.get("/clients/v1/bff"),
        await client.put("/clients/v1/bff", json={}, headers=TAG),
        await client.patch("/clients/v1/bff", json={"disabled": True}, headers=TAG),
        await client.delete("/clients/v1/bff", headers=TAG),
        await client.post("/clients/v1/bff/secrets", json={}),
        await client.delete("/clients/v1/bff/secrets/settings"),
    ]


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
            assert answer.status_code == 403
            assert problem(answer)["code"] == "insufficient_role"


@pytest.mark.parametrize("scope", [("openid", "roles"), ("openid", "admin"), ()])
async def test_an_admins_token_without_the_scopes_manages_nothing(http: HttpWorld, scope: tuple[str, ...]) -> None:
    """Design §3: a token is never worth more than its scope, whatever roles its subject has."""
    root = await http.world.add_user("root", roles=("Admin",))
    grant = UserGrant(root.id, 1, None, "0" * 22, scope, api_audience(ISSUER), http.world.clock.now(), ("pwd",))
    async with http.bearer(await http.world.token_for(grant)) as client:
        answers = await every_request(client)

    assert {answer.status_code for answer in answers} == {403}


async def test_an_admin_creates_reads_changes_and_deletes_a_client(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        created = await client.post("/clients/v1", json=SHOP)
        path = created.headers["location"]
        read = await client.get(path)
        changed = await client.patch(path, json={"name": "Corner shop", "access_token_lifetime": None}, headers=TAG)
        body = changed.json()
        decided = {
            name: value
            for name, value in body.items()
            if name not in ("client_id", "audience", "source", "secrets", "created_at", "updated_at")
        }
        replaced = await client.put(path, json=decided | {"disabled": True}, headers={"If-Match": '"2"'})
        gone = await client.delete(path, headers={"If-Match": '"3"'})
        missing = await client.get(path)

    assert (created.status_code, path, created.headers["etag"]) == (201, "/clients/v1/shop", '"1"')
    secret = created.json()["client_secret"]
    assert secret.startswith("pcs_")
    assert created.headers["cache-control"] == "no-store"
    assert read.headers["etag"] == '"1"'
    assert read.json() == {name: value for name, value in created.json().items() if name != "client_secret"}
    assert read.json() | SHOP == read.json()
    assert (read.json()["source"], read.json()["audience"]) == ("record", f"{ISSUER}/userinfo")
    assert secret not in read.text
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (body["name"], body["access_token_lifetime"], body["scopes"]) == ("Corner shop", None, SHOP["scopes"])
    assert (replaced.status_code, replaced.json()["disabled"], replaced.json()["name"]) == (200, True, "Corner shop")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")


async def test_a_public_client_has_no_secret_to_show(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        created = await client.post("/clients/v1", json=SHOP | {"auth_method": "none", "application_type": "native"})

    assert created.status_code == 201
    assert created.json()["client_secret"] is None
    assert created.json()["secrets"] == []


async def test_an_admin_rolls_a_secret_and_ends_the_old_one(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        first = (await client.post("/clients/v1", json=SHOP)).json()
        rolled = await client.post("/clients/v1/shop/secrets", json={"previous_expires_in": 3600})
        third = await client.post("/clients/v1/shop/secrets", json={})
        old = first["secrets"][0]["id"]
        ended = await client.delete(f"/clients/v1/shop/secrets/{old}")
        unknown = await client.delete(f"/clients/v1/shop/secrets/{old}")
        read = await client.get("/clients/v1/shop")
        leaked = await client.post("/clients/v1/shop/secrets", json={"previous_expires_in": 0})

    assert (rolled.status_code, rolled.headers["etag"], rolled.headers["cache-control"]) == (201, '"2"', "no-store")
    body = rolled.json()
    assert body["client_secret"] != first["client_secret"]
    assert [(held["id"], held["expires_at"] is None) for held in body["secrets"]] == [(old, False), (body["id"], True)]
    assert (third.status_code, problem(third)["code"]) == (409, "too_many_secrets")
    assert (ended.status_code, unknown.status_code) == (204, 404)
    assert [held["id"] for held in read.json()["secrets"]] == [body["id"]]
    assert [held["id"] for held in leaked.json()["secrets"]] == [leaked.json()["id"]]


async def test_clients_of_the_installation_are_listed_and_cannot_be_changed(http: HttpWorld, admin: str) -> None:
    full = SHOP | {
        "first_party": True, "application_type": "web", "auth_method": "none", "require_pkce": True,
        "refresh_lifetime": None, "disabled": True,
    }  # fmt: skip
    del full["client_id"]
    async with http.bearer(admin) as client:
        listed = (await client.get("/clients/v1")).json()
        read = await client.get("/clients/v1/bff")
        refused = [
            await client.put("/clients/v1/bff", json=full, headers=TAG),
            await client.patch("/clients/v1/bff", json={"disabled": True}, headers=TAG),
            await client.delete("/clients/v1/bff", headers=TAG),
            await client.post("/clients/v1/bff/secrets", json={}),
            await client.delete("/clients/v1/bff/secrets/settings"),
        ]
        after = await client.get("/clients/v1/bff")

    assert [(item["client_id"], item["source"]) for item in listed["items"]] == [
        ("bff", "built_in"),
        ("cli", "built_in"),
    ]
    assert (listed["next"], listed["total"]) == (None, 2)
    assert {(answer.status_code, problem(answer)["code"]) for answer in refused} == {(409, "built_in_client")}
    assert read.json() == after.json()
    assert http.world.settings.bff_client_secret.reveal() not in read.text + str(listed)


async def test_the_list_is_searched_and_paged(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        for number in range(3):
            await client.post("/clients/v1", json=SHOP | {"client_id": f"shop-{number}"})
        first = (await client.get("/clients/v1", params={"search": "SHOP-", "limit": 2})).json()
        rest = (await client.get("/clients/v1", params={"search": "SHOP-", "cursor": first["next"]})).json()

    assert [item["client_id"] for item in first["items"] + rest["items"]] == ["shop-0", "shop-1", "shop-2"]
    assert (first["total"], rest["next"]) == (3, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "' OR 1=1 --"}, "cursor"),
        ({"search": "x" * 101}, "search"),
        ({"secret": "hunter2"}, "query"),
    ],
)
async def test_a_list_that_is_not_understood_is_refused(
    http: HttpWorld, admin: str, query: dict[str, str], field: str
) -> None:
    """AD-08."""
    async with http.bearer(admin) as client:
        answer = await client.get("/clients/v1", params=query)

    assert answer.status_code == 422
    assert [entry["field"] for entry in problem(answer)["errors"]] == [field]
    assert "hunter2" not in answer.text


async def test_a_wildcard_and_every_other_mistake_are_named_at_once(http: HttpWorld, admin: str) -> None:
    """AZ-05."""
    bad = SHOP | {
        "client_id": "0190b5a2-7c3e-7a11-8f00-0123456789ab",
        "redirect_uris": ["https://*.example.com/", "https://shop.example.com/", "http://shop.example.com/"],
        "scopes": ["openid", "admin"],
        "access_token_lifetime": 3600,
    }
    async with http.bearer(admin) as client:
        answer = await client.post("/clients/v1", json=bad)

    assert answer.status_code == 422
    assert [(entry["field"], entry["message"]) for entry in problem(answer)["errors"]] == [
        ("client_id", "Use 3 to 64 letters, digits, dots, dashes, underscores; a letter or a digit first; not a UUID."),
        ("scopes", "account and admin are for first-party clients only."),
        ("redirect_uris", "Number 1 must not have a wildcard."),
        ("redirect_uris", "Number 3 must be https."),
        ("access_token_lifetime", "Use 30 to 300 seconds, or leave it out."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        SHOP | {"client_secret": "mine"},
        SHOP | {"secrets": []},
        SHOP | {"source": "built_in"},
        SHOP | {"audience": f"{ISSUER}/api"},
        SHOP | {"grants": ["password"]},
        SHOP | {"scopes": "openid"},
        SHOP | {"redirect_uris": [7]},
        SHOP | {"name": None},
        {"client_id": "shop"},
        [],
    ],
)
async def test_what_is_no_client_is_refused_before_anything_happens(http: HttpWorld, admin: str, body: object) -> None:
    async with http.bearer(admin) as client:
        answer = await client.post("/clients/v1", json=body)
        listed = await client.get("/clients/v1")

    assert answer.status_code in (400, 422)
    assert listed.json()["total"] == 2


async def test_a_write_needs_the_etag_that_was_read(http: HttpWorld, admin: str) -> None:
    """RFC 9110 §13.1.1, RFC 6585 §3."""
    async with http.bearer(admin) as client:
        await client.post("/clients/v1", json=SHOP)
        blind = [
            await client.patch("/clients/v1/shop", json={"name": "X"}),
            await client.delete("/clients/v1/shop"),
        ]
        stale = [
            await client.patch("/clients/v1/shop", json={"name": "X"}, headers={"If-Match": tag})
            for tag in ('"2"', "*", 'W/"1"', f'"{2**63}"')
        ]
        taken = await client.post("/clients/v1", json=SHOP)

    assert {answer.status_code for answer in blind} == {428}
    assert {answer.status_code for answer in stale} == {412}
    assert (taken.status_code, problem(taken)["errors"][0]["field"]) == (409, "client_id")


@pytest.mark.parametrize("client_id", ["nobody", "%2e%2e", "a%00b", "%ED%A0%80", "%F0%9F%98%80", "x" * 2_000, "Shop"])
async def test_an_id_that_names_no_client_is_not_found(http: HttpWorld, admin: str, client_id: str) -> None:
    async with http.bearer(admin) as client:
        await client.post("/clients/v1", json=SHOP)
        answer = await client.get(f"/clients/v1/{client_id}")

    assert answer.status_code in (400, 404)
