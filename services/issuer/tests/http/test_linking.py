"""Linking accounts at identity providers to one's own, over HTTP: the owner, the attacker, administrators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from issuer_http import HttpWorld, problem, sign_in
from issuer_world import ADMIN_ACTOR, ISSUER, PASSWORD
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_shared.domain.errors import IdentityTaken, ProviderDeclined, UnknownSignIn
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.user import User
from paseport_testkit.harness.upstream import FAILING, Upstream, UpstreamClient
from relying_party import SHOP_SECRET
from upstream_sign_in import (
    BROWSER_COOKIE,
    CORP,
    HUB,
    SESSION_COOKIE,
    Person,
    assert_page,
    change,
    corp,
    hub,
    identities,
    kept,
    people,
    query_of,
    register,
    running_with_upstream,
    somebody,
    token_of,
)

LINK = "/auth/v1/oauth/link"
OWN = "/me/v1/identities"
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
ADA = str(Upstream.ADA["sub"])


@pytest.fixture
async def http(tmp_path: Path, upstream: Upstream) -> AsyncIterator[HttpWorld]:
    async with running_with_upstream(tmp_path, upstream, on_sqlite=True) as http:
        yield http


@pytest.fixture
async def provider(http: HttpWorld, upstream: Upstream, client: UpstreamClient) -> IdentityProvider:
    return await register(http, corp(upstream, client), client.secret)


@pytest.fixture
async def alice(http: HttpWorld) -> User:
    return await http.world.add_user("alice")


@pytest.fixture
async def person(http: HttpWorld, upstream: Upstream, alice: User, provider: IdentityProvider) -> AsyncIterator[Person]:
    """Alice, who has just signed in with her password."""
    async with somebody(http, upstream) as person:
        await sign_in(person.here)
        yield person


async def ask(person: Person, token: str, provider: str = CORP, **headers: str) -> httpx.Response:
    """Ask to link an account at the provider, from the account page."""
    return await person.here.post(
        LINK, json={"provider": provider}, headers={"Authorization": f"Bearer {token}", **headers}
    )


async def way_to(person: Person, provider: str = CORP) -> str:
    """Return where the browser is sent to link an account there."""
    answer = await ask(person, await person.token(), provider)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["continue"])


async def link(person: Person, provider: str = CORP, **how: Any) -> httpx.Response:
    """Link an account there, and return the end of the way."""
    return await person.arrive(await person.visit(await way_to(person, provider), **how))


async def own(person: Person) -> dict[str, Any]:
    """Return what the page "linked accounts" shows."""
    async with person.http.bearer(await person.token()) as client:
        answer = await client.get(OWN)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def unlink(person: Person, identity_id: str, token: str | None = None) -> httpx.Response:
    async with person.http.bearer(token or await person.token()) as client:
        return await client.delete(f"{OWN}/{identity_id}")


# --- who may begin ----------------------------------------------------------------------------------------------------


async def test_an_account_at_a_provider_is_linked_by_whoever_has_just_signed_in(
    http: HttpWorld, upstream: Upstream, person: Person, alice: User
) -> None:
    """XI-03: the provider is asked to ask again, because somebody else may be signed in there."""
    before = await own(person)
    url = await way_to(person)
    session = await person.held()

    back = await person.arrive(await person.visit(url))

    assert before == {
        "items": [],
        "available": [{"name": "corp", "display_name": "Corp", "icon": "openid", "is_default": False}],
        "has_password": True,
    }
    assert query_of(url)["prompt"] == "login"
    assert (back.status_code, back.headers["location"]) == (303, "/account?linked=corp")
    assert back.headers["cache-control"] == "no-store"
    assert "set-cookie" not in back.headers
    assert (await person.held()).id == session.id
    (shown,) = (await own(person))["items"]
    assert (shown["provider"]["name"], shown["email"], shown["last_credential"]) == ("corp", "ada@example.com", False)
    (event,) = [event for event in await http.world.audited() if event.action == "identity.linked"]
    assert (event.actor.subject, event.target) == (str(alice.id), str(alice.id))
    async with somebody(http, upstream) as again:
        assert (await again.sign_in()).id == alice.id
    assert [user.id for user in await people(http)] == [alice.id]


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("nobody", 401, "authentication_required"),
        ("a forged token", 401, "invalid_token"),
        ("without the scope", 403, "insufficient_scope"),
        ("an old sign-in", 401, "reauthentication_required"),
        ("without a session", 401, "reauthentication_required"),
    ],
)
async def test_nobody_links_without_a_fresh_sign_in_of_their_own(
    http: HttpWorld, person: Person, alice: User, caller: str, status: int, code: str
) -> None:
    """AD-05, AD-14, XI-03: the browser's cookies are there in each case, and are no argument."""
    tokens = {
        "a forged token": (await person.token())[:-4] + "AAAA",
        "without the scope": await token_of(http, alice, "openid", "roles"),
        "an old sign-in": await token_of(http, alice, age=timedelta(minutes=16)),
        "without a session": await token_of(http, alice),
    }
    headers = {} if caller == "nobody" else {"Authorization": f"Bearer {tokens[caller]}"}

    answer = await person.here.post(LINK, json={"provider": CORP}, headers=headers)

    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert "set-cookie" not in answer.headers
    if code == "reauthentication_required":
        assert 'error="insufficient_user_authentication", max_age="900"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF": "", "Origin": ISSUER},
        {"X-CSRF": "0", "Origin": ISSUER},
        {"X-CSRF": "1", "Origin": "https://evil.example"},
        {"X-CSRF": "1", "Origin": "null"},
        {"X-CSRF": "1", "Origin": f"{ISSUER}.evil.example"},
    ],
    ids=repr,
)
async def test_no_foreign_page_begins_to_link(person: Person, headers: dict[str, str]) -> None:
    """BF-07, XI-03: it sets a cookie, so it is asked by our own pages alone."""
    answer = await ask(person, await person.token(), **headers)

    assert (answer.status_code, problem(answer)["code"]) == (403, "origin_refused")


@pytest.mark.parametrize("body", [{}, {"provider": ""}, {"provider": 1}, {"provider": CORP, "user_id": UNKNOWN_ID}, []])
async def test_a_body_of_another_shape_begins_nothing(person: Person, body: Any) -> None:
    """AD-05: whose account it is stands in the token alone."""
    headers = {"Authorization": f"Bearer {await person.token()}"}

    assert (await person.here.post(LINK, json=body, headers=headers)).status_code in {400, 422}


async def test_a_provider_that_is_not_there_or_disabled_or_away_is_refused_in_words(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider
) -> None:
    upstream.misbehave(discovery=FAILING)
    away = await ask(person, await person.token())
    upstream.misbehave()
    await change(http, provider, enabled=False)
    disabled = await ask(person, await person.token())
    absent = await ask(person, await person.token(), "nobody")

    assert (away.status_code, problem(away)["code"]) == (502, "provider_unavailable")
    assert problem(disabled) == problem(absent)
    assert (absent.status_code, problem(absent)["code"]) == (400, "unknown_provider")


async def test_the_cookie_that_binds_is_kept_where_the_browser_has_one(person: Person) -> None:
    """XI-02: other tabs of this browser are on their way too."""
    cookie = person.here.cookies[BROWSER_COOKIE]
    answer = await ask(person, await person.token())

    assert person.here.cookies[BROWSER_COOKIE] == cookie
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"


# --- who may come back ------------------------------------------------------------------------------------------------


async def test_in_another_session_of_the_browser_nothing_is_linked(
    http: HttpWorld, person: Person, alice: User
) -> None:
    """XI-03: to nobody: neither to who asked, nor to who is there now, nor to her own next session."""
    bob = await http.world.add_user("bob")
    for username in ("bob", "alice", None):
        arrival = await person.visit(await way_to(person))
        if username is None:
            await person.here.post("/auth/v1/logout")
        else:
            await sign_in(person.here, username)
        before = await kept(http)

        answer = await person.arrive(arrival)

        assert_page(answer, 400, UnknownSignIn.public)
        assert 'href="/account"' in answer.text
        assert await kept(http) == before
        await sign_in(person.here)
    assert await identities(http) == []
    assert {user.id for user in await people(http)} == {alice.id, bob.id}


async def test_a_victim_who_is_led_to_an_attackers_answer_gets_nothing_linked(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """XI-03: the attacker would sign in as the victim from then on."""
    await http.world.add_user("victim")
    arrival = await person.visit(await way_to(person))
    async with somebody(http, upstream) as victim:
        await sign_in(victim.here, "victim")
        await way_to(victim)

        assert_page(await victim.arrive(arrival), 400, UnknownSignIn.public)

    assert await identities(http) == []


async def test_an_answer_for_linking_is_used_once(http: HttpWorld, person: Person) -> None:
    """XI-04."""
    arrival = await person.visit(await way_to(person))
    await person.arrive(arrival)

    assert_page(await person.arrive(arrival), 400, UnknownSignIn.public)
    assert len(await identities(http)) == 1


async def test_who_says_no_at_the_provider_is_led_back_to_the_account(http: HttpWorld, person: Person) -> None:
    answer = await link(person, cancel=True)

    assert_page(answer, 400, ProviderDeclined.public)
    assert 'href="/account"' in answer.text
    assert await identities(http) == []


async def test_an_identity_of_somebody_else_stays_theirs(
    http: HttpWorld, upstream: Upstream, person: Person, alice: User
) -> None:
    """No identity ever moves silently."""
    async with somebody(http, upstream) as other:
        ada = await other.sign_in()
    before = await kept(http)

    answer = await link(person)

    assert_page(answer, 409, IdentityTaken.public)
    assert "ada" not in answer.text
    after = await kept(http)
    assert (after.people, after.identities) == (before.people, before.identities)
    async with somebody(http, upstream) as other:
        assert (await other.sign_in()).id == ada.id != alice.id


async def test_an_identity_that_is_linked_already_stays_as_it_is(http: HttpWorld, person: Person) -> None:
    await link(person)
    before = await identities(http)

    back = await link(person)

    assert back.headers["location"] == "/account?linked=corp"
    assert [(one.id, one.user_id) for one in await identities(http)] == [(one.id, one.user_id) for one in before]


async def test_of_two_who_link_one_identity_at_once_one_has_it(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """On a real database."""
    await http.world.add_user("bob")
    async with somebody(http, upstream) as bob:
        await sign_in(bob.here, "bob")
        arrivals = [await one.visit(await way_to(one)) for one in (person, bob)]

        answers = await asyncio.gather(
            *(one.arrive(arrival) for one, arrival in zip((person, bob), arrivals, strict=True))
        )

    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert len(await identities(http)) == 1


async def test_an_answer_is_for_what_it_was_asked_for(http: HttpWorld, person: Person) -> None:
    """An answer to a sign-in links nothing to who is signed in, and one to a link signs nobody in."""
    async with somebody(http, person.upstream) as elsewhere:
        signing_in = await elsewhere.leave()
        code = (await elsewhere.visit(signing_in)).parameters["code"]
    to_link = await person.visit(await way_to(person))

    answer = await person.arrive(to_link, code=code)

    assert answer.status_code == 400
    assert await identities(http) == []


async def test_the_mailboxs_owner_takes_over_an_account_that_was_opened_in_their_name(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """Pre-hijacking: the old password and other sessions end; this browser has a new session."""
    ada = await http.world.add_user("ada")
    async with AsyncExitStack() as browsers:
        owner, other = [await browsers.enter_async_context(somebody(http, upstream)) for _ in range(2)]
        for one in (owner, other):
            await sign_in(one.here, "ada")
        old = await owner.held()

        back = await link(owner)

        assert back.headers["location"] == "/account?linked=corp"
        assert back.headers["set-cookie"].startswith(f"{SESSION_COOKIE}=")
        new = await owner.held()
        assert (new.user_id, new.id != old.id) == (ada.id, True)
        assert not await other.is_signed_in()
        assert (await sign_in(other.here, "ada")).status_code == 401
    stored = await http.world.user(ada.id)
    assert (stored.email_verified, stored.password_hash) == (True, None)


# --- the page "linked accounts" ---------------------------------------------------------------------------------------


async def test_an_identity_is_unlinked_and_signs_in_no_more(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    await link(person)
    (shown,) = (await own(person))["items"]

    answer = await unlink(person, shown["id"])
    again = await unlink(person, shown["id"])

    assert (answer.status_code, answer.content) == (204, b"")
    assert (again.status_code, problem(again)["code"]) == (404, "not_found")
    assert (await own(person))["items"] == []
    assert "identity.unlinked" in await http.world.actions()
    async with somebody(http, upstream) as other:
        assert (await other.sign_in()).username == "ada"


async def test_the_last_thing_that_somebody_can_sign_in_with_cannot_be_unlinked(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider
) -> None:
    """Neither the only one, nor the only one at a provider that is enabled."""
    server = await register(http, hub(upstream, client), client.secret)
    async with somebody(http, upstream) as ada:
        await ada.sign_in()
        (shown,) = (await own(ada))["items"]
        only = await unlink(ada, shown["id"])
        await link(ada, HUB)
        await change(http, server, enabled=False)
        first, second = (await own(ada))["items"]
        still = await unlink(ada, first["id"])

        for answer in (only, still):
            assert (answer.status_code, problem(answer)["code"]) == (409, "last_credential")
        assert [item["last_credential"] for item in (first, second)] == [True, False]
        assert second["provider_enabled"] is False
        await change(http, server, enabled=True)
        assert (await unlink(ada, first["id"])).status_code == 204
        assert (await unlink(ada, second["id"])).status_code == 409
    assert [identity.provider_id for identity in await identities(http)] == [server.id]


async def test_of_two_who_unlink_the_last_two_at_once_one_is_refused(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, provider: IdentityProvider
) -> None:
    """On a real database: nobody locks themselves out by two clicks."""
    await register(http, hub(upstream, client), client.secret)
    async with somebody(http, upstream) as ada:
        await ada.sign_in()
        await link(ada, HUB)
        shown = (await own(ada))["items"]
        token = await ada.token()

        answers = await asyncio.gather(*(unlink(ada, item["id"], token) for item in shown))

    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert len(await identities(http)) == 1


async def test_unlinking_needs_a_fresh_sign_in(http: HttpWorld, person: Person, alice: User) -> None:
    """AD-14: reading does not."""
    await link(person)
    (shown,) = (await own(person))["items"]
    old = await token_of(http, alice, age=timedelta(minutes=16))

    answer = await unlink(person, shown["id"], old)
    async with http.bearer(old) as client:
        read = await client.get(OWN)

    assert (answer.status_code, problem(answer)["code"]) == (401, "reauthentication_required")
    assert read.status_code == 200
    assert len(await identities(http)) == 1


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("nobody", 401, "authentication_required"),
        ("without the scope", 403, "insufficient_scope"),
        ("somebody else", 404, "not_found"),
        ("an administrator", 404, "not_found"),
    ],
)
async def test_nobody_elses_identity_is_reached(
    http: HttpWorld, person: Person, alice: User, caller: str, status: int, code: str
) -> None:
    """AD-05: the id in the path is one of the caller's own, or of nobody's; an administrator has a route for that."""
    await link(person)
    (shown,) = (await own(person))["items"]
    bob = await http.world.add_user("bob")
    root = await http.world.add_user("root", roles=("Admin",))
    tokens = {
        "nobody": None,
        "without the scope": await token_of(http, alice, "openid", "roles", "admin"),
        "somebody else": await token_of(http, bob),
        "an administrator": await token_of(http, root),
    }

    async with http.bearer(tokens[caller]) as client:
        answers = [await client.delete(f"{OWN}/{identity}") for identity in (shown["id"], UNKNOWN_ID)]
        listed = await client.get(OWN)

    for answer in answers:
        if caller == "nobody" or caller == "without the scope" or answer is answers[0]:
            assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert problem(answers[0]) == problem(answers[1])
    if status == 404:
        assert listed.json()["items"] == []
    assert len(await identities(http)) == 1


async def test_a_machine_has_no_linked_accounts(http: HttpWorld, person: Person) -> None:
    """No user stands behind its token, and it never has the scope."""
    async with http.service("orders", SHOP_SECRET) as service:
        answer = await service.post("/oauth2/token", data={"grant_type": "client_credentials"})
    assert answer.status_code == 200, answer.text
    async with http.bearer(answer.json()["access_token"]) as client:
        assert (await client.get(OWN)).status_code in {401, 403}
        assert (await client.delete(f"{OWN}/{UNKNOWN_ID}")).status_code in {401, 403}


# --- administrators ---------------------------------------------------------------------------------------------------


async def test_an_administrator_sees_and_unlinks_the_identities_of_a_user(
    http: HttpWorld, upstream: Upstream, provider: IdentityProvider
) -> None:
    """The last one too: a reset link makes up for it. It is audited in the administrator's name."""
    root = await http.world.add_user("root", roles=("Admin",))
    async with somebody(http, upstream) as ada:
        user = await ada.sign_in()
    async with http.bearer(await token_of(http, root)) as admin:
        shown = (await admin.get(f"/users/v1/{user.id}/identities")).json()
        path = f"/users/v1/{user.id}/identities/{shown['items'][0]['id']}"
        gone = await admin.delete(path)
        again = await admin.delete(path)

    assert (shown["items"][0]["email"], shown["items"][0]["last_credential"]) == ("ada@example.com", True)
    assert shown["has_password"] is False
    assert (gone.status_code, again.status_code) == (204, 404)
    (event,) = [event for event in await http.world.audited() if event.action == "identity.unlinked"]
    assert (event.actor.subject, event.target) == (str(root.id), str(user.id))


async def test_an_identity_is_reached_below_its_own_user_alone(
    http: HttpWorld, upstream: Upstream, provider: IdentityProvider, alice: User
) -> None:
    """AD-05: another user's id before it, an unknown one, or none at all."""
    root = await http.world.add_user("root", roles=("Admin",))
    async with somebody(http, upstream) as ada:
        user = await ada.sign_in()
    (identity,) = await identities(http)
    async with http.bearer(await token_of(http, root)) as admin:
        for user_id, identity_id in (
            (alice.id, identity.id), (UNKNOWN_ID, identity.id), (user.id, UNKNOWN_ID), (identity.id, user.id),
        ):  # fmt: skip
            answer = await admin.delete(f"/users/v1/{user_id}/identities/{identity_id}")
            assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")
        assert (await admin.get(f"/users/v1/{UNKNOWN_ID}/identities")).status_code == 404
    assert await identities(http) == [identity]


async def test_identities_end_with_their_user_and_may_be_linked_again(
    http: HttpWorld, upstream: Upstream, provider: IdentityProvider
) -> None:
    """DT-08: nothing of a deleted account keeps an identity from its owner."""
    root = await http.world.add_user("root", roles=("Admin",))
    async with somebody(http, upstream) as ada:
        user = await ada.sign_in()
    async with http.bearer(await token_of(http, root)) as admin:
        deleted = await admin.delete(f"/users/v1/{user.id}", headers={"If-Match": f'"{user.revision}"'})

    assert deleted.status_code == 204
    assert await identities(http) == []
    async with somebody(http, upstream) as ada:
        assert (await ada.sign_in()).id != user.id


async def test_an_address_that_changes_hands_at_the_provider_changes_nothing_here(
    http: HttpWorld, upstream: Upstream, provider: IdentityProvider
) -> None:
    """nOAuth, OIDC Core §5.7: the new owner of an address is not who had it before."""
    async with somebody(http, upstream) as ada:
        user = await ada.sign_in()
    upstream.set_account(ADA, email="ada@elsewhere.example")
    upstream.set_account("heir", preferred_username="heir", email="ada@example.com", email_verified=False)
    async with somebody(http, upstream) as ada, somebody(http, upstream) as heir:
        assert (await ada.sign_in()).id == user.id
        asked = await heir.come_back(username="heir")

    assert urlsplit(asked.headers["location"]).path == "/login/link"
    assert [(one.subject, one.email) for one in await identities(http)] == [(ADA, "ada@elsewhere.example")]


async def test_a_linked_identity_of_a_disabled_user_links_nothing_more(
    http: HttpWorld, person: Person, alice: User
) -> None:
    """XI-12: disabled between asking and coming back."""
    arrival = await person.visit(await way_to(person))
    stored = await http.world.user(alice.id)
    disabled = UserChange(frozenset({"disabled"}), disabled=True)
    await http.world.use.change_user(ChangeUserCommand(alice.id, stored.revision, disabled, ADMIN_ACTOR))

    answer = await person.arrive(arrival)

    assert answer.status_code in {400, 403}
    assert await identities(http) == []


async def test_a_password_makes_an_identity_one_of_two(http: HttpWorld, upstream: Upstream, provider: Any) -> None:
    """Who came through a provider sets a password by a reset link, and may unlink then."""
    root = await http.world.add_user("root", roles=("Admin",))
    async with somebody(http, upstream) as ada:
        user = await ada.sign_in()
        async with http.bearer(await token_of(http, root)) as admin:
            url = (await admin.post(f"/users/v1/{user.id}/password-reset")).json()["url"]
        reset = {"token": url.partition("#token=")[2], "password": PASSWORD.reveal()}
        assert (await ada.here.post("/auth/v1/password/reset", json=reset)).status_code == 204
        await sign_in(ada.here, "ada")
        (shown,) = (await own(ada))["items"]

        assert shown["last_credential"] is False
        assert (await unlink(ada, shown["id"])).status_code == 204
