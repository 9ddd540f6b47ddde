"""User administration over HTTP: administrators, everybody else, and hostile lists."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ISSUER, PASSWORD
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.domain.errors import InvalidToken
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.user import User

NEW = {"username": "carol", "email": "carol@example.com", "roles": ["User"]}
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
async def admin(http: HttpWorld) -> str:
    await http.world.add_user("root", roles=("Admin", "User"))
    return await http.token("root")


async def every_request(client: httpx.AsyncClient, user_id: str) -> list[httpx.Response]:
    """Send each kind of management request once."""
    path = f"/users/v1/{user_id}"
    tag = {"If-Match": '"1"'}
    full = {**NEW, "display_name": None, "disabled": False}
    return [
        await client.get("/users/v1"),
        await client.post("/users/v1", json=NEW),
        await client.get(path),
        await client.put(path, json=full, headers=tag),
        await client.patch(path, json={"disabled": True}, headers=tag),
        await client.delete(path, headers=tag),
        await client.post(f"{path}/password-reset"),
    ]


async def test_without_a_token_every_route_asks_to_sign_in(http: HttpWorld) -> None:
    """AD-01, TK-01: a challenge without an error code."""
    user = await http.world.add_user()
    async with http.bearer(None) as anybody:
        for answer in await every_request(anybody, str(user.id)):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="paseport"'
    assert (await http.world.user(user.id)).revision == 1


async def test_with_a_bad_token_every_route_says_the_same(http: HttpWorld) -> None:
    user = await http.world.add_user()
    async with http.bearer("v4.public.junk.junk") as stranger:
        answers = await every_request(stranger, str(user.id))

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.headers["www-authenticate"] for answer in answers}) == 1
    assert 'error="invalid_token"' in answers[0].headers["www-authenticate"]


async def test_a_user_without_the_role_is_forbidden_on_every_route_for_own_and_foreign_ids(http: HttpWorld) -> None:
    """AD-01, AD-05."""
    alice = await http.world.add_user("alice")
    bob = await http.world.add_user("bob")
    async with http.bearer(await http.token("alice")) as client:
        for target in (alice, bob):
            for answer in await every_request(client, str(target.id)):
                assert answer.status_code == 403
                assert problem(answer)["code"] == "insufficient_role"
    assert (await http.world.user(bob.id)).revision == 1


@pytest.mark.parametrize("scope", [("openid", "roles"), ("openid", "admin"), ()])
async def test_an_admins_token_without_the_scopes_manages_nobody(http: HttpWorld, scope: tuple[str, ...]) -> None:
    """Design §3: a token is never worth more than its scope, whatever roles its subject has."""
    root = await http.world.add_user("root", roles=("Admin",))
    grant = UserGrant(root.id, 1, None, "0" * 22, scope, api_audience(ISSUER), http.world.clock.now(), ("pwd",))
    token = await http.world.token_for(grant)
    async with http.bearer(token) as client:
        answers = await every_request(client, str(root.id))

    expected = "insufficient_role" if "admin" in scope else "insufficient_scope"
    assert {problem(answer)["code"] for answer in answers} == {expected}
    assert {answer.status_code for answer in answers} == {403}


async def test_an_admin_creates_reads_changes_and_deletes_a_user(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        created = await client.post("/users/v1", json={**NEW, "password": PASSWORD.reveal(), "display_name": "Carol"})
        assert created.status_code == 201
        location, tag = created.headers["location"], created.headers["etag"]
        assert created.json().keys() == {
            "id", "username", "email", "email_verified", "display_name", "roles", "disabled", "built_in",
            "has_password", "created_at", "updated_at",
        }  # fmt: skip
        read = await client.get(location)
        assert (read.json(), read.headers["etag"]) == (created.json(), tag)

        changed = await client.patch(location, json={"roles": ["User", "Editor"]}, headers={"If-Match": tag})
        assert changed.status_code == 200
        assert changed.json()["roles"] == ["Editor", "User"]
        assert changed.headers["etag"] != tag

        stale = await client.put(
            location, json={**NEW, "display_name": None, "disabled": True}, headers={"If-Match": tag}
        )
        assert stale.status_code == 412
        deleted = await client.delete(location, headers={"If-Match": changed.headers["etag"]})
        assert deleted.status_code == 204
        assert (await client.get(location)).status_code == 404


async def test_no_answer_holds_a_password_or_a_hash(http: HttpWorld, admin: str) -> None:
    """AD-11."""
    await http.world.add_user("alice")
    async with http.bearer(admin) as client:
        text = (await client.get("/users/v1")).text

    for secret in ("hash", "bcrypt", "$2b$", PASSWORD.reveal()):
        assert secret not in text.replace("has_password", "")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("tag", "status"), [(None, 428), ('"9"', 412), ("*", 412), ('W/"1"', 412), ("1", 412)])
async def test_a_write_names_what_it_read(
    http: HttpWorld, admin: str, method: str, tag: str | None, status: int
) -> None:
    user = await http.world.add_user()
    body = None if method == "DELETE" else {**NEW, "display_name": None, "disabled": True}
    async with http.bearer(admin) as client:
        headers = {} if tag is None else {"If-Match": tag}
        answer = await client.request(method, f"/users/v1/{user.id}", json=body, headers=headers)

    assert answer.status_code == status
    assert (await http.world.user(user.id)).revision == 1


async def test_refused_fields_are_named(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        bad = await client.post("/users/v1", json={"username": "a b", "email": "nobody", "roles": ["a,b"]})
        weak = await client.post("/users/v1", json={**NEW, "password": "short"})
        taken = await client.post("/users/v1", json={**NEW, "username": "ROOT"})
        unknown = await client.post("/users/v1", json={**NEW, "admin": True})

    assert bad.status_code == 422
    assert {error["field"] for error in problem(bad)["errors"]} == {"username", "email", "roles"}
    assert (weak.status_code, problem(weak)["code"]) == (422, "weak_password")
    assert (taken.status_code, problem(taken)["errors"][0]["field"]) == (409, "username")
    assert unknown.status_code == 400


@pytest.mark.parametrize("path", ["not-a-uuid", UNKNOWN_ID, "%2e%2e", "' or 1=1"])
async def test_what_is_not_there_is_not_found(http: HttpWorld, admin: str, path: str) -> None:
    async with http.bearer(admin) as client:
        answer = await client.get(f"/users/v1/{path}")

    assert answer.status_code == 404
    assert problem(answer)["code"] == "not_found"


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "password_hash"}, {"sort": "--username"}, {"limit": "0"}, {"limit": "201"}, {"limit": "-1"},
        {"limit": "1e2"}, {"cursor": "junk"}, {"cursor": "bnVsbA"}, {"status": "gone"}, {"unknown": "1"},
        {"role": "a,b"}, {"search": "x" * 10_240},
    ],
)  # fmt: skip
async def test_a_list_that_is_not_understood_is_refused(http: HttpWorld, admin: str, query: dict[str, str]) -> None:
    """AD-08."""
    async with http.bearer(admin) as client:
        answer = await client.get("/users/v1", params=query)

    assert answer.status_code == 422
    expected = next(iter(query)).replace("unknown", "query")
    assert [error["field"] for error in problem(answer)["errors"]] == [expected]


async def test_a_search_is_literal(http: HttpWorld, admin: str) -> None:
    """AD-08: SQL and LIKE metacharacters are characters."""
    for name in ("per%cent", "under_score", "quo'te", "plain"):
        await http.world.add_user(name.replace("'", "-"), roles=()) if "'" in name else await http.world.add_user(name)
    async with http.bearer(admin) as client:
        for search, found in (("%", ["per%cent"]), ("_", ["under_score"]), ("' OR '1'='1", []), ("PLAIN", ["plain"])):
            answer = await client.get("/users/v1", params={"search": search})
            assert [item["username"] for item in answer.json()["items"]] == found


async def test_pages_neither_repeat_nor_skip(http: HttpWorld, admin: str) -> None:
    for number in range(23):
        await http.world.add_user(f"user{number:02}")
    async with http.bearer(admin) as client:
        for sort in ("username", "-username", "email", "-email", "created_at", "-created_at"):
            seen: list[str] = []
            query: dict[str, Any] = {"sort": sort, "limit": "7"}
            while True:
                page = (await client.get("/users/v1", params=query)).json()
                assert page["total"] == 24
                seen += [item["username"] for item in page["items"]]
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
            assert len(seen) == len(set(seen)) == 24


async def test_a_reset_link_is_made_and_redeemed(http: HttpWorld, admin: str) -> None:
    """AD-12."""
    user = await http.world.add_user(password=None)
    async with http.bearer(admin) as client:
        made = await client.post(f"/users/v1/{user.id}/password-reset")
    assert made.status_code == 201
    token = made.json()["url"].partition("#token=")[2]

    async with http.bearer(None) as person:
        weak = await person.post("/auth/v1/password/reset", json={"token": token, "password": "short"})
        done = await person.post("/auth/v1/password/reset", json={"token": token, "password": PASSWORD.reveal()})
        again = await person.post("/auth/v1/password/reset", json={"token": token, "password": PASSWORD.reveal()})

    assert (weak.status_code, done.status_code, again.status_code) == (422, 204, 400)
    assert problem(again)["code"] == "invalid_reset_token"
    await http.world.sign_in("alice")


async def test_the_database_down_refuses_writes_and_reads(http: HttpWorld, admin: str) -> None:
    user: User = await http.world.add_user()
    async with http.bearer(admin) as client:
        with http.world.outages.mariadb:
            answers = await every_request(client, str(user.id))

    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)


async def test_a_change_that_is_not_in_force_says_so_until_it_is(http: HttpWorld, admin: str) -> None:
    """Design §5: never an answer of success before the revocation holds; repeating the request completes it."""
    user = await http.world.add_user()
    token = await http.token("alice")
    path = f"/users/v1/{user.id}"
    async with http.bearer(admin) as client:
        with http.world.outages.publishing:
            answer = await client.patch(path, json={"disabled": True}, headers={"If-Match": '"1"'})
        assert (answer.status_code, problem(answer)["code"]) == (503, "recorded_not_in_force")
        assert (await http.world.user(user.id)).disabled

        again = await client.patch(path, json={"disabled": True}, headers={"If-Match": '"2"'})

    assert again.status_code == 200
    with pytest.raises(InvalidToken):
        await http.world.authenticate(token)
