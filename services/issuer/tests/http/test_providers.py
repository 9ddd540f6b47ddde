"""Administration of identity providers over HTTP: administrators, everybody else, and addresses that lead inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ISSUER
from paseport_issuer.use_cases.begin_external_sign_in import CALLBACK
from paseport_shared.domain.models.outbound_url import OutboundTarget
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.upstream import FAILING, NOT_JSON, Upstream, UpstreamClient
from upstream_sign_in import corp, hub, running_with_upstream, somebody, token_of, with_body

PATH = "/auth/v1/providers"
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
CANARY = "canary-f2c1-client-secret-of-a-provider"
PUBLIC_ADDRESS = "93.184.215.14"


@pytest.fixture
async def http(tmp_path: Path, upstream: Upstream) -> AsyncIterator[HttpWorld]:
    async with running_with_upstream(tmp_path, upstream) as http:
        yield http


@pytest.fixture
async def root(http: HttpWorld) -> User:
    return await http.world.add_user("root", roles=("Admin",))


@pytest.fixture
async def admin(http: HttpWorld, root: User) -> AsyncIterator[httpx.AsyncClient]:
    async with http.bearer(await http.token("root")) as client:
        yield client


@pytest.fixture
def body(upstream: Upstream, client: UpstreamClient) -> dict[str, Any]:
    """What an administrator sends to register a provider."""
    return with_body(corp(upstream, client), client.secret)


async def created(admin: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    """Register a provider and return the answer."""
    answer = await admin.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def without_name(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "name"}


READS = [("GET", PATH), ("GET", f"{PATH}/presets"), ("GET", f"{PATH}/{{id}}"), ("POST", f"{PATH}/{{id}}/test")]
WRITES = [("POST", PATH), ("PUT", f"{PATH}/{{id}}"), ("PATCH", f"{PATH}/{{id}}"), ("DELETE", f"{PATH}/{{id}}")]


async def send(
    client: httpx.AsyncClient, route: tuple[str, str], body: dict[str, Any], provider_id: str
) -> httpx.Response:
    """Send a request that would succeed for an administrator."""
    method, path = route
    sent: dict[str, Any] | None = None
    if method == "POST" and not path.endswith("{id}/test"):
        sent = {**body, "name": "new"}
    elif method == "PUT":
        sent = {**without_name(body), "display_name": "Changed"}
    elif method == "PATCH":
        sent = {"display_name": "Changed"}
    return await client.request(method, path.format(id=provider_id), json=sent, headers={"If-Match": '"1"'})


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("nobody", 401, "authentication_required"),
        ("user", 403, "insufficient_role"),
        ("editor", 403, "insufficient_role"),
        ("admin without the scope", 403, "insufficient_scope"),
        ("disabled admin", 401, "invalid_token"),
    ],
)
async def test_nobody_but_an_administrator_reaches_any_provider(
    http: HttpWorld, admin: httpx.AsyncClient, body: dict[str, Any], caller: str, status: int, code: str
) -> None:
    """AD-01, AD-05: every route, on a provider that is there and on one that is not; nothing changes."""
    provider = await created(admin, body)
    roles = {"user": ("User",), "editor": ("User", "Editor", "ADMIN")}.get(caller, ("Admin",))
    own = await http.world.add_user("caller", roles=roles)
    token: str | None = await http.token("caller")
    if caller == "nobody":
        token = None
    elif caller == "admin without the scope":
        token = await token_of(http, own, "openid", "roles", "account")
    elif caller == "disabled admin":
        await http.world.disable(own)
        await http.world.follow()
    audited = await http.world.actions()

    async with http.bearer(token) as client:
        for provider_id in (provider["id"], UNKNOWN_ID):
            for route in [*READS, *WRITES, ("POST", f"{PATH}/test")]:
                answer = await send(client, route, body, provider_id)
                assert (answer.status_code, problem(answer)["code"]) == (status, code), route

    assert (await admin.get(PATH)).json()["items"] == [provider]
    assert await http.world.actions() == audited


async def test_a_write_needs_a_fresh_sign_in_and_reading_does_not(
    http: HttpWorld, root: User, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """AD-14: at most fifteen minutes; the answer says so in the words of RFC 9470 §3."""
    provider = await created(admin, body)
    young = await token_of(http, root, age=timedelta(minutes=14, seconds=50))
    async with http.bearer(await token_of(http, root, age=timedelta(minutes=15, seconds=5))) as old:
        for route in WRITES:
            answer = await send(old, route, body, provider["id"])
            assert (answer.status_code, problem(answer)["code"]) == (401, "reauthentication_required"), route
            challenge = answer.headers["www-authenticate"]
            assert 'error="insufficient_user_authentication"' in challenge
            assert 'max_age="900"' in challenge
        for route in READS:
            assert (await send(old, route, body, provider["id"])).status_code == 200, route
    assert (await admin.get(PATH)).json()["items"] == [provider]

    async with http.bearer(young) as fresh:
        assert (await send(fresh, WRITES[2], body, provider["id"])).status_code == 200


# --- create, read, change, deactivate --------------------------------------------------------------------------------


async def test_an_administrator_registers_reads_changes_and_deactivates_a_provider(
    admin: httpx.AsyncClient, body: dict[str, Any], upstream: Upstream, client: UpstreamClient
) -> None:
    answer = await admin.post(PATH, json=body)
    made = answer.json()
    path = f"{PATH}/{made['id']}"

    assert answer.status_code == 201
    assert (answer.headers["location"], answer.headers["etag"]) == (path, '"1"')
    assert (made["name"], made["issuer"], made["client_id"]) == ("corp", upstream.issuer, client.id)
    assert made["redirect_uri"] == f"{ISSUER}{CALLBACK}/corp"
    assert made["backchannel_logout_uri"] == f"{ISSUER}/auth/v1/oauth/backchannel-logout/corp"
    assert (made["enabled"], made["create_users"], made["trust_email"]) == (True, True, "claim")
    read = await admin.get(path)
    assert (read.json(), read.headers["etag"]) == (made, '"1"')
    assert (await admin.get(PATH)).json() == {"items": [made], "next": None, "total": 1}

    patched = await admin.patch(path, json={"display_name": "The Corp", "position": 3}, headers={"If-Match": '"1"'})
    replaced = await admin.put(
        path, json={**without_name(body), "default_roles": ["User"]}, headers={"If-Match": '"2"'}
    )
    gone = await admin.delete(path, headers={"If-Match": '"3"'})

    assert (patched.json()["display_name"], patched.json()["position"], patched.headers["etag"]) == (
        "The Corp",
        3,
        '"2"',
    )
    assert (replaced.json()["display_name"], replaced.json()["position"]) == ("Corp", 0)
    assert replaced.json()["default_roles"] == ["User"]
    assert (gone.status_code, gone.content) == (204, b"")
    kept = await admin.get(path)
    assert (kept.json()["enabled"], kept.headers["etag"]) == (False, '"4"')
    enabled = await admin.patch(path, json={"enabled": True}, headers={"If-Match": '"4"'})
    assert enabled.json()["enabled"] is True


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_names_the_revision_that_it_replaces(
    admin: httpx.AsyncClient, body: dict[str, Any], method: str
) -> None:
    """Two administrators at once: the second one learns of the first."""
    provider = await created(admin, body)
    path = f"{PATH}/{provider['id']}"
    sent = {"PUT": without_name(body), "PATCH": {"display_name": "Changed"}, "DELETE": None}[method]

    without = await admin.request(method, path, json=sent)
    stale = await admin.request(method, path, json=sent, headers={"If-Match": '"2"'})
    junk = await admin.request(method, path, json=sent, headers={"If-Match": "1"})
    absent = await admin.request(method, f"{PATH}/{UNKNOWN_ID}", json=sent, headers={"If-Match": '"1"'})

    assert (without.status_code, problem(without)["code"]) == (428, "precondition_required")
    assert (stale.status_code, problem(stale)["code"]) == (412, "precondition_failed")
    assert junk.status_code in {400, 412, 422}
    assert (absent.status_code, problem(absent)["code"]) == (404, "not_found")
    assert (await admin.get(path)).json() == provider


async def test_a_name_is_given_once(admin: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """AD-09: also where the first one was deactivated, since identities name it."""
    provider = await created(admin, body)

    taken = await admin.post(PATH, json=body)
    await admin.delete(f"{PATH}/{provider['id']}", headers={"If-Match": '"1"'})
    still = await admin.post(PATH, json=body)

    for answer in (taken, still):
        assert (answer.status_code, problem(answer)["code"]) == (409, "already_exists")
        assert problem(answer)["errors"][0]["field"] == "name"


async def test_of_many_who_register_one_name_at_once_one_gets_a_201(
    tmp_path: Path, upstream: Upstream, body: dict[str, Any]
) -> None:
    """AD-09, on a real database; and of many who want to be the default one there is one."""
    async with running_with_upstream(tmp_path, upstream, on_sqlite=True) as http:
        await http.world.add_user("root", roles=("Admin",))
        async with http.bearer(await http.token("root")) as admin:
            answers = await asyncio.gather(*(admin.post(PATH, json=body) for _ in range(8)))
            defaults = await asyncio.gather(
                *(admin.post(PATH, json={**body, "name": f"d{number}", "is_default": True}) for number in range(4))
            )
            listed = (await admin.get(PATH)).json()["items"]

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.status_code for answer in defaults} <= {201, 412, 503}
    assert [item["is_default"] for item in listed].count(True) == 1


async def test_there_is_one_default_provider(http: HttpWorld, admin: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """The one before it is changed with it, and that is audited too. A disabled one is none."""
    first = await created(admin, {**body, "is_default": True})
    second = await created(admin, {**body, "name": "second", "is_default": True})

    listed = {item["name"]: item["is_default"] for item in (await admin.get(PATH)).json()["items"]}
    assert listed == {"corp": False, "second": True}
    changed = [event for event in await http.world.audited() if event.action == "provider.changed"]
    assert [(event.target, event.after) for event in changed] == [(first["id"], {"is_default": False})]
    await admin.delete(f"{PATH}/{second['id']}", headers={"If-Match": '"1"'})
    assert [item["is_default"] for item in (await admin.get(PATH)).json()["items"]] == [False, False]


async def test_a_deactivated_provider_signs_nobody_in(
    http: HttpWorld, upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """It is on no button, and its identities and sessions stay."""
    provider = await created(admin, body)
    async with somebody(http, upstream) as person:
        await person.sign_in()
        await admin.delete(f"{PATH}/{provider['id']}", headers={"If-Match": '"1"'})

        assert (await person.here.get("/auth/v1/sign-in-options")).json() == {"providers": []}
        assert (await person.here.get("/auth/v1/oauth/init", params={"provider": "corp", "transaction": "x"})).is_error
        assert await person.is_signed_in()


async def test_a_provider_that_is_away_can_always_be_deactivated(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """XI-19: whoever it threatens must be able to."""
    provider = await created(admin, body)
    upstream.misbehave(discovery=FAILING)

    answer = await admin.delete(f"{PATH}/{provider['id']}", headers={"If-Match": '"1"'})
    back = await admin.patch(f"{PATH}/{provider['id']}", json={"enabled": True}, headers={"If-Match": '"2"'})

    assert answer.status_code == 204
    assert (back.status_code, problem(back)["errors"][0]["code"]) == (422, "no_answer")


async def test_a_provider_that_does_not_answer_can_be_saved_disabled(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    upstream.misbehave(discovery=NOT_JSON)

    enabled = await admin.post(PATH, json=body)
    disabled = await admin.post(PATH, json={**body, "enabled": False})

    assert (enabled.status_code, problem(enabled)["errors"][0]["field"]) == (422, "issuer")
    assert disabled.status_code == 201


# --- what a provider may be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Corp"}, "name"),
        ({"name": "../corp"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 33}, "name"),
        ({"display_name": " "}, "display_name"),
        ({"display_name": "Corp\x00"}, "display_name"),
        ({"issuer": None}, "issuer"),
        ({"issuer": "corp.example"}, "issuer"),
        ({"issuer": "https://corp.example/?tenant=1"}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"client_secret": "line\nbreak"}, "client_secret"),
        ({"auth_method": "none"}, "auth_method"),
        ({"scopes": ["profile"]}, "scopes"),
        ({"scopes": ["openid", "openid"]}, "scopes"),
        ({"scopes": ["openid", 'a"b']}, "scopes"),
        ({"claims": {"subject": []}}, "claims.subject"),
        ({"claims": {"subject": ["email"]}}, "claims.subject"),
        ({"claims": {"email": ""}}, "claims.email"),
        ({"allowed_domains": ["EXAMPLE.com"]}, "allowed_domains"),
        ({"allowed_domains": ["*.example.com"]}, "allowed_domains"),
        ({"allowed_domains": ["example.com"], "trust_email": "never"}, "allowed_domains"),
        ({"default_roles": ["1"]}, "default_roles"),
        ({"group_roles": [{"group": "staff", "role": "Editor"}]}, "claims.groups"),
        ({"group_roles": [{"group": "", "role": "Editor"}], "claims": {"groups": "groups"}}, "group_roles"),
        ({"icon": "javascript:"}, "icon"),
        ({"enabled": False, "is_default": True}, "is_default"),
        ({"endpoints": {"authorization": "https://a/", "token": "https://a/", "user": "https://a/"}}, "endpoints"),
        ({"kind": "oauth2", "issuer": None}, "endpoints"),
        ({"kind": "oauth2"}, "issuer"),
        ({"kind": "oauth2", "issuer": None, "shared_callback": True}, "shared_callback"),
        ({"kind": "oauth2", "issuer": None, "end_upstream_session": True}, "end_upstream_session"),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_what_is_not_acceptable_is_named_by_its_field(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    """Before anything is asked of anybody, and without repeating what was sent."""
    answer = await admin.post(PATH, json={**body, **change})

    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in problem(answer)["errors"]}
    assert (await admin.get(PATH)).json()["total"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"id": UNKNOWN_ID}, {"sealed_secret": "x"}, {"revision": 7}, {"kind": "saml"}, {"trust_email": "sometimes"},
        {"enabled": "yes"}, {"position": -1}, {"client_secret": ""}, {"scopes": "openid"}, {"claims": {"other": "x"}},
        {"issuer": "https://" + "x" * 3_000}, {"response_mode": "fragment"},
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
async def test_a_body_of_another_shape_is_refused(
    admin: httpx.AsyncClient, body: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = await admin.post(PATH, json={**body, **change})

    assert answer.status_code in {400, 422}, answer.text
    assert (await admin.get(PATH)).json()["total"] == 0


async def test_the_name_and_the_kind_of_a_provider_stay(admin: httpx.AsyncClient, body: dict[str, Any]) -> None:
    provider = await created(admin, body)
    for change in ({"name": "other"}, {"kind": "oauth2"}):
        answer = await admin.patch(f"{PATH}/{provider['id']}", json=change, headers={"If-Match": '"1"'})
        assert answer.status_code == 400
    assert (await admin.get(f"{PATH}/{provider['id']}")).json() == provider


async def test_only_a_provider_that_names_itself_answers_at_the_shared_address(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """RFC 9207 §2.4: at registration, and when it is changed."""
    silent = {"remove": ["authorization_response_iss_parameter_supported"]}
    upstream.misbehave(discovery=silent)
    refused = await admin.post(PATH, json={**body, "shared_callback": True})
    own = await created(admin, body)
    path, shared = f"{PATH}/{own['id']}", {"shared_callback": True}
    changed = await admin.patch(path, json=shared, headers={"If-Match": '"1"'})

    for answer in (refused, changed):
        assert (answer.status_code, problem(answer)["errors"][0]["field"]) == (422, "shared_callback")
    upstream.misbehave()
    assert (await created(admin, {**body, "name": "loud", **shared}))["redirect_uri"] == ISSUER + CALLBACK


async def test_a_provider_that_is_another_one_than_registered_is_refused(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """XI-17: the issuer in the metadata is compared byte for byte."""
    for change in ({"set": {"issuer": "https://other.example"}}, {"set": {"issuer": f"{upstream.issuer}/"}}):
        upstream.misbehave(discovery=change)
        answer = await admin.post(PATH, json=body)
        assert (answer.status_code, problem(answer)["errors"][0]["code"]) == (422, "no_answer")
    upstream.misbehave()
    slash = await admin.post(PATH, json={**body, "issuer": f"{upstream.issuer}/"})
    assert (slash.status_code, problem(slash)["errors"][0]["field"]) == (422, "issuer")


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_no_answer_and_no_audit_event_holds_a_client_secret(
    http: HttpWorld, upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """AD-11, AD-13: neither as it is nor as it is kept; refusals included."""
    body = {**body, "client_secret": CANARY}
    answer = await admin.post(PATH, json=body)
    path, tag = answer.headers["location"], {"If-Match": '"1"'}
    answers = [
        answer,
        await admin.post(PATH, json=body),
        await admin.post(PATH, json={**body, "name": "?", "issuer": "http://x"}),
        await admin.post(PATH, json={**body, "other": CANARY}),
        await admin.post(PATH, json={**body, "client_secret": [CANARY]}),
        await admin.get(PATH),
        await admin.get(path),
        await admin.put(path, json=without_name(body), headers=tag),
        await admin.patch(path, json={"client_secret": f"{CANARY}-2"}, headers={"If-Match": '"2"'}),
        await admin.patch(path, json={"client_secret": f"{CANARY}-3"}, headers=tag),
        await admin.post(f"{path}/test"),
        await admin.post(f"{PATH}/test", json=body),
    ]

    provider_id = path.rpartition("/")[2]

    async def read(transaction: RecordTransaction) -> list[str]:
        return [provider.sealed_secret for provider in await transaction.providers.list_all()]

    (sealed,) = await http.world.record.transact(read)
    assert CANARY not in sealed
    events = [event for event in await http.world.audited() if event.target == provider_id]
    assert [event.action for event in events] == ["provider.created", "provider.changed", "provider.changed"]
    assert [(event.after or {}).get("client_secret") for event in events] == [None, "replaced", "replaced"]
    for text in [*(response.text + str(response.headers) for response in answers), repr(events)]:
        assert CANARY not in text
        assert sealed not in text


async def test_a_change_keeps_the_secret_unless_it_names_one(
    http: HttpWorld, upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    path = f"{PATH}/{(await created(admin, body))['id']}"
    unnamed = {name: value for name, value in without_name(body).items() if name != "client_secret"}

    await admin.put(path, json={**unnamed, "display_name": "Changed"}, headers={"If-Match": '"1"'})
    async with somebody(http, upstream) as person:
        await person.sign_in()
    await admin.patch(path, json={"client_secret": "another"}, headers={"If-Match": '"2"'})
    async with somebody(http, upstream) as person:
        assert (await person.come_back()).status_code == 502


async def test_every_write_is_audited_with_who_what_and_where(
    http: HttpWorld, root: User, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """AD-13."""
    answer = await admin.post(PATH, json=body)
    path = answer.headers["location"]
    changed = await admin.patch(path, json={"trust_email": "always"}, headers={"If-Match": '"1"'})
    gone = await admin.delete(path, headers={"If-Match": '"2"'})

    events = [event for event in await http.world.audited() if event.target == path.rpartition("/")[2]]
    assert [event.action for event in events] == ["provider.created", "provider.changed", "provider.changed"]
    for event, response in zip(events, (answer, changed, gone), strict=True):
        assert (event.actor.subject, event.actor.client_id) == (str(root.id), "bff")
        assert (event.actor.address, event.actor.request_id) == ("192.0.2.7", response.headers["x-request-id"])
    assert (events[1].before, events[1].after) == ({"trust_email": "claim"}, {"trust_email": "always"})
    assert (events[2].before, events[2].after) == ({"enabled": True}, {"enabled": False})


async def test_without_the_key_nothing_is_registered(
    http: HttpWorld, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """A secret that cannot be sealed is not kept."""
    with http.world.outages.vault:
        answer = await admin.post(PATH, json=body)

    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")
    assert (await admin.get(PATH)).json()["total"] == 0


# --- presets and the test of a connection ----------------------------------------------------------------------------


async def test_presets_say_what_is_known_of_widespread_providers(admin: httpx.AsyncClient) -> None:
    presets = {item["name"]: item for item in (await admin.get(f"{PATH}/presets")).json()["items"]}

    assert set(presets) == {"rauthy", "keycloak", "google", "microsoft", "github", "gitlab", "apple"}
    assert presets["microsoft"]["claims"]["subject"] == ["tid", "oid"]
    assert presets["microsoft"]["trust_email"] == "never"
    assert presets["apple"]["response_mode"] == "form_post"
    assert presets["github"]["kind"] == "oauth2"
    assert presets["github"]["endpoints"]["emails"] == "https://api.github.com/user/emails"


def findings_of(answer: httpx.Response) -> dict[str, tuple[str, str]]:
    """Return what was found, by what was looked at."""
    assert answer.status_code == 200, answer.text
    return {found["check"]: (found["outcome"], found["message"]) for found in answer.json()["findings"]}


async def test_a_connection_that_works_is_found_to_work(
    upstream: Upstream, client: UpstreamClient, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """Before it is registered and afterwards; of both kinds."""
    unregistered = findings_of(await admin.post(f"{PATH}/test", json=body))
    registered = findings_of(await admin.post(f"{PATH}/{(await created(admin, body))['id']}/test"))
    server = findings_of(await admin.post(f"{PATH}/test", json=with_body(hub(upstream, client), client.secret)))

    for found in (unregistered, registered, server):
        assert {outcome for outcome, _ in found.values()} == {"ok"}
        assert "credentials" in found
    assert {"address", "discovery", "issuer", "endpoints", "keys", "algorithms", "pkce", "scopes"} < set(registered)


@pytest.mark.parametrize(
    ("change", "wrongs", "check", "outcome", "words"),
    [
        ({"client_secret": "wrong"}, {}, "credentials", "failed", "client id or secret"),
        ({"client_id": "nobody"}, {}, "credentials", "failed", "client id or secret"),
        ({}, {"discovery": {"set": {"issuer": "https://other.example"}}}, "issuer", "failed", "other.example"),
        ({}, {"discovery": {"status": 404}}, "discovery", "failed", "no OpenID metadata"),
        ({}, {"discovery": NOT_JSON}, "discovery", "failed", "no OpenID metadata"),
        ({}, {"discovery": {"remove": ["token_endpoint"]}}, "endpoints", "failed", "token_endpoint"),
        ({}, {"discovery": {"set": {"jwks_uri": "http://localhost/"}}}, "endpoints", "failed", "https"),
        ({}, {"jwks": {"json": {"keys": []}}}, "keys", "failed", "no key that can be used"),
        ({}, {"jwks": FAILING}, "keys", "failed", "cannot be read"),
        (
            {},
            {"discovery": {"set": {"id_token_signing_alg_values_supported": ["HS256"]}}},
            "algorithms",
            "failed",
            "RS256",
        ),
        ({"scopes": ["openid", "payroll"]}, {}, "scopes", "warning", "payroll"),
        (
            {"shared_callback": True},
            {"discovery": {"remove": ["authorization_response_iss_parameter_supported"]}},
            "shared_callback",
            "failed",
            "RFC 9207",
        ),
        (
            {"response_mode": "form_post"},
            {"discovery": {"set": {"response_modes_supported": ["query"]}}},
            "response_mode",
            "failed",
            "form_post",
        ),
        ({}, {"discovery": {"remove": ["code_challenge_methods_supported"]}}, "pkce", "warning", "PKCE"),
        ({"issuer": "https://127.0.0.1"}, {}, "address", "failed", "PASEPORT_OUTBOUND_ALLOW"),
        ({"issuer": "https://localhost:22"}, {}, "address", "failed", "PASEPORT_OUTBOUND_ALLOW"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_what_is_wrong_with_a_connection_is_said_in_words(
    upstream: Upstream,
    admin: httpx.AsyncClient,
    body: dict[str, Any],
    change: dict[str, Any],
    wrongs: dict[str, Any],
    check: str,
    outcome: str,
    words: str,
) -> None:
    upstream.misbehave(**wrongs)

    found = findings_of(await admin.post(f"{PATH}/test", json={**body, **change}))

    assert found[check][0] == outcome
    assert words in found[check][1]
    assert body["client_secret"] not in str(found)


async def test_without_a_secret_the_credentials_are_not_tried(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    found = findings_of(await admin.post(f"{PATH}/test", json={**body, "client_secret": None}))

    assert "credentials" not in found
    assert upstream.requests("token") == []


async def test_a_connection_that_cannot_be_tried_is_refused_like_a_registration(
    admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    answer = await admin.post(f"{PATH}/test", json={**body, "issuer": "http://localhost"})

    assert (answer.status_code, problem(answer)["errors"][0]["field"]) == (422, "issuer")
    assert (await admin.post(f"{PATH}/{UNKNOWN_ID}/test")).status_code == 404


# --- addresses that lead inside (XI-16) ------------------------------------------------------------------------------

INSIDE = [
    "https://127.0.0.1", "https://127.1.2.3", "https://localhost", "https://[::1]", "https://0.0.0.0",
    "https://10.0.0.1", "https://172.16.0.1", "https://172.31.255.255", "https://192.168.1.1", "https://100.64.0.1",
    "https://169.254.169.254", "https://[fe80::1]", "https://[fd00::1]", "https://[::ffff:127.0.0.1]",
    "https://[::ffff:a00:1]", "https://[64:ff9b::7f00:1]", "https://[2002:7f00:1::]", "https://224.0.0.1",
    "https://255.255.255.255", "https://192.0.2.1",
]  # fmt: skip
UNREADABLE = [
    "https://2130706433", "https://0x7f.1", "https://0177.0.0.1", "https://127.1", "https://user@localhost",
    "https://localhost#fragment", "https://", "https:/localhost", "https://local host", "https://\u24db\u24de\u24d2al",
]  # fmt: skip
OTHER_SCHEMES = ["http://localhost", "file:///etc/passwd", "ftp://localhost", "gopher://localhost", "//localhost", "x"]


async def refused_addresses(admin: httpx.AsyncClient, body: dict[str, Any], issuers: list[str], *codes: str) -> None:
    """Register, change and try each address: it is refused, and the answer does not repeat it."""
    for issuer in issuers:
        for enabled in (True, False):
            answer = await admin.post(PATH, json={**body, "issuer": issuer, "enabled": enabled})
            assert answer.status_code == 422, (issuer, answer.text)
            (error,) = problem(answer)["errors"]
            assert error["field"] == "issuer", issuer
            assert error["code"] in codes, issuer
    assert (await admin.get(PATH)).json()["total"] == 0


async def test_an_address_inside_our_network_is_refused(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """XI-16: loopback, private, link-local, mapped and translated ones; disabled providers too."""
    await refused_addresses(admin, body, INSIDE, "not_allowed")
    assert upstream.requests() == []


async def test_an_address_that_could_be_read_in_two_ways_is_refused(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """XI-16: numbers in other spellings, credentials, fragments."""
    await refused_addresses(admin, body, UNREADABLE, "format", "not_allowed")
    assert upstream.requests() == []


async def test_another_scheme_or_port_is_refused(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """XI-16: nothing allows http; port 22 would have to be named by the operator."""
    await refused_addresses(admin, body, OTHER_SCHEMES, "format", "https")
    for issuer in ("https://idp.example.com:22", "https://idp.example.com:8443", "https://localhost:6379"):
        await refused_addresses(admin, body, [issuer], "not_allowed")
    assert upstream.requests() == []


@pytest.mark.parametrize("name", ["token", "user", "emails"])
async def test_each_endpoint_of_a_provider_without_metadata_is_judged(
    upstream: Upstream, client: UpstreamClient, admin: httpx.AsyncClient, name: str
) -> None:
    """XI-16: the browser alone goes to ``authorization``."""
    described = with_body(hub(upstream, client), client.secret)
    endpoints = {**described["endpoints"], name: "https://169.254.169.254/latest"}

    answer = await admin.post(PATH, json={**described, "endpoints": endpoints})

    assert (answer.status_code, problem(answer)["errors"][0]["code"]) == (422, "not_allowed")


@pytest.mark.parametrize("name", ["jwks_uri", "token_endpoint", "userinfo_endpoint"])
async def test_each_endpoint_that_the_metadata_names_is_judged(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any], name: str
) -> None:
    """XI-16: a public issuer may lead inside by its metadata."""
    upstream.misbehave(discovery={"set": {name: "https://[::ffff:169.254.169.254]/keys"}})

    answer = await admin.post(PATH, json=body)

    assert (answer.status_code, problem(answer)["errors"][0]["code"]) == (422, "not_allowed")


@pytest.mark.parametrize(
    "target", ["http://localhost/", "https://127.0.0.1/", "http://169.254.169.254/latest/meta-data", "loop"]
)
async def test_no_redirect_is_followed(
    upstream: Upstream, admin: httpx.AsyncClient, body: dict[str, Any], target: str
) -> None:
    """XI-16: to http or inside, or in a circle: one request, and a refusal."""
    upstream.misbehave(discovery={"redirect": target})

    answer = await admin.post(PATH, json=body)

    assert (answer.status_code, problem(answer)["errors"][0]["code"]) == (422, "no_answer")
    assert len(upstream.requests()) == 1


async def test_a_registered_provider_cannot_be_moved_inside(admin: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """XI-16: a change is judged like a registration."""
    provider = await created(admin, body)
    path, tag = f"{PATH}/{provider['id']}", {"If-Match": '"1"'}

    patched = await admin.patch(path, json={"issuer": "https://10.0.0.1"}, headers=tag)
    replaced = await admin.put(path, json={**without_name(body), "issuer": "https://[::1]"}, headers=tag)

    for answer in (patched, replaced):
        assert (answer.status_code, problem(answer)["errors"][0]["code"]) == (422, "not_allowed")
    assert (await admin.get(path)).json() == provider


async def test_an_allowance_of_the_operator_counts_for_its_host_and_port_alone(
    tmp_path: Path, upstream: Upstream, client: UpstreamClient, body: dict[str, Any]
) -> None:
    """XI-16, PASEPORT_OUTBOUND_ALLOW: without it the same provider is refused."""
    server = with_body(hub(upstream, client), client.secret)
    host, port = upstream.address
    for allow, may in (((), False), ((f"{host}:{port}",), True), ((f"127.0.0.1:{port}",), False)):
        async with running_with_upstream(tmp_path, upstream, allow=allow) as http:
            await http.world.add_user("root", roles=("Admin",))
            async with http.bearer(await http.token("root")) as admin:
                assert (await admin.post(PATH, json=body)).status_code == (201 if may else 422)
                assert (await admin.post(PATH, json=server)).status_code == 422


@dataclass
class NameServer:
    """Somebody's name server: it has an answer for each time that it is asked, and the last one for ever."""

    answers: list[list[str]]
    asked: int = 0

    async def resolve(self, target: OutboundTarget) -> tuple[IPv4Address | IPv6Address, ...]:
        """Return the next answer."""
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return tuple(ip_address(text) for text in answer)

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Wire:
    """Where connections are said to go; the server at the other end is on loopback, as every server of a test."""

    port: int
    connected: list[tuple[str, int]] = field(default_factory=list)

    async def connect(self, host: str, port: int, **options: Any) -> Any:
        """Note where to, and connect to the provider."""
        self.connected.append((host, port))
        return await asyncio.open_connection("127.0.0.1", self.port, **options)


@pytest.mark.parametrize(
    ("answers", "status", "code"),
    [
        ([[PUBLIC_ADDRESS]], 201, None),
        ([["10.0.0.1"]], 422, "not_allowed"),
        ([[PUBLIC_ADDRESS, "127.0.0.1"]], 422, "not_allowed"),
        ([["::ffff:127.0.0.1"]], 422, "not_allowed"),
        ([[PUBLIC_ADDRESS], ["127.0.0.1"]], 422, "not_allowed"),
    ],
    ids=["public", "private", "one of two is inside", "mapped", "rebinding"],
)
async def test_a_name_is_judged_by_its_addresses_and_asked_at_those(
    tmp_path: Path,
    upstream: Upstream,
    body: dict[str, Any],
    answers: list[list[str]],
    status: int,
    code: str | None,
) -> None:
    """XI-16: what is connected to is what was judged, whatever a name server says next."""
    # The certificate is for this name, so that is what the public provider is called here.
    issuer = "https://localhost"
    with upstream.browser() as browser:
        metadata = browser.get(f"{upstream.issuer}/.well-known/openid-configuration", timeout=10).json()
    moved = {
        name: value.replace(upstream.issuer, issuer)
        for name, value in metadata.items()
        if isinstance(value, str) and value.startswith(upstream.issuer)
    }
    upstream.misbehave(discovery={"set": moved})
    names, wire = NameServer(answers), Wire(upstream.address[1])
    async with running_with_upstream(tmp_path, upstream, allow=(), resolver=names, connect=wire.connect) as http:
        await http.world.add_user("root", roles=("Admin",))
        async with http.bearer(await http.token("root")) as admin:
            answer = await admin.post(PATH, json={**body, "issuer": issuer})

    assert answer.status_code == status, answer.text
    if code is not None:
        assert problem(answer)["errors"][0]["code"] == code
    assert set(wire.connected) <= {(PUBLIC_ADDRESS, 443)}
    assert bool(wire.connected) == (answers[0] == [PUBLIC_ADDRESS])
