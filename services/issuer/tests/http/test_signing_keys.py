"""Rotation of keys over HTTP: administrators, everybody else, and what verifiers see of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ISSUER
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.domain.errors import KeyVersionNotPermitted, Unavailable
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.signing_key import HeldKeyVersion

READY = timedelta(seconds=130)
RETIRES = timedelta(seconds=360)
BOTH = pytest.mark.parametrize("key", ["access", "id"])
DOCUMENTS = {"access": "/.well-known/paserk.json", "id": "/.well-known/jwks.json"}


@pytest.fixture
async def admin(http: HttpWorld) -> str:
    await http.world.add_user("root", roles=("Admin", "User"))
    return await http.token("root")


async def every_request(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Send each kind of request once."""
    return [
        await client.get("/keys/v1"),
        await client.post("/keys/v1/access/publish", json={"create": True}),
        await client.post("/keys/v1/access/versions/1/activate"),
        await client.post("/keys/v1/access/versions/1/retire"),
        await client.post("/keys/v1/access/versions/1/revoke", json={"replace": True}),
    ]


async def statuses(client: httpx.AsyncClient, key: str) -> list[str]:
    items = (await client.get("/keys/v1")).json()["items"]
    return [item["status"] for item in items if item["key"] == key]


async def later(http: HttpWorld, time: timedelta) -> str:
    """Let time go by, and return a fresh token of the administrator."""
    http.world.clock.advance(time)
    await http.world.follow()
    return await http.token("root")


async def kids(http: HttpWorld, key: str) -> list[str]:
    """Name the keys that a verifier is told of."""
    async with http.bearer(None) as verifier:
        return [entry["kid"] for entry in (await verifier.get(DOCUMENTS[key])).json()["keys"]]


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
async def test_an_admins_token_without_the_scopes_rotates_nothing(http: HttpWorld, scope: tuple[str, ...]) -> None:
    """Design §3: a token is never worth more than its scope, whatever roles its subject has."""
    root = await http.world.add_user("root", roles=("Admin",))
    grant = UserGrant(root.id, 1, None, "0" * 22, scope, api_audience(ISSUER), http.world.clock.now(), ("pwd",))
    async with http.bearer(await http.world.token_for(grant)) as client:
        answers = await every_request(client)

    assert {answer.status_code for answer in answers} == {403}


async def test_an_admin_sees_every_version_of_both_keys_and_no_private_one(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        answer = await client.get("/keys/v1")

    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [(item["key"], item["key_name"], item["algorithm"]) for item in items] == [
        ("access", "paseport-access", "ed25519"),
        ("id", "paseport-id", "rs256"),
    ]
    for item in items:
        assert (item["version"], item["status"], item["not_after"]) == (1, "active", None)
        assert (item["next_step"], item["possible_from"]) == (None, None)
        assert item["since"] == item["not_before"]
        assert item.keys() == {
            "key", "key_name", "algorithm", "version", "kid", "status", "not_before", "not_after", "since", "next_step",
            "possible_from",
        }  # fmt: skip


@BOTH
async def test_an_admin_rotates_a_key(http: HttpWorld, admin: str, key: str) -> None:
    """KR-01, KR-02, KR-07: told when the next step is possible; the document has both while both are needed."""
    clock = http.world.clock
    (old,) = await kids(http, key)
    async with http.bearer(admin) as client:
        published = (await client.post(f"/keys/v1/{key}/publish", json={})).json()
        assert (published["version"], published["status"], published["next_step"]) == (2, "published", "activate")
        ready_at = datetime.fromisoformat(published["possible_from"])
        assert ready_at == clock.now() + READY
        assert await kids(http, key) == [old, published["kid"]]

        early = await client.post(f"/keys/v1/{key}/versions/2/activate")
        assert (early.status_code, early.headers["retry-after"]) == (409, str(READY.seconds))
        refusal = problem(early)
        assert (refusal["code"], datetime.fromisoformat(refusal["not_before"])) == ("key_not_ready", ready_at)

    async with http.bearer(await later(http, READY)) as client:
        activated = await client.post(f"/keys/v1/{key}/versions/2/activate")
        assert (activated.status_code, activated.json()["status"]) == (200, "active")
        assert await statuses(client, key) == ["retiring", "active"]
    new = http.world.keys if key == "access" else http.world.id_keys
    assert (await new.active()).kid == published["kid"]
    assert await kids(http, key) == [old, published["kid"]]

    async with http.bearer(await later(http, RETIRES)) as client:
        retired = await client.post(f"/keys/v1/{key}/versions/1/retire")
        assert (retired.status_code, retired.json()["status"]) == (200, "retired")
    assert await kids(http, key) == [published["kid"]]


async def test_tokens_of_the_old_key_are_good_through_a_rotation(http: HttpWorld, admin: str) -> None:
    """KR-01, P5."""
    async with http.bearer(admin) as client:
        await client.post("/keys/v1/access/publish", json={})
        await later(http, READY)
        assert (await client.post("/keys/v1/access/versions/2/activate")).status_code == 200
        assert (await client.get("/keys/v1")).status_code == 200
        assert (await client.get("/users/v1")).status_code == 200


@BOTH
async def test_every_step_may_be_repeated(http: HttpWorld, admin: str, key: str) -> None:
    async with http.bearer(admin) as client:
        published = [(await client.post(f"/keys/v1/{key}/publish", json={})).json() for _ in range(2)]
    async with http.bearer(await later(http, READY)) as client:
        activated = [(await client.post(f"/keys/v1/{key}/versions/2/activate")).json() for _ in range(2)]

    assert published[0] == published[1]
    assert activated[0] == activated[1]
    assert (await http.world.actions()).count("signing_key.published") == 1


async def test_who_did_it_is_in_the_audit_log(http: HttpWorld, admin: str) -> None:
    """AD-13."""
    root = (await http.world.use.authenticate_bearer(admin)).subject
    async with http.bearer(admin) as client:
        published = (await client.post("/keys/v1/id/publish", json={})).json()

    (event,) = [event for event in await http.world.audited() if event.action == "signing_key.published"]
    assert (event.actor.subject, event.actor.client_id, event.target) == (root, "bff", published["kid"])
    assert event.after == {"key_name": "paseport-id", "version": 2, "status": "published"}


async def test_a_revoked_key_ends_the_tokens_of_everybody_and_the_next_one_signs(http: HttpWorld, admin: str) -> None:
    """KR-04: the caller's own token too, so that a replacement must be made in the same request."""
    async with http.bearer(admin) as client:
        answer = await client.post("/keys/v1/access/versions/1/revoke", json={"replace": True})
        after = await client.get("/keys/v1")

    assert answer.status_code == 200
    assert answer.json()["revoked"]["status"] == "revoked"
    assert (answer.json()["signs"]["version"], answer.json()["signs"]["status"]) == (2, "active")
    assert (after.status_code, problem(after)["code"]) == (401, "invalid_token")
    with pytest.raises(Unavailable) as refusal:
        await http.token("root")
    async with http.bearer(await later(http, refusal.value.retry_after)) as client:
        assert await statuses(client, "access") == ["revoked", "active"]


async def test_without_a_replacement_it_is_said_that_nothing_signs(http: HttpWorld, admin: str) -> None:
    """KR-04: of ID tokens here, whose revocation leaves the caller a token."""
    async with http.bearer(admin) as client:
        answer = await client.post("/keys/v1/id/versions/1/revoke", json={})

        assert answer.json()["signs"] is None
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert "id_keys" in ready.text
        assert (await client.post("/keys/v1/id/versions/1/activate")).status_code == 409


async def test_a_revocation_that_is_not_in_force_everywhere_is_said_to_be_on_record(
    http: HttpWorld, admin: str
) -> None:
    """Design §5: repeated, it is completed; this issuer refuses at once."""
    async with http.bearer(admin) as client:
        with http.world.outages.publishing:
            answer = await client.post("/keys/v1/id/versions/1/revoke", json={})
        assert (answer.status_code, problem(answer)["code"]) == (503, "recorded_not_in_force")
        with pytest.raises(Unavailable):
            await http.world.id_keys.active()

        repeated = await client.post("/keys/v1/id/versions/1/revoke", json={})

    assert repeated.status_code == 200


async def test_where_an_operator_has_to_make_the_version_the_refusal_names_his_command(
    http: HttpWorld, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_ours_to_make() -> HeldKeyVersion:
        raise KeyVersionNotPermitted("vault write -f transit/keys/paseport-access/rotate")

    monkeypatch.setattr(http.world.holder, "create_version", not_ours_to_make)
    async with http.bearer(admin) as client:
        answers = [
            await client.post("/keys/v1/access/publish", json={"create": True}),
            await client.post("/keys/v1/access/versions/1/revoke", json={"replace": True}),
        ]

        for answer in answers:
            refusal = problem(answer)
            assert (answer.status_code, refusal["code"]) == (409, "key_version_not_permitted")
            (field,) = refusal["errors"]
            assert field["message"] == "Run: vault write -f transit/keys/paseport-access/rotate"
        newest = await client.post("/keys/v1/access/publish", json={"create": False})
        assert (newest.status_code, newest.json()["version"]) == (200, 1)
        assert await statuses(client, "access") == ["active"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/keys/v1/paseport-access/publish", {}, 404),
        ("/keys/v1/ACCESS/publish", {}, 404),
        ("/keys/v1/access/versions/9/activate", None, 404),
        ("/keys/v1/access/versions/0/retire", None, 404),
        ("/keys/v1/access/versions/-1/revoke", {}, 404),
        ("/keys/v1/access/versions/one/activate", None, 404),
        ("/keys/v1/access/versions/1/delete", {}, 404),
        ("/keys/v1/access/versions/1/retire", None, 409),
        ("/keys/v1/access/publish", {"create": "yes"}, 400),
        ("/keys/v1/access/publish", {"version": 2}, 400),
        ("/keys/v1/access/versions/1/revoke", {"replace": 1}, 400),
    ],
)
async def test_what_does_not_exist_or_makes_no_sense_is_refused_and_changes_nothing(
    http: HttpWorld, admin: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    async with http.bearer(admin) as client:
        answer = await client.post(path, json=body)

        assert answer.status_code == status, answer.text
        assert await statuses(client, "access") == ["active"]


async def test_during_an_outage_of_the_record_no_step_is_taken(http: HttpWorld, admin: str) -> None:
    async with http.bearer(admin) as client:
        with http.world.outages.mariadb:
            answers = await every_request(client)
        assert {answer.status_code for answer in answers} == {503}
        assert await statuses(client, "access") == ["active"]
