"""People who manage their API keys with the access token of an identity provider, and everybody who must not.

The provider is a real one. Its tokens come out of its control port: right unless forged (``e2e/upstream/keys.js``).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_world import ADMIN_ACTOR
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_shared.domain.models.identity_provider import ApiAccess, IdentityProvider
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.domain.models.user import User
from paseport_testkit.harness.upstream import FAILING, Upstream, UpstreamClient
from upstream_sign_in import (
    change,
    corp,
    kept,
    refusals,
    register,
    running_with_upstream,
    somebody,
    token_of,
)

OWN = "/api/me/tokens"
ALL = "/api/users/-/tokens"
AUDIENCE = "api://keys"
TENANT = "11111111-2222-3333-4444-555555555555"
ADA = str(Upstream.ADA["sub"])
ACCESS = ApiAccess(audiences=("urn:other", AUDIENCE), groups="groups", admin_group="Key-Admins", tenant=TENANT)


@pytest.fixture
async def http(tmp_path: Path, upstream: Upstream) -> AsyncIterator[HttpWorld]:
    async with running_with_upstream(tmp_path, upstream) as http:
        yield http


@pytest.fixture
async def provider(http: HttpWorld, upstream: Upstream, client: UpstreamClient) -> IdentityProvider:
    return await register(http, corp(upstream, client, api_access=ACCESS), client.secret)


@pytest.fixture
async def ada(http: HttpWorld, upstream: Upstream, provider: IdentityProvider) -> User:
    """Ada, who has signed in through the provider once."""
    async with somebody(http, upstream) as person:
        return await person.sign_in()


def foreign_token(
    upstream: Upstream, client: UpstreamClient, *, sub: str | None = ADA, key: str = "own", **changed: Any
) -> str:
    """An access token of the provider (RFC 9068), with claims changed, or left out where they are None."""
    claims = {
        "events": None,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 300,
        "tid": TENANT,
        "groups": ["staff"],
        **changed,
    }
    header = {"set": {"typ": claims.pop("typ_of_header", "at+jwt")}}
    return upstream.logout_token(
        client_id=client.id,
        sub=sub,
        set={name: value for name, value in claims.items() if value is not None},
        remove=[name for name, value in claims.items() if value is None],
        header=header,
        key=key,
    )


async def ask(http: HttpWorld, token: str, path: str = OWN) -> httpx.Response:
    async with http.bearer(token) as caller:
        return await caller.get(path)


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_whoever_is_linked_manages_their_keys_and_nobody_elses(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """Issue: both older systems let people do this with the provider's token."""
    token = foreign_token(upstream, client)
    async with http.bearer(token) as caller:
        made = await caller.post(OWN, json={"name": "report"})
        listed = await caller.get(OWN)
        key_id = made.json()["id"]
        removed = await caller.delete(f"{OWN}/{key_id}", headers={"If-Match": made.headers["etag"]})
        others = await caller.get(ALL)

    assert made.status_code == 201, made.text
    assert made.json()["owner"]["id"] == str(ada.id)
    assert [key["id"] for key in listed.json()["items"]] == [key_id]
    assert removed.status_code == 204
    assert (others.status_code, problem(others)["code"]) == (403, "insufficient_scope")
    events = [event for event in await http.world.audited() if event.action.startswith("api_key.")]
    assert {(event.actor.subject, event.actor.client_id) for event in events} == {(str(ada.id), "provider:corp")}


async def test_members_of_the_admin_group_manage_everybodys_keys(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    bob = await http.world.add_user("bob")
    token = foreign_token(upstream, client, groups=["staff", "Key-Admins"])
    async with http.bearer(token) as caller:
        made = await caller.post(f"/api/users/{bob.id}/tokens", json={"name": "till"})
        listed = await caller.get(ALL)

    assert made.status_code == 201, made.text
    assert [key["owner"]["username"] for key in listed.json()["items"]] == ["bob"]


async def test_it_begins_no_session_and_opens_no_other_route(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """Never a session, never anything but these routes; not for an administrator either."""
    before = await kept(http)
    token = foreign_token(upstream, client, groups=["Key-Admins"])
    async with http.bearer(token) as caller:
        answers = {
            path: await caller.get(path)
            for path in ("/me/v1/sessions", "/users/v1", "/clients/v1", "/auth/v1/providers", "/userinfo", "/keys/v1")
        }
        own = await caller.get(OWN)

    assert own.status_code == 200
    assert "set-cookie" not in own.headers
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert await kept(http) == before


async def test_the_groups_case_counts_unless_the_provider_says_otherwise(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider, ada: User
) -> None:
    """``group_case_sensitive``."""
    token = foreign_token(upstream, client, groups=["KEY-admins"])
    refused = await ask(http, token, ALL)
    await change(http, provider, api_access=replace(ACCESS, group_case_sensitive=False))
    allowed = await ask(http, token, ALL)

    assert (refused.status_code, allowed.status_code) == (403, 200)


async def test_who_is_an_administrator_here_is_none_without_the_group(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """A token of the provider is worth what the provider says, and no more."""
    roles = UserChange(frozenset({"roles"}), roles=frozenset({ADMIN, "User"}))
    await http.world.use.change_user(ChangeUserCommand(ada.id, ada.revision, roles, ADMIN_ACTOR))
    token = foreign_token(upstream, client)
    async with http.bearer(token) as caller:
        everybody = await caller.get(ALL)
        as_admin = await caller.post(OWN, json={"name": "x", "roles": [ADMIN]})
        for_ever = await caller.post(OWN, json={"name": "x", "never_expires": True})

    assert everybody.status_code == 403
    assert as_admin.status_code in (401, 422), as_admin.text
    assert for_ever.status_code in (401, 422), for_ever.text


async def test_what_needs_a_fresh_sign_in_needs_one_at_the_provider(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """AD-14: by ``auth_time``; a token that does not say when is of no use for it."""
    statuses = []
    for auth_time in (None, int(time.time()) - 3600, int(time.time()) - 60):
        token = foreign_token(upstream, client, groups=["Key-Admins"], auth_time=auth_time)
        async with http.bearer(token) as caller:
            answer = await caller.post(f"/api/users/{ada.id}/tokens", json={"name": "x", "never_expires": True})
        statuses.append(answer.status_code)

    assert statuses == [401, 401, 201]


async def test_claims_may_be_other_ones_than_in_a_sign_in(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider, ada: User
) -> None:
    """Microsoft Entra names people by other claims in an access token; groups may be called ``roles`` there."""
    named = ApiAccess(audiences=(AUDIENCE,), subject=("person.id",), groups="roles", admin_group="admins")
    await change(http, provider, api_access=named)
    token = foreign_token(upstream, client, sub="pairwise", person={"id": ADA}, roles="admins", groups=None, tid=None)

    assert (await ask(http, token, ALL)).status_code == 200


async def test_of_two_registrations_at_one_issuer_the_one_with_the_audience_counts(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    second = corp(upstream, client, name="second", api_access=ApiAccess(audiences=("api://second",)))
    await register(http, second, client.secret)
    token = foreign_token(upstream, client, aud=["api://second", "urn:unknown"], tid=None)

    assert (await ask(http, token)).status_code == 200


# --- who may not ------------------------------------------------------------------------------------------------------

FORGERIES: Mapping[str, Mapping[str, Any]] = {
    "another audience": {"aud": "api://another"},
    "the client of sign-ins as audience": {"aud": "{client}"},
    "no audience": {"aud": None},
    "an audience that is no text": {"aud": {"api://keys": True}},
    "another tenant": {"tid": "99999999-2222-3333-4444-555555555555"},
    "no tenant": {"tid": None},
    "another issuer": {"iss": "https://id.example.test"},
    "an issuer with a slash": {"iss": "{issuer}/"},
    "no issuer": {"iss": None},
    "expired": {"exp": 1_000_000_000},
    "no expiry": {"exp": None},
    "an expiry that is true": {"exp": True},
    "not valid yet": {"nbf": 4_000_000_000},
    "issued in time to come": {"iat": 4_000_000_000},
    "no time of issue": {"iat": None},
    "signed in in time to come": {"auth_time": 4_000_000_000},
    "no subject": {"sub": None},
    "a subject that is a list": {"sub": ["8f2d-ada"]},
    "an ID token, by its nonce": {"nonce": "n"},
    "an ID token, by its at_hash": {"at_hash": "x"},
    "an ID token, as Keycloak says it": {"typ": "ID"},
    "a logout token": {"events": {}},
    "a logout token by its type": {"typ_of_header": "logout+jwt"},
    "groups that are no list": {"groups": {"Key-Admins": True}},
    "groups of numbers": {"groups": [1]},
    "too many groups": {"groups": ["g"] * 1_001},
    "alg none": {"key": "none"},
    "HS256 with the public key": {"key": "hs256_public_key"},
    "HS256 with the client secret": {"key": "hs256_client_secret"},
    "a key of its own": {"key": "other"},
    "an unknown key": {"key": "unknown"},
    "a key that it brings along": {"key": "embedded"},
    "a key for encryption": {"key": "encryption"},
    "another algorithm": {"key": "es256"},
    "a damaged signature": {"key": "damaged"},
}


async def test_every_token_that_is_not_good_here_and_now_is_refused_alike(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """RFC 9068 §4, RFC 8725. AD-01: one answer for all, and no group opens anything."""
    answers = set()
    for name, forgery in FORGERIES.items():
        filled = {
            claim: value.format(client=client.id, issuer=upstream.issuer) if isinstance(value, str) else value
            for claim, value in forgery.items()
        }
        token = foreign_token(upstream, client, **{"groups": ["Key-Admins"], **filled})
        for path in (OWN, ALL):
            answer = await ask(http, token, path)
            assert answer.status_code == 401, (name, answer.text)
            told = problem(answer)
            answers.add((told["code"], told["detail"], answer.headers["www-authenticate"]))

    assert len(answers) == 1
    assert (await ask(http, foreign_token(upstream, client))).status_code == 200, "the right one passes"


@pytest.mark.parametrize(
    "token", ["a.b.c", "e30.e30.e30", "..", f"{'x' * 8_000}.{'x' * 8_000}.x", "eyJhbGciOiJub25lIn0.e30.", "v4.x.y"]
)
async def test_what_is_no_token_is_refused(http: HttpWorld, provider: IdentityProvider, token: str) -> None:
    answer = await ask(http, token)

    assert (answer.status_code, problem(answer)["code"]) == (401, "invalid_token")


async def test_a_good_token_of_somebody_who_is_not_linked_says_so(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider
) -> None:
    """403 with a code of its own, and nobody is made; the admin group changes nothing about it."""
    before = await kept(http)
    for groups in (["staff"], ["Key-Admins"]):
        for path in (OWN, ALL):
            answer = await ask(http, foreign_token(upstream, client, groups=groups), path)
            assert (answer.status_code, problem(answer)["code"]) == (403, "identity_not_linked")

    assert await kept(http) == before


async def test_whoever_is_disabled_here_is_refused_whatever_the_group(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """AD-07."""
    token = foreign_token(upstream, client, groups=["Key-Admins"])
    assert (await ask(http, token, ALL)).status_code == 200

    await http.world.disable(ada)

    for path in (OWN, ALL):
        answer = await ask(http, token, path)
        assert (answer.status_code, problem(answer)["code"]) == (401, "invalid_token")


async def test_a_provider_that_is_disabled_or_has_no_api_access_any_more_counts_for_nothing(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider, ada: User
) -> None:
    """XI-19: from that moment on."""
    token = foreign_token(upstream, client)
    statuses = [(await ask(http, token)).status_code]
    for values in ({"enabled": False}, {"enabled": True, "api_access": None}, {"api_access": ACCESS}):
        await change(http, provider, **values)
        statuses.append((await ask(http, token)).status_code)

    assert statuses == [200, 401, 401, 200]


async def test_who_brings_too_many_bad_tokens_hears_that_and_others_go_on(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """LG-12: counted for the address that connects. A right token is never counted and never held up."""
    bad = foreign_token(upstream, client, key="other")
    limit = http.world.settings.login_attempts_per_address
    async with http.bearer(bad) as caller:
        statuses = [
            (await caller.get(OWN, headers={"X-Forwarded-For": f"203.0.113.{number % 250}"})).status_code
            for number in range(limit + 1)
        ]

    assert statuses == [401] * limit + [429]
    assert (await ask(http, foreign_token(upstream, client))).status_code == 200


# --- faults -----------------------------------------------------------------------------------------------------------


async def test_a_provider_that_is_down_holds_up_nobody_else(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider, ada: User
) -> None:
    """503 for its tokens; ours are verified without a look at it."""
    foreign = foreign_token(upstream, client)
    ours = await token_of(http, ada)
    # Whoever is asked at another pace is asked anew, so that there is no copy of the keys.
    await change(http, provider, refresh_seconds=61)
    upstream.misbehave(discovery=FAILING, jwks=FAILING)

    refused = await ask(http, foreign)
    asked = len(upstream.requests())
    own = await ask(http, ours)

    assert (refused.status_code, problem(refused)["code"]) == (503, "unavailable")
    assert refused.headers["retry-after"]
    assert own.status_code == 200
    assert len(upstream.requests()) == asked


async def test_keys_that_are_known_go_on_while_a_provider_is_down(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    token = foreign_token(upstream, client)
    assert (await ask(http, token)).status_code == 200
    upstream.misbehave(discovery=FAILING, jwks=FAILING)

    assert (await ask(http, token)).status_code == 200


async def test_a_new_key_of_the_provider_is_fetched_once_and_not_for_every_stranger(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """XI-18: whoever sends unknown key ids makes us ask the provider every half minute, not each time."""
    assert (await ask(http, foreign_token(upstream, client))).status_code == 200
    upstream.rotate()
    assert (await ask(http, foreign_token(upstream, client))).status_code == 200
    asked = len(upstream.requests("jwks"))

    for _ in range(5):
        assert (await ask(http, foreign_token(upstream, client, key="unknown"))).status_code == 401

    assert len(upstream.requests("jwks")) <= asked + 1


async def test_keys_are_asked_for_again_as_often_as_the_provider_says(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider, ada: User
) -> None:
    """``refresh_seconds``: also what a key that was withdrawn is good for."""
    await change(http, provider, refresh_seconds=600)
    token = foreign_token(upstream, client, exp=4_000_000_000)
    assert (await ask(http, token)).status_code == 200
    upstream.rotate()

    http.world.clock.advance(500)
    assert (await ask(http, token)).status_code == 200
    http.world.clock.advance(101)
    assert (await ask(http, token)).status_code == 401


async def test_without_the_record_a_foreign_caller_is_told_to_come_again(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    token = foreign_token(upstream, client)
    with http.world.outages.mariadb:
        answer = await ask(http, token)

    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")


async def test_no_log_has_the_token_or_the_claims(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, ada: User
) -> None:
    """LG-21, P11."""
    token = foreign_token(upstream, client, aud="canary-audience", groups=["canary-group"])
    with refusals() as logged:
        await ask(http, token)

    assert len(logged) == 1
    assert "canary" not in str(logged)
    assert token not in str(logged)


# --- how an administrator says it -------------------------------------------------------------------------------------


async def test_an_administrator_lets_a_provider_in_and_sees_what_was_said(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider
) -> None:
    admin = await http.world.add_user("root", roles=(ADMIN,))
    body = {"audiences": ["api://new"], "admin_group": "root", "groups": "g", "tenant": "t"}
    async with http.bearer(await token_of(http, admin)) as caller:
        path = f"/auth/v1/providers/{provider.id}"
        read = await caller.get(path)
        headers = {"If-Match": read.headers["etag"]}
        changed = await caller.patch(path, json={"api_access": body, "refresh_seconds": 120}, headers=headers)
        headers = {"If-Match": changed.headers["etag"]}
        cleared = await caller.patch(path, json={"api_access": None}, headers=headers)

    assert read.json()["api_access"]["audiences"] == list(ACCESS.audiences)
    assert changed.json()["api_access"] == {**body, "subject": None, "group_case_sensitive": True}
    assert changed.json()["refresh_seconds"] == 120
    assert cleared.json()["api_access"] is None
    changes = [event for event in await http.world.audited() if event.action == "provider.changed"]
    event = changes[0]
    assert event.after["api_access"]["audiences"] == ["api://new"]


@pytest.mark.parametrize(
    ("access", "field"),
    [
        ({"audiences": []}, "api_access.audiences"),
        ({"audiences": ["a", "a"]}, "api_access.audiences"),
        ({"audiences": ["é"]}, "api_access.audiences"),
        ({"audiences": ["{client}"]}, "api_access.audiences"),
        ({"audiences": ["a"], "subject": []}, "api_access.subject"),
        ({"audiences": ["a"], "subject": ["email"]}, "api_access.subject"),
        ({"audiences": ["a"], "admin_group": "g"}, "api_access.groups"),
        ({"audiences": ["a"], "groups": "g", "admin_group": ""}, "api_access.admin_group"),
        ({"audiences": ["a"], "tenant": ""}, "api_access.tenant"),
    ],
)
async def test_access_that_could_mean_anything_is_refused(
    http: HttpWorld, provider: IdentityProvider, client: UpstreamClient, access: dict[str, Any], field: str
) -> None:
    """An ID token of a sign-in never opens this: its audience cannot be named."""
    admin = await http.world.add_user("root", roles=(ADMIN,))
    access["audiences"] = [audience.format(client=client.id) for audience in access["audiences"]]
    async with http.bearer(await token_of(http, admin)) as caller:
        path = f"/auth/v1/providers/{provider.id}"
        headers = {"If-Match": (await caller.get(path)).headers["etag"]}
        answer = await caller.patch(path, json={"api_access": access}, headers=headers)

    assert answer.status_code == 422, answer.text
    assert field in [refused["field"] for refused in answer.json()["errors"]]
