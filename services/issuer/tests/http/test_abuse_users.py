"""Attacks on user administration, over HTTP: foreign ids, hostile lists, races, and an audit log that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from issuer_http import HttpWorld, problem
from issuer_sqlite import running_on_sqlite, statements
from issuer_world import ADMIN_ACTOR, ISSUER, PASSWORD
from litestar.handlers import HTTPRouteHandler
from paseport.secret import Secret
from paseport_issuer.use_cases.register_provider import RegisterProviderCommand
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_shared.adapters.sql.tables import metadata
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.audit import AuditEvent
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.identity_provider import IdentityProvider, ProviderKind
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.models.user import User, UserQuery
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_shared.http.bearer import required_scopes

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
CORP = {
    "name": "corp",
    "display_name": "Corp",
    "kind": ProviderKind.OIDC,
    "issuer": "https://idp.example.com",
    "client_id": "paseport",
}
T = TypeVar("T")

PUBLIC = {
    ("POST", "/auth/v1/login/local"), ("POST", "/auth/v1/refresh"), ("POST", "/auth/v1/logout"),
    ("POST", "/auth/v1/password/reset"), ("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/openapi.json"),
    ("GET", "/auth/v1/handover"),
    ("GET", "/auth/v1/login"), ("GET", "/auth/v1/callback"), ("POST", "/auth/v1/logout/confirm"),
    ("GET", "/auth/v1/transactions/{transaction_id:str}"),
    ("POST", "/auth/v1/transactions/{transaction_id:str}/consent"),
    ("GET", "/oauth2/authorize"), ("POST", "/oauth2/authorize"), ("GET", "/oauth2/authorize/continue"),
    ("GET", "/oauth2/logout"), ("POST", "/oauth2/logout"),
    ("POST", "/oauth2/token"), ("POST", "/oauth2/revoke"), ("POST", "/oauth2/introspect"),
    ("GET", "/userinfo"), ("POST", "/userinfo"),
    # On the way to an identity provider and back (test_external_sign_in), and what it says by itself.
    ("GET", "/auth/v1/oauth/init"), ("GET", "/auth/v1/sign-in-options"),
    ("GET", "/auth/v1/oauth/callback"), ("POST", "/auth/v1/oauth/callback"),
    ("GET", "/auth/v1/oauth/callback/{provider:str}"), ("POST", "/auth/v1/oauth/callback/{provider:str}"),
    ("GET", "/auth/v1/oauth/pending-links/{pending_id:str}"),
    ("POST", "/auth/v1/oauth/backchannel-logout/{provider:str}"),
    # With the credential of a registered verifier (test_verifiers).
    ("GET", "/verifiers/v1/feed"), ("POST", "/verifiers/v1/principals"),
}  # fmt: skip
"""These know their callers in other ways, or need not know them."""
MANAGEMENT = {
    ("GET", "/users/v1"), ("POST", "/users/v1"), ("GET", "/users/v1/{user_id:uuid}"),
    ("PUT", "/users/v1/{user_id:uuid}"), ("PATCH", "/users/v1/{user_id:uuid}"),
    ("DELETE", "/users/v1/{user_id:uuid}"), ("POST", "/users/v1/{user_id:uuid}/password-reset"),
    ("GET", "/users/v1/{user_id:uuid}/identities"),
    ("DELETE", "/users/v1/{user_id:uuid}/identities/{identity_id:uuid}"),
}  # fmt: skip


def new_user(name: str) -> dict[str, Any]:
    return {"username": name, "email": f"{name}@example.com", "roles": ["User"]}


async def send(client: httpx.AsyncClient, method: str, path: str, target: str) -> httpx.Response:
    """Send a request that would succeed for an administrator."""
    body: dict[str, Any] | None = None
    if method == "PUT":
        body = {**new_user("renamed"), "display_name": None, "disabled": True}
    elif method == "PATCH":
        body = {"roles": ["Admin"]}
    elif method == "POST" and path == "/users/v1":
        body = new_user(f"new-{target[-4:]}")
    url = path.replace("{user_id:uuid}", target).replace("{identity_id:uuid}", UNKNOWN_ID)
    return await client.request(method, url, json=body, headers={"If-Match": '"1"'})


def test_every_route_is_public_or_for_administrators(http: HttpWorld) -> None:
    """AD-01, AD-05: the table of the next test is complete, and a route that is added has to choose."""
    found = {
        (method, route.path): required_scopes(handler)
        for route in http.public.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler)
        for method in handler.http_methods - {"OPTIONS", "HEAD"}
    }

    assert {route for route, scopes in found.items() if scopes is None} == PUBLIC
    of_users = {
        route
        for route, scopes in found.items()
        if scopes == ("admin",)
        and not route[1].startswith(("/clients/v1", "/verifiers/v1", "/keys/v1", "/auth/v1/providers", "/api/users/"))
    }
    assert of_users == MANAGEMENT
    of_account = {route[1] for route, scopes in found.items() if scopes == ("account",)}
    assert {path for path in of_account if not path.startswith(("/me/v1/", "/api/me/"))} == {"/auth/v1/oauth/link"}
    assert set(found.values()) == {None, ("admin",), ("account",)}


@pytest.mark.parametrize("target", ["own", "foreign", "administrator", "unknown"])
@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("anonymous", 401, "authentication_required"),
        ("user", 403, "insufficient_role"),
        ("editor", 403, "insufficient_role"),
        ("admin without the scope", 403, "insufficient_scope"),
        ("demoted admin", 403, "insufficient_role"),
        ("disabled admin", 401, "invalid_token"),
        ("deleted admin", 401, "invalid_token"),
        ("admin who signed out", 401, "invalid_token"),
        ("admin of an hour ago", 401, "invalid_token"),
    ],
)
async def test_nobody_but_an_administrator_reaches_any_account(
    http: HttpWorld, caller: str, status: int, code: str, target: str
) -> None:
    """AD-05, AD-01, AD-06, AD-07: every route × caller × own or foreign id, and nothing changes."""
    root = await http.world.add_user("root", roles=("Admin",))
    foreign = await http.world.add_user("foreign")
    roles = {"user": ("User",), "editor": ("User", "Editor", "admin", "ADMIN")}.get(caller, ("Admin",))
    own = await http.world.add_user("caller", roles=roles)
    token = None if caller == "anonymous" else await become(http, caller, own, root)
    user_id = {"own": own.id, "foreign": foreign.id, "administrator": root.id, "unknown": UNKNOWN_ID}[target]
    before = await everybody(http)

    async with http.bearer(token) as client:
        answers = [await send(client, *route, str(user_id)) for route in sorted(MANAGEMENT)]

    assert {(answer.status_code, problem(answer)["code"]) for answer in answers} == {(status, code)}
    assert await everybody(http) == before


async def become(http: HttpWorld, caller: str, own: User, root: User) -> str:
    """Return the access token of the caller as the name says."""
    issued = await http.world.sign_in("caller")
    token = issued.access_token.value
    path, tag = f"/users/v1/{own.id}", {"If-Match": '"1"'}
    async with http.bearer(await http.token("root")) as admin:
        match caller:
            case "admin without the scope":
                grant = UserGrant(
                    own.id,
                    1,
                    None,
                    "0" * 22,
                    ("openid", "roles"),
                    api_audience(ISSUER),
                    http.world.clock.now(),
                    ("pwd",),
                )
                token = await http.world.token_for(grant)
            case "demoted admin":
                assert (await admin.patch(path, json={"roles": ["User"]}, headers=tag)).status_code == 200
            case "disabled admin":
                assert (await admin.patch(path, json={"disabled": True}, headers=tag)).status_code == 200
            case "deleted admin":
                assert (await admin.delete(path, headers=tag)).status_code == 204
            case "admin who signed out":
                await http.world.sign_out(issued)
            case "admin of an hour ago":
                http.world.clock.advance(timedelta(hours=1))
    await http.world.follow()
    return token


async def kept(http: HttpWorld, user: User) -> tuple[object, ...]:
    """Everything that administrators write, of one user too."""
    return (
        await everybody(http),
        await http.world.use.read_providers.all(),
        await http.world.use.read_own_identities(user.id),
    )


async def link_to(http: HttpWorld, user: User, provider: IdentityProvider) -> None:
    """Let somebody have an identity at a provider."""
    identity = LinkedIdentity(
        id=UUID(UNKNOWN_ID),
        namespace=provider.namespace,
        subject="s",
        user_id=user.id,
        provider_id=provider.id,
        email=None,
        linked_at=http.world.clock.now(),
        last_used_at=http.world.clock.now(),
    )

    async def work(transaction: RecordTransaction) -> None:
        await transaction.identities.add(identity)

    await http.world.record.transact(work)


async def everybody(http: HttpWorld) -> tuple[User, ...]:
    return (await http.world.use.read_users.page(UserQuery(limit=200))).items


async def test_an_id_in_the_body_names_nobody(http: HttpWorld) -> None:
    """AD-05: whom a request is about stands in its path alone."""
    await http.world.add_user("root", roles=("Admin",))
    alice, bob = await http.world.add_user("alice"), await http.world.add_user("bob")
    async with http.bearer(await http.token("root")) as admin:
        for body in ({"id": str(bob.id)}, {"user_id": str(bob.id), "disabled": True}, {"version": 0}, {"revision": 9}):
            answer = await admin.patch(f"/users/v1/{alice.id}", json=body, headers={"If-Match": '"1"'})
            assert answer.status_code == 400
        for extra in ("id", "built_in", "password_hash", "version", "created_at", "has_password"):
            answer = await admin.post("/users/v1", json={**new_user("carol"), extra: 1})
            assert (answer.status_code, problem(answer)["errors"][0]["code"]) == (400, "unknown_field")

    assert (await http.world.user(bob.id)).revision == 1


async def test_a_page_of_fifty_costs_as_many_statements_as_a_page_of_one(tmp_path: Path) -> None:
    """AD-08: no query per row."""
    async with running_on_sqlite(tmp_path) as (http, engine):
        await http.world.add_user("root", roles=("Admin",))
        for number in range(51):
            await http.world.add_user(f"user{number:02}", roles=("User", "Editor"), password=None)
        token = await http.token("root")
        counts = {}
        async with http.bearer(token) as admin:
            for limit in (1, 50):
                with statements(engine) as sent:
                    answer = await admin.get("/users/v1", params={"limit": limit, "search": "user", "role": "Editor"})
                assert len(answer.json()["items"]) == limit
                counts[limit] = len(sent)

    assert counts[50] == counts[1] <= 5


@pytest.mark.parametrize("record", ["memory", "sqlite"])
async def test_of_many_who_create_one_user_at_once_one_gets_a_201(http: HttpWorld, tmp_path: Path, record: str) -> None:
    """AD-09."""

    async def attempt(http: HttpWorld) -> None:
        await http.world.add_user("root", roles=("Admin",))
        async with http.bearer(await http.token("root")) as admin:
            names = ("carol", "CAROL", "Ｃarol", "other") * 3
            bodies = [{**new_user(name), "email": "one@example.com"} for name in names]
            answers = await asyncio.gather(*(admin.post("/users/v1", json=body) for body in bodies))
            assert (await admin.get("/users/v1")).json()["total"] == 2
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(201), statuses.count(409)) == (1, 11)
        for answer in answers:
            if answer.status_code == 409:
                assert problem(answer)["code"] == "already_exists"
                assert problem(answer)["errors"][0]["field"] in ("username", "email")

    if record == "memory":
        await attempt(http)
    else:
        async with running_on_sqlite(tmp_path) as (on_sqlite, _):
            await attempt(on_sqlite)


class RefusingAudit:
    """An audit log that cannot take one kind of event."""

    def __init__(self, inner: Any, action: str) -> None:
        self._inner = inner
        self._action = action

    async def append(self, event: AuditEvent) -> None:
        if event.action == self._action:
            raise Unavailable("the audit log is full")
        await self._inner.append(event)


def refuse_to_audit(http: HttpWorld, action: str) -> None:
    """Make the record fail at the audit event, inside its own transactions."""
    transact = http.world.record.transact

    async def failing(work: Callable[[Any], Awaitable[T]]) -> T:
        async def at_the_audit_event(transaction: RecordTransaction) -> T:
            return await work(_with_audit(transaction, action))

        return await transact(at_the_audit_event)

    http.world.record.transact = failing  # type: ignore[method-assign, assignment]


def _with_audit(transaction: Any, action: str) -> Any:
    class Transaction:
        audit = RefusingAudit(transaction.audit, action)

        def __getattr__(self, name: str) -> Any:
            return getattr(transaction, name)

    return Transaction()


@pytest.mark.parametrize("record", ["memory", "sqlite"])
async def test_what_cannot_be_audited_is_not_done(http: HttpWorld, tmp_path: Path, record: str) -> None:
    """AD-13: every administrator's write, and the sign-in itself."""

    async def attempt(http: HttpWorld) -> None:
        await http.world.add_user("root", roles=("Admin",))
        user = await http.world.add_user("alice")
        root = await http.token("root")
        corp = await http.world.use.register_provider(RegisterProviderCommand(CORP, Secret("s"), ADMIN_ACTOR))
        await link_to(http, user, corp)
        providers = f"/auth/v1/providers/{corp.id}"
        (identity,) = (await http.world.use.read_own_identities(user.id)).identities
        before = await kept(http, user)
        path, tag = f"/users/v1/{user.id}", {"If-Match": '"1"'}
        writes: dict[str, Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]] = {
            "user.created": lambda admin: admin.post("/users/v1", json=new_user("carol")),
            "user.changed": lambda admin: admin.patch(path, json={"disabled": True}, headers=tag),
            "user.deleted": lambda admin: admin.delete(path, headers=tag),
            "user.password_reset_issued": lambda admin: admin.post(f"{path}/password-reset"),
            "provider.created": lambda admin: admin.post(
                "/auth/v1/providers",
                json={
                    "name": "new",
                    "display_name": "New",
                    "issuer": CORP["issuer"],
                    "client_id": "c",
                    "client_secret": "s",
                },
            ),
            "provider.changed": lambda admin: admin.patch(providers, json={"enabled": False}, headers=tag),
            "identity.unlinked": lambda admin: admin.delete(f"{path}/identities/{identity.identity.id}"),
            "session.started": lambda admin: admin.post(
                "/auth/v1/login/local",
                json={"username": "alice", "password": PASSWORD.reveal()},
                headers={"X-CSRF": "1", "Origin": str(admin.base_url).rstrip("/")},
            ),
        }
        transact = http.world.record.transact
        for action, write in writes.items():
            audited = await http.world.audited()
            refuse_to_audit(http, action)
            async with http.bearer(root) as admin:
                answer = await write(admin)
            http.world.record.transact = transact  # type: ignore[method-assign]
            assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable"), action
            assert int(answer.headers["retry-after"]) >= 1
            assert "set-cookie" not in answer.headers
            assert await http.world.audited() == audited, action
            assert await kept(http, user) == before, action
        assert await http.world.sessions.list_for_user(user.id, http.world.clock.now()) == ()

    if record == "memory":
        await attempt(http)
    else:
        async with running_on_sqlite(tmp_path) as (on_sqlite, _):
            await attempt(on_sqlite)


async def test_every_administrators_write_is_audited_with_who_what_and_where(http: HttpWorld) -> None:
    """AD-13: actor, client, address, request id; before and after without secrets and without personal data."""
    root = await http.world.add_user("root", roles=("Admin",))
    async with http.bearer(await http.token("root")) as admin:
        created = await admin.post("/users/v1", json={**new_user("carol"), "password": PASSWORD.reveal()})
        path = created.headers["location"]
        changed = await admin.patch(path, json={"roles": ["Editor"]}, headers={"If-Match": created.headers["etag"]})
        reset = await admin.post(f"{path}/password-reset")
        deleted = await admin.delete(path, headers={"If-Match": changed.headers["etag"]})

    events = [event for event in await http.world.audited() if event.target == path.rpartition("/")[2]]
    by_action = {event.action: event for event in events}
    answers = {
        "user.created": created, "user.changed": changed, "user.password_reset_issued": reset, "user.deleted": deleted,
    }  # fmt: skip
    assert len(events) == len(answers)
    for action, answer in answers.items():
        event = by_action[action]
        assert (event.actor.subject, event.actor.client_id) == (str(root.id), "bff")
        assert (event.actor.address, event.actor.request_id) == ("192.0.2.7", answer.headers["x-request-id"])
    change = by_action["user.changed"]
    assert (change.before, change.after) == ({"roles": ["User"]}, {"roles": ["Editor"]})
    for text in (PASSWORD.reveal(), "carol", reset.json()["url"].partition("#")[2]):
        assert text not in repr(events)


async def test_an_administrator_never_sees_nor_chooses_what_a_link_sets(http: HttpWorld) -> None:
    """AD-12, LG-22: the answer holds a link, once; no write takes a password for an account that exists."""
    await http.world.add_user("root", roles=("Admin",))
    user = await http.world.add_user("alice")
    async with http.bearer(await http.token("root")) as admin:
        made = await admin.post(f"/users/v1/{user.id}/password-reset")
        for body in ({"password": PASSWORD.reveal()}, {"password_hash": "$2b$"}):
            answer = await admin.patch(f"/users/v1/{user.id}", json=body, headers={"If-Match": '"1"'})
            assert answer.status_code == 400
        listed = (await admin.get("/users/v1")).text + (await admin.get(f"/users/v1/{user.id}")).text

    assert made.json().keys() == {"url", "expires_at"}
    assert made.headers["cache-control"] == "no-store"
    assert made.json()["url"].partition("#token=")[2] not in listed


async def test_a_reset_token_in_a_url_is_not_looked_at(http: HttpWorld) -> None:
    """DT-06: it stands in the link's fragment, which browsers send to nobody, and counts in the body alone."""
    await http.world.add_user("root", roles=("Admin",))
    user = await http.world.add_user("alice")
    async with http.bearer(await http.token("root")) as admin:
        url = (await admin.post(f"/users/v1/{user.id}/password-reset")).json()["url"]
    assert "?" not in url
    token = url.partition("#token=")[2]
    async with http.bearer(None) as person:
        body = {"token": token, "password": "another good password"}
        assert (await person.post("/auth/v1/password/reset", params=body)).status_code == 400
        assert (await person.get("/auth/v1/password/reset", params=body)).status_code == 405
        assert (await person.post("/auth/v1/password/reset", json=body)).status_code == 204


async def test_guessing_reset_links_is_limited_by_the_address(http: HttpWorld) -> None:
    """LG-14, LG-22: though 256 random bits need no limit."""
    async with http.bearer(None) as attacker:
        answers = [
            await attacker.post("/auth/v1/password/reset", json={"token": f"prr_{n}", "password": PASSWORD.reveal()})
            for n in range(101)
        ]

    assert {answer.status_code for answer in answers[:100]} == {400}
    assert answers[100].status_code == 429


async def test_a_deleted_user_is_erased_from_everything_that_is_stored(tmp_path: Path) -> None:
    """DT-08: the database file itself, freed pages apart, and every store beside it."""
    async with running_on_sqlite(tmp_path) as (http, engine):
        await http.world.add_user("root", roles=("Admin",))
        user = await http.world.add_user("zaphod")
        await http.world.sign_in("zaphod")
        async with http.bearer(await http.token("root")) as admin:
            await admin.post(f"/users/v1/{user.id}/password-reset")
            assert (await admin.delete(f"/users/v1/{user.id}", headers={"If-Match": '"1"'})).status_code == 204
            assert "zaphod" not in (await admin.get("/users/v1")).text
        await http.world.audited()

        async with engine.connect() as connection:
            stored = [(await connection.execute(sa.select(table))).all() for table in metadata.sorted_tables]
        text = repr(stored)
        assert "zaphod" not in text
        assert user.id.hex in text or str(user.id) in text
        state = await http.world.roles.find(user.id)
        assert state is not None
        assert (state.username, state.roles) == ("", frozenset())
        now = http.world.clock.now()
        assert await http.world.sessions.list_for_user(user.id, now) == ()
        assert await http.world.families.list_for_user(user.id, now) == ()
