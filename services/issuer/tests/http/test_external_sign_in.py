"""Signing in through identity providers, over HTTP: the person, the attacker with an address, the victim.

The providers are real ones, and so is the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from issuer_http import HttpWorld, problem, sign_in
from issuer_world import ADMIN_ACTOR, ISSUER, PASSWORD
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_shared.domain.errors import (
    ExternalSignInRefused,
    InvalidRequest,
    ProviderAnswerRefused,
    ProviderDeclined,
    ProviderUnavailable,
    UnknownProvider,
    UnknownSignIn,
    UnknownTransaction,
)
from paseport_shared.domain.models.authorization import TRANSACTION_LIFETIME, ResponseMode
from paseport_shared.domain.models.external_sign_in import EXTERNAL_SIGN_IN_LIFETIME
from paseport_shared.domain.models.identity_provider import IdentityProvider, TrustEmail
from paseport_shared.domain.models.pkce import challenge_of
from paseport_shared.domain.models.user import User
from paseport_testkit.harness.upstream import Arrival, Upstream, UpstreamClient
from relying_party import Party, agree_for, answer_of, phone, shop, transaction_of
from upstream_sign_in import (
    BROWSER_COOKIE,
    CALLBACK,
    CORP,
    HUB,
    INIT,
    SESSION_COOKIE,
    SHARED,
    Person,
    assert_page,
    change,
    corp,
    hub,
    identities,
    kept,
    people,
    post_from,
    query_of,
    refusals,
    register,
    running_with_upstream,
    somebody,
)

ADA = str(Upstream.ADA["sub"])


@pytest.fixture
async def http(tmp_path: Path, upstream: Upstream) -> AsyncIterator[HttpWorld]:
    async with running_with_upstream(tmp_path, upstream, on_sqlite=True) as http:
        yield http


@pytest.fixture
async def provider(http: HttpWorld, upstream: Upstream, client: UpstreamClient) -> IdentityProvider:
    return await register(http, corp(upstream, client), client.secret)


@pytest.fixture
async def person(http: HttpWorld, upstream: Upstream, provider: IdentityProvider) -> AsyncIterator[Person]:
    async with somebody(http, upstream) as person:
        yield person


async def verify_email(http: HttpWorld, user: User) -> None:
    command = UserChange(frozenset({"email_verified"}), email_verified=True)
    stored = await http.world.user(user.id)
    await http.world.use.change_user(ChangeUserCommand(user.id, stored.revision, command, ADMIN_ACTOR))


async def add_ada(http: HttpWorld, *, verified: bool = False) -> User:
    """Somebody here has the address that Ada has at the provider."""
    user = await http.world.add_user("ada")
    if verified:
        await verify_email(http, user)
    return user


# --- there and back ---------------------------------------------------------------------------------------------------


async def test_the_first_sign_in_makes_an_account_and_the_second_finds_it(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    user = await person.sign_in()
    async with somebody(http, upstream) as again:
        found = await again.sign_in()
        token = await again.token()

    assert [(one.id, one.username, one.email) for one in await people(http)] == [(user.id, "ada", "ada@example.com")]
    assert found.id == user.id
    assert (user.display_name, user.email_verified, user.password_hash) == ("Ada Example", True, None)
    (identity,) = await identities(http)
    assert (identity.namespace, identity.subject, identity.user_id) == (upstream.issuer, ADA, user.id)
    claims = await http.world.claims(token)
    assert (claims.subject, claims.amr) == (str(user.id), ("fed",))
    actions = await http.world.actions()
    assert [actions.count(action) for action in ("user.created", "identity.linked", "session.started")] == [1, 1, 2]


async def test_the_provider_is_asked_with_everything_that_binds_its_answer(
    person: Person, upstream: Upstream, client: UpstreamClient
) -> None:
    """RFC 9700 §2.1.1, OIDC Core §3.1.2.1: state, nonce and code challenge, new each time."""
    first, second = query_of(await person.leave()), query_of(await person.leave())

    assert {name: first[name] for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": f"{ISSUER}{CALLBACK}/{CORP}",
        "scope": "openid profile email",
    }
    assert first["code_challenge_method"] == "S256"
    assert first.keys() == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert person.here.cookies[BROWSER_COOKIE] not in str(first)

    await person.arrive(await person.visit(await person.leave()))
    (redeemed,) = [request for request in upstream.requests("token") if request.method == "POST"]
    asked = upstream.requests("authorization")[0].query
    assert challenge_of(redeemed.form["code_verifier"]) == asked["code_challenge"]
    assert redeemed.form["redirect_uri"] == asked["redirect_uri"]


async def test_cookies_and_redirects_on_the_way_are_for_this_browser_alone(person: Person) -> None:
    """XI-02, BF-01: bound by a cookie of this host, kept by no cache, and no token anywhere."""
    answer = await person.here.get(INIT, params={"provider": CORP})
    back = await person.arrive(await person.visit(answer.headers["location"]))

    bound = answer.headers["set-cookie"]
    assert bound.startswith(f"{BROWSER_COOKIE}=")
    session = back.headers["set-cookie"]
    assert session.startswith(f"{SESSION_COOKIE}=pss_")
    for cookie in (bound, session):
        assert {part.strip() for part in cookie.split(";")} > {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}
        assert "Domain" not in cookie
    assert "Max-Age" not in session
    for response in (answer, back):
        assert response.status_code == 303
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["content-security-policy"]
    assert back.headers["location"].startswith("/oauth2/authorize/continue?transaction=")
    assert "v4.public" not in str(back.headers) + back.text


async def test_without_a_transaction_the_apps_own_sign_in_is_begun_and_goes_on_where_it_was(person: Person) -> None:
    """A link to one provider, as a company's portal has it."""
    arrival = await person.visit(await person.leave(return_to="/users?page=2"))

    back = await person.go_on(await person.arrive(arrival))

    assert (back.status_code, back.headers["location"]) == (303, "/users?page=2")


async def test_where_no_provider_is_named_it_is_the_default_one(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person, provider: IdentityProvider
) -> None:
    await register(http, hub(upstream, client), client.secret)
    none = await person.here.get(INIT)
    await change(http, provider, is_default=True)

    user = await person.sign_in(None)

    assert none.status_code == 400
    assert UnknownProvider.public in none.text
    assert user.username == "ada"


async def test_who_is_signed_in_already_goes_to_no_provider(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    user = await http.world.add_user("alice")
    await sign_in(person.here)

    back = await person.go_on(await person.here.get(INIT, params={"provider": CORP, "return_to": "/account"}))

    assert (back.status_code, back.headers["location"]) == (303, "/account")
    assert (await person.held()).user_id == user.id
    assert upstream.requests("authorization") == []


async def test_a_third_party_client_signs_somebody_in_through_the_provider(http: HttpWorld, person: Person) -> None:
    """Its transaction waits meanwhile, and it learns nothing of the provider."""
    party = shop()
    asked = await person.here.get("/oauth2/authorize", params=party.request())

    arrival = await person.visit(await person.leave(transaction=transaction_of(asked)))
    answer = answer_of(await agree_for(person.here, await person.go_on(await person.arrive(arrival))))

    assert (answer["state"], answer["iss"]) == (party.state, ISSUER)
    tokens = (await party.redeem(http, answer["code"])).json()
    async with http.bearer(tokens["access_token"]) as client:
        told = (await client.get("/userinfo")).json()
    assert (told["preferred_username"], told["email"], told["email_verified"]) == ("ada", "ada@example.com", True)


async def test_a_phone_signs_somebody_in_through_the_provider(http: HttpWorld, person: Person) -> None:
    party: Party = phone()
    asked = await person.here.get("/oauth2/authorize", params=party.request())

    arrival = await person.visit(await person.leave(transaction=transaction_of(asked)))
    answer = answer_of(await person.go_on(await person.arrive(arrival)))

    tokens = (await party.redeem(http, answer["code"])).json()
    assert (await http.world.claims(tokens["access_token"])).client_id == "phone"


async def test_the_sign_in_page_names_the_providers_to_everybody(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person
) -> None:
    """Those that are enabled, in their order, and nothing that is not on a button."""
    await register(http, hub(upstream, client, position=1, is_default=True), client.secret)
    await register(http, corp(upstream, client, name="other", enabled=False), client.secret)

    answer = await person.here.get("/auth/v1/sign-in-options")

    assert answer.json() == {
        "providers": [
            {"name": "corp", "display_name": "Corp", "icon": "openid", "is_default": False},
            {"name": "hub", "display_name": "Hub", "icon": "openid", "is_default": True},
        ]
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_an_earlier_session_of_the_browser_ends_with_its_cookie(http: HttpWorld, person: Person) -> None:
    """LG-18: nobody could sign it out any more."""
    alice = await http.world.add_user("alice")
    arrival = await person.visit(await person.leave())
    await sign_in(person.here)

    await person.arrive(arrival)

    assert await http.world.sessions.list_for_user(alice.id, http.world.clock.now()) == ()
    assert (await person.held()).user_id != alice.id


async def test_a_client_that_asks_for_a_fresh_sign_in_has_the_provider_ask_again(
    http: HttpWorld, upstream: Upstream, provider: IdentityProvider
) -> None:
    """OIDC Core §3.1.2.1: ``prompt=login`` and ``max_age`` go on to the provider."""
    async with somebody(http, upstream, stays_there=True) as person:
        await person.sign_in()
        for asked in ({"prompt": "login"}, {"max_age": "0"}):
            waiting = await person.here.get("/oauth2/authorize", params=phone().request(**asked))

            url = await person.leave(transaction=transaction_of(waiting))
            back = await person.go_on(await person.arrive(await person.visit(url)))

            assert query_of(url).items() >= asked.items()
            assert "code" in answer_of(back)


# --- answers that come as a form -------------------------------------------------------------------------------------


async def test_an_answer_that_is_posted_goes_on_as_a_get(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider
) -> None:
    """Form Post Response Mode §2: the browser brings no cookie along, so the form itself does nothing."""
    await change(http, provider, response_mode=ResponseMode.FORM_POST)
    arrival = await person.visit(await person.leave())
    assert arrival.form is not None

    posted = await post_from(http, upstream.issuer, f"{CALLBACK}/{CORP}", dict(arrival.form))

    assert posted.status_code == 303
    assert posted.headers["cache-control"] == "no-store"
    assert "set-cookie" not in posted.headers
    path, _, query = posted.headers["location"].partition("?")
    assert path == f"{CALLBACK}/{CORP}"
    assert query_of(f"?{query}") == {
        name: arrival.form[name] for name in ("code", "state", "iss") if name in arrival.form
    }
    assert await people(http) == []
    back = await person.go_on(await person.here.get(posted.headers["location"]))
    assert back.headers["location"] == "/"


async def test_a_posted_answer_never_signs_in_even_with_the_cookies(http: HttpWorld, person: Person) -> None:
    """BF-07: an old browser that sends them along changes nothing."""
    arrival = await person.visit(await person.leave())

    posted = await person.here.post(f"{CALLBACK}/{CORP}", data=arrival.parameters)

    assert (posted.status_code, "set-cookie" in posted.headers) == (303, False)
    assert await people(http) == []


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b'{"code":"x","state":"y"}', "application/json"),
        (b"code=x&state=y", "text/plain"),
        (b"code=x&state=y", "multipart/form-data; boundary=x"),
        (b"code=" + b"x" * 6_001, "application/x-www-form-urlencoded"),
        (b"code=%ff", "application/x-www-form-urlencoded"),
        (b"code=x&code=y&state=z", "application/x-www-form-urlencoded"),
        (b"&".join(b"p%d=1" % number for number in range(101)), "application/x-www-form-urlencoded"),
    ],
    ids=["JSON", "text", "multipart", "long", "no UTF-8", "repeated", "many"],
)
async def test_what_is_posted_and_is_no_answer_is_refused_on_a_page(
    http: HttpWorld, content: bytes, media_type: str
) -> None:
    """The attacker posts what they like."""
    async with http.bearer(None) as client:
        answer = await client.post(f"{CALLBACK}/{CORP}", content=content, headers={"Content-Type": media_type})

    assert_page(answer, 400, InvalidRequest.public)


async def test_an_error_that_is_posted_is_shown_on_a_page(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider
) -> None:
    """Module oidcc-client-test-form-post-error."""
    await change(http, provider, response_mode=ResponseMode.FORM_POST)
    arrival = await person.visit(await person.leave())
    assert arrival.form is not None

    answer = await person.arrive(arrival, code=None, error="login_required")

    assert_page(answer, 400, ProviderDeclined.public)
    assert await people(http) == []


# --- answers that nobody waits for ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [None, "", "0" * 22, "x", "0" * 10_000, "\x00", "é", "0" * 21 + "\n", "' OR 1=1 --"],
    ids=["none", "empty", "unknown", "short", "long", "NUL", "not ASCII", "newline", "SQL"],
)
async def test_a_state_that_nobody_was_sent_away_with_is_refused(
    http: HttpWorld, person: Person, state: str | None
) -> None:
    """XI-01: nothing changes, and the sign-in that waits can still be completed."""
    arrival = await person.visit(await person.leave())
    before = await kept(http)

    answer = await person.arrive(arrival, state=state)

    assert_page(answer, 400, UnknownSignIn.public)
    assert await kept(http) == before
    assert (await person.arrive(arrival)).status_code == 303


@pytest.mark.parametrize("has_cookie", [True, False])
async def test_an_answer_in_another_browser_is_refused_and_not_spent(
    http: HttpWorld, upstream: Upstream, person: Person, has_cookie: bool
) -> None:
    """XI-02, XI-03: a victim who is led to the attacker's answer is not signed in as the attacker."""
    arrival = await person.visit(await person.leave())
    before = await kept(http)
    async with somebody(http, upstream) as victim:
        if has_cookie:
            await victim.leave()
        answer = await victim.arrive(arrival)
        assert SESSION_COOKIE not in victim.here.cookies

    assert_page(answer, 400, UnknownSignIn.public)
    assert await kept(http) == before
    assert (await person.arrive(arrival)).status_code == 303


async def test_a_victim_who_is_signed_in_stays_who_they_are(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """XI-03: login CSRF neither replaces a session nor links anything to its user."""
    arrival = await person.visit(await person.leave())
    await http.world.add_user("alice")
    async with somebody(http, upstream) as victim:
        await sign_in(victim.here)
        session = await victim.held()

        assert_page(await victim.arrive(arrival), 400, UnknownSignIn.public)

        assert (await victim.held()).id == session.id
    assert await identities(http) == []


async def test_an_answer_that_was_used_is_refused(http: HttpWorld, upstream: Upstream, person: Person) -> None:
    """XI-04: with the same code, with a new code, and by ten at once."""
    arrival = await person.visit(await person.leave())
    await person.arrive(arrival)
    before = await kept(http)

    again = await person.arrive(arrival)
    with_new_code = await person.arrive(arrival, code=(await person.visit(await person.leave())).parameters["code"])

    assert_page(again, 400, UnknownSignIn.public)
    assert_page(with_new_code, 400, UnknownSignIn.public)
    assert await kept(http) == before

    arrival = await person.visit(await person.leave())
    answers = await asyncio.gather(*(person.arrive(arrival) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 9


async def test_an_answer_that_comes_too_late_is_refused(http: HttpWorld, person: Person) -> None:
    """XI-04: fifteen minutes, and not a second more."""
    arrival = await person.visit(await person.leave())
    http.world.clock.advance(EXTERNAL_SIGN_IN_LIFETIME)
    before = await kept(http)

    assert_page(await person.arrive(arrival), 400, UnknownSignIn.public)
    assert await kept(http) == before


@pytest.mark.parametrize("path", [f"{CALLBACK}/other", CALLBACK, f"{CALLBACK}/nobody", f"{CALLBACK}/CORP"])
async def test_an_answer_at_another_providers_address_is_refused(
    http: HttpWorld, upstream: Upstream, client: UpstreamClient, person: Person, path: str
) -> None:
    """Mix-up (RFC 9700 §4.4): the address says whose answer it is."""
    await register(http, corp(upstream, client, name="other"), client.secret)
    arrival = await person.visit(await person.leave())
    before = await kept(http)

    answer = await person.arrive(Arrival(f"{ISSUER}{path}?{urlsplit(arrival.url).query}"))

    assert_page(answer, 400, UnknownSignIn.public)
    assert await kept(http) == before
    assert (await person.arrive(arrival)).status_code == 303


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
async def test_a_repeated_part_of_an_answer_is_refused(http: HttpWorld, person: Person, name: str) -> None:
    """RFC 6749 §3.1: two values are two readings."""
    arrival = await person.visit(await person.leave())
    repeated = f"{arrival.url}&{name}=x&{name}=x"

    answer = await person.here.get(repeated)

    assert_page(answer, 400, InvalidRequest.public)
    assert await people(http) == []
    assert (await person.arrive(arrival)).status_code == 303


async def test_an_answer_that_is_far_too_long_is_refused(http: HttpWorld, upstream: Upstream, person: Person) -> None:
    """The attacker writes what they like behind a state of their own: 50 KiB, or two hundred parameters."""
    arrival = await person.visit(await person.leave())
    before = await kept(http)

    many = await person.here.get(f"{arrival.url}&" + "&".join(f"p{number}=1" for number in range(200)))
    long = await person.arrive(arrival, code="x" * 50_000)

    assert_page(many, 400, InvalidRequest.public)
    assert long.status_code == 400
    assert "xxxx" not in long.text
    assert await kept(http) == before


async def test_an_answer_for_a_transaction_that_is_over_signs_nobody_in(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """The client asked too long ago, however quick the provider was: the code is not even redeemed."""
    asked = await person.here.get("/oauth2/authorize", params=shop().request())
    http.world.clock.advance(TRANSACTION_LIFETIME - timedelta(minutes=1))
    arrival = await person.visit(await person.leave(transaction=transaction_of(asked)))
    http.world.clock.advance(timedelta(minutes=2))
    before = await kept(http)

    assert_page(await person.arrive(arrival), 404, UnknownTransaction.public)
    assert [request for request in upstream.requests("token") if request.method == "POST"] == []
    assert await kept(http) == before


# --- answers that say something else ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer", [None, "https://evil.example", "http://localhost", ""], ids=["missing", "another", "http", "empty"]
)
async def test_an_answer_that_does_not_name_its_provider_is_refused(
    http: HttpWorld, upstream: Upstream, person: Person, issuer: str | None
) -> None:
    """RFC 9207 §2.4: the provider announces to name itself in each answer. The code is not redeemed."""
    arrival = await person.visit(await person.leave())
    assert arrival.parameters["iss"] == upstream.issuer
    before = await kept(http)

    answer = await person.arrive(arrival, iss=issuer)

    assert_page(answer, 400, ProviderAnswerRefused.public)
    assert [request for request in upstream.requests("token") if request.method == "POST"] == []
    assert await kept(http) == before


async def test_an_issuer_with_a_slash_more_is_another_one(http: HttpWorld, upstream: Upstream, person: Person) -> None:
    """RFC 9207 §2.4: compared byte for byte."""
    arrival = await person.visit(await person.leave())

    assert_page(await person.arrive(arrival, iss=f"{upstream.issuer}/"), 400, ProviderAnswerRefused.public)
    assert await people(http) == []


@pytest.mark.parametrize(
    "error",
    [
        "access_denied",
        "<script>alert(1)</script>",
        "x\r\nSet-Cookie: a=b",
        "\x1b[31mred",
        "\u202egnirts",
        "A" * 10_240,
    ],
    ids=["plain", "markup", "CRLF", "escape", "direction", "10 KiB"],
)
async def test_nothing_of_an_error_answer_is_shown(http: HttpWorld, person: Person, error: str) -> None:
    """XI-14: our own sentence on the page, and in the log what cannot spoil it."""
    arrival = await person.visit(await person.leave())
    before = await kept(http)

    with refusals() as refused:
        answer = await person.arrive(
            arrival, code=None, error=error, error_description=error * 2, error_uri=f"https://evil.example/{error}"
        )

    assert_page(answer, 400, ProviderDeclined.public)
    assert "evil" not in answer.text
    assert error not in answer.text
    assert len(answer.text) < 4_000
    (logged,) = refused
    assert logged["reason"].isascii()
    assert logged["reason"].isprintable()
    assert len(logged["reason"]) < 600
    assert await kept(http) == before


async def test_who_says_no_at_the_provider_goes_on_with_a_password(http: HttpWorld, person: Person) -> None:
    """The page leads back to the sign-in that waits."""
    await http.world.add_user("alice")
    arrival = await person.visit(await person.leave(), cancel=True)
    assert arrival.parameters["error"] == "access_denied"

    answer = await person.arrive(arrival)

    assert_page(answer, 400, ProviderDeclined.public)
    way_on = answer.text.partition('href="')[2].partition('"')[0]
    assert way_on.startswith("/login?transaction=")
    body = {"username": "alice", "password": PASSWORD.reveal(), "transaction": way_on.partition("=")[2]}
    signed_in = await person.here.post("/auth/v1/login/local", json=body)
    back = await person.go_on(await person.here.get(signed_in.json()["continue"]))
    assert back.headers["location"] == "/"


async def test_an_error_answer_is_used_up_like_any_other(http: HttpWorld, person: Person) -> None:
    """XI-04: after the error nobody brings a code for the same sign-in."""
    arrival = await person.visit(await person.leave())
    await person.arrive(arrival, code=None, error="access_denied")

    assert_page(await person.arrive(arrival), 400, UnknownSignIn.public)
    assert await people(http) == []


async def test_a_code_beside_an_error_is_not_redeemed(upstream: Upstream, person: Person) -> None:
    arrival = await person.visit(await person.leave())

    assert_page(await person.arrive(arrival, error="access_denied"), 400, ProviderDeclined.public)
    assert [request for request in upstream.requests("token") if request.method == "POST"] == []


# --- providers and people that may not -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody", "CORP", "corp ", "../corp", "corp\x00", "é", "x" * 5_000, "' OR 1=1 --"])
async def test_a_provider_that_is_not_there_is_refused_on_a_page(http: HttpWorld, person: Person, name: str) -> None:
    answer = await person.here.get(INIT, params={"provider": name})

    assert answer.status_code == 400
    assert UnknownProvider.public in answer.text
    assert name not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_a_disabled_provider_is_refused_in_words_and_the_browser_goes_on_otherwise(
    http: HttpWorld, person: Person, provider: IdentityProvider
) -> None:
    """The page leads to the sign-in that was begun for it, in this browser."""
    await http.world.add_user("alice")
    await change(http, provider, enabled=False)

    answer = await person.here.get(INIT, params={"provider": CORP})

    assert answer.status_code == 400
    assert UnknownProvider.public in answer.text
    transaction = answer.text.partition("/login?transaction=")[2].partition('"')[0]
    body = {"username": "alice", "password": PASSWORD.reveal(), "transaction": transaction}
    assert (await person.here.post("/auth/v1/login/local", json=body)).status_code == 200


async def test_a_provider_that_is_disabled_meanwhile_signs_nobody_in(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider
) -> None:
    """XI-19: no orphan user, and the code is not even redeemed."""
    arrival = await person.visit(await person.leave())
    await change(http, provider, enabled=False)
    before = await kept(http)

    answer = await person.arrive(arrival)

    assert_page(answer, 400, UnknownProvider.public)
    assert [request for request in upstream.requests("token") if request.method == "POST"] == []
    assert await kept(http) == before
    await change(http, provider, enabled=True)
    assert (await person.sign_in()).username == "ada"


async def test_a_disabled_user_is_refused_like_an_unknown_one(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider
) -> None:
    """XI-12: one answer for a disabled account and for none."""
    user = await person.sign_in()
    await http.world.disable(user)
    await change(http, provider, create_users=False)
    upstream.set_account("newcomer", preferred_username="newcomer", email="newcomer@example.com")
    answers = []
    for name in ("ada", "newcomer"):
        async with somebody(http, upstream) as again:
            answers.append(await again.come_back(username=name))
            assert SESSION_COOKIE not in again.here.cookies

    for answer in answers:
        assert_page(answer, 403, ExternalSignInRefused.public)
    assert [one.id for one in await people(http)] == [user.id]


# --- whose the identity is --------------------------------------------------------------------------------------------


async def test_an_address_that_somebody_has_here_needs_their_password_and_then_is_linked(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """XI-08: whoever has the address here proves it, and only then is the identity theirs."""
    user = await add_ada(http)

    asked = await person.come_back()

    assert asked.status_code == 303
    assert asked.headers["location"].startswith("/login/link?pending=")
    assert "set-cookie" not in asked.headers
    assert SESSION_COOKIE not in person.here.cookies
    assert await identities(http) == []
    pending = asked.headers["location"].partition("=")[2]
    shown = await person.here.get(f"/auth/v1/oauth/pending-links/{pending}")
    page = shown.json()
    assert page == {
        "transaction": page["transaction"],
        "email": "ada@example.com",
        "provider": {"name": "corp", "display_name": "Corp", "icon": "openid", "is_default": False},
    }
    assert shown.headers["cache-control"] == "no-store"

    body = {"username": "ada", "transaction": page["transaction"], "link": pending}
    wrong = await person.here.post("/auth/v1/login/local", json={**body, "password": "not the password"})
    right = await person.here.post("/auth/v1/login/local", json={**body, "password": PASSWORD.reveal()})

    assert (wrong.status_code, problem(wrong)["code"]) == (401, "invalid_credentials")
    assert right.status_code == 200
    back = await person.go_on(await person.here.get(right.json()["continue"]))
    assert back.headers["location"] == "/"
    (identity,) = await identities(http)
    assert (identity.user_id, identity.subject) == (user.id, ADA)
    async with somebody(http, upstream) as again:
        assert (await again.sign_in()).id == user.id


@pytest.mark.parametrize("verified", [False, None, "true", 1, "1", [True]], ids=repr)
async def test_an_address_that_is_not_stated_to_be_verified_never_signs_its_owner_in(
    http: HttpWorld, upstream: Upstream, person: Person, verified: object
) -> None:
    """XI-08, nOAuth: nothing but the JSON value ``true`` counts, also beside a verified local address."""
    user = await add_ada(http, verified=True)
    upstream.set_account(ADA, email_verified=verified)

    asked = await person.come_back()

    assert asked.headers["location"].startswith("/login/link?pending=")
    assert SESSION_COOKIE not in person.here.cookies
    assert await identities(http) == []
    assert await http.world.sessions.list_for_user(user.id, http.world.clock.now()) == ()


async def test_where_both_sides_have_verified_the_address_the_identity_is_linked(
    http: HttpWorld, person: Person
) -> None:
    user = await add_ada(http, verified=True)

    assert (await person.sign_in()).id == user.id
    assert (await http.world.user(user.id)).password_hash is not None


async def test_a_provider_that_is_trusted_with_no_address_links_by_none(
    http: HttpWorld, person: Person, provider: IdentityProvider
) -> None:
    """nOAuth: whoever administers a tenant there can write any address into an account."""
    await add_ada(http, verified=True)
    await change(http, provider, trust_email=TrustEmail.NEVER)

    asked = await person.come_back()

    assert asked.headers["location"].startswith("/login/link?pending=")
    assert await identities(http) == []


async def test_an_account_that_somebody_opened_in_anothers_name_keeps_no_old_password(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """Pre-hijacking: the owner of the mailbox arrives, and what was known before ends."""
    user = await add_ada(http)
    async with http.browser() as attacker:
        await sign_in(attacker, "ada")

        pending = (await person.come_back()).headers["location"].partition("=")[2]
        shown = (await person.here.get(f"/auth/v1/oauth/pending-links/{pending}")).json()
        body = {"username": "ada", "password": PASSWORD.reveal(), "transaction": shown["transaction"], "link": pending}
        proven = await person.here.post("/auth/v1/login/local", json=body)

        assert proven.status_code == 200
        assert (await attacker.post("/auth/v1/refresh")).status_code == 400
        assert (await sign_in(attacker, "ada")).status_code == 401
    owned = await http.world.user(user.id)
    assert (owned.email_verified, owned.password_hash) == (True, None)


async def test_a_pending_link_is_its_browsers_and_its_accounts_alone(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """XI-11: bound to identity, account, transaction and browser; another identity cannot use the proof."""
    await add_ada(http)
    await http.world.add_user("alice")
    pending = (await person.come_back()).headers["location"].partition("=")[2]
    transaction = (await person.here.get(f"/auth/v1/oauth/pending-links/{pending}")).json()["transaction"]
    body = {"username": "ada", "password": PASSWORD.reveal(), "transaction": transaction, "link": pending}
    async with somebody(http, upstream) as stranger:
        await stranger.leave()
        seen = await stranger.here.get(f"/auth/v1/oauth/pending-links/{pending}")
        used = await stranger.here.post("/auth/v1/login/local", json=body)
    other_account = await person.here.post("/auth/v1/login/local", json={**body, "username": "alice"})
    begun = await person.go_on(await person.here.get("/auth/v1/login"))
    elsewhere = {**body, "transaction": transaction_of(begun)}
    other_transaction = await person.here.post("/auth/v1/login/local", json=elsewhere)
    without = await person.here.post(
        "/auth/v1/login/local", json={name: value for name, value in body.items() if name != "transaction"}
    )

    assert (seen.status_code, problem(seen)["code"]) == (400, "unknown_sign_in")
    assert (used.status_code, problem(used)["code"]) == (404, "unknown_transaction")
    assert (other_account.status_code, problem(other_account)["code"]) == (401, "invalid_credentials")
    assert (other_transaction.status_code, problem(other_transaction)["code"]) == (400, "unknown_sign_in")
    assert without.status_code == 400
    assert await identities(http) == []
    assert (await person.here.post("/auth/v1/login/local", json=body)).status_code == 200
    assert [identity.subject for identity in await identities(http)] == [ADA]
    again = await person.here.post("/auth/v1/login/local", json=body)
    assert again.status_code in {400, 404}


@pytest.mark.parametrize(
    "address",
    [
        "a@evil.example@example.com", '"a b"@example.com', "a@exämple.com", " ada@example.com", "ada@example.com ",
        "ada@example.com\n", "ada@", "@example.com", "ada@localhost", "ada@[127.0.0.1]", "ada", "", 17, ["ada@b.com"],
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("domains", [(), ("example.com",)], ids=["any domain", "example.com alone"])
async def test_an_address_that_two_systems_could_read_differently_makes_no_account(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider, address: Any, domains: Any
) -> None:
    """XI-10: it is never trimmed or repaired into one, and belongs to no domain."""
    await change(http, provider, allowed_domains=domains, trust_email=TrustEmail.ALWAYS)
    upstream.set_account(ADA, email=address)
    before = await kept(http)

    assert_page(await person.come_back(), 403, ExternalSignInRefused.public)
    assert await kept(http) == before


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("ada@example.com", True), ("ada@EXAMPLE.com", True), ("ada@sub.example.com", False),
        ("ada@example.com.evil.example", False), ("ada@notexample.com", False), ("example.com@evil.example", False),
    ],
)  # fmt: skip
async def test_people_of_the_providers_domains_alone_sign_in(
    http: HttpWorld, upstream: Upstream, person: Person, provider: IdentityProvider, address: str, may: bool
) -> None:
    """XI-10: what follows the one @ is the domain."""
    await change(http, provider, allowed_domains=("example.com",))
    upstream.set_account(ADA, email=address)

    answer = await person.come_back()

    assert answer.status_code == (303 if may else 403)
    assert len(await people(http)) == may


async def test_two_first_sign_ins_of_one_identity_at_once_make_one_user(
    http: HttpWorld, upstream: Upstream, provider: IdentityProvider
) -> None:
    """Five browsers bring their answers in the same moment; the database is a real one."""
    async with AsyncExitStack() as browsers:
        persons = [await browsers.enter_async_context(somebody(http, upstream)) for _ in range(5)]
        arrivals = [await person.visit(await person.leave()) for person in persons]

        answers = await asyncio.gather(
            *(person.arrive(arrival) for person, arrival in zip(persons, arrivals, strict=True))
        )
        sessions = [await person.held() for person in persons]

    assert [answer.status_code for answer in answers] == [303] * 5
    (user,) = await people(http)
    assert {session.user_id for session in sessions} == {user.id}
    assert len(await identities(http)) == 1
    actions = await http.world.actions()
    assert [actions.count(name) for name in ("user.created", "identity.linked")] == [1, 1]


# --- a provider in the shape of GitHub --------------------------------------------------------------------------------


@pytest.fixture
async def github(http: HttpWorld, upstream: Upstream, client: UpstreamClient) -> AsyncIterator[Person]:
    await register(http, hub(upstream, client), client.secret)
    async with somebody(http, upstream) as person:
        yield person


def emails(*entries: tuple[str, bool, bool]) -> list[dict[str, object]]:
    """Addresses, each with whether it is the primary one and whether it is verified."""
    return [
        {"email": address, "primary": primary, "verified": verified, "visibility": None}
        for address, primary, verified in entries
    ]


async def test_a_provider_without_id_tokens_signs_in_by_the_primary_address(
    http: HttpWorld, upstream: Upstream, github: Person
) -> None:
    """The first one of its list is not verified, and says nothing."""
    upstream.set_member(583231, emails=emails(("first@example.net", False, False), ("octo@example.com", True, True)))

    user = await github.sign_in(HUB)

    assert (user.username, user.email, user.email_verified) == ("octo", "octo@example.com", True)
    (identity,) = await identities(http)
    assert (identity.namespace, identity.subject) == (f"oauth2:{upstream.github}/user", "583231")
    async with somebody(http, upstream) as again:
        assert (await again.sign_in(HUB)).id == user.id


@pytest.mark.parametrize(
    "listed",
    [
        [],
        emails(("octo@example.com", False, True)),
        emails(("a@example.com", True, True), ("b@example.com", True, True)),
        [{"email": "octo@example.com", "primary": "true", "verified": True}],
        [{"email": None, "primary": True, "verified": True}],
        ["octo@example.com", 17, None],
    ],
    ids=["none", "no primary", "two primary", "primary as text", "null", "no objects"],
)
async def test_a_provider_that_names_no_primary_address_makes_no_account(
    http: HttpWorld, upstream: Upstream, github: Person, listed: Any
) -> None:
    upstream.set_member(583231, emails=listed, email="octo@example.com")
    before = await kept(http)

    assert_page(await github.come_back(HUB), 403, ExternalSignInRefused.public)
    assert await kept(http) == before


async def test_a_primary_address_that_is_not_verified_signs_nobody_else_in(
    http: HttpWorld, upstream: Upstream, github: Person
) -> None:
    """XI-08: it may be the victim's."""
    await add_ada(http, verified=True)
    upstream.set_member(583231, emails=emails(("ada@example.com", True, False), ("octo@example.com", False, True)))

    asked = await github.come_back(HUB)

    assert asked.headers["location"].startswith("/login/link?pending=")
    assert await identities(http) == []


async def test_a_renamed_member_is_who_they_were_and_a_new_one_of_that_name_is_not(
    http: HttpWorld, upstream: Upstream, github: Person
) -> None:
    """Logins change hands there; the number does not."""
    user = await github.sign_in(HUB)
    upstream.set_member(583231, login="octopus")
    upstream.set_member(2, login="octo", emails=emails(("new@example.com", True, True)))
    async with somebody(http, upstream) as renamed, somebody(http, upstream) as new:
        assert (await renamed.sign_in(HUB, username="octopus")).id == user.id
        assert (await new.sign_in(HUB, username="octo")).id != user.id


async def test_who_says_no_at_the_other_provider_hears_it_in_our_words(github: Person) -> None:
    arrival = await github.visit(await github.leave(HUB), cancel=True)

    assert_page(await github.arrive(arrival), 400, ProviderDeclined.public)


async def test_a_provider_that_cannot_say_when_it_asked_is_no_way_to_a_fresh_sign_in(
    http: HttpWorld, upstream: Upstream, github: Person
) -> None:
    """OIDC Core §3.1.2.1: ``max_age`` needs an ``auth_time``, so nobody is sent there for nothing."""
    asked = await github.here.get("/oauth2/authorize", params=phone().request(max_age="60"))

    answer = await github.here.get(INIT, params={"provider": HUB, "transaction": transaction_of(asked)})

    assert answer.status_code == 400
    assert UnknownProvider.public in answer.text
    assert transaction_of(asked) in answer.text
    assert upstream.requests("github_authorization") == []


# --- the address that providers share ---------------------------------------------------------------------------------


@pytest.fixture
async def shared(http: HttpWorld, upstream: Upstream, client: UpstreamClient) -> AsyncIterator[Person]:
    await register(http, corp(upstream, client, name=SHARED, shared_callback=True), client.secret)
    async with somebody(http, upstream) as person:
        yield person


async def test_providers_that_name_themselves_may_share_an_address(http: HttpWorld, shared: Person) -> None:
    """RFC 9207."""
    url = await shared.leave(SHARED)
    assert query_of(url)["redirect_uri"] == ISSUER + CALLBACK

    back = await shared.go_on(await shared.arrive(await shared.visit(url)))

    assert back.headers["location"] == "/"
    assert [user.username for user in await people(http)] == ["ada"]


@pytest.mark.parametrize("issuer", [None, "", "https://evil.example"])
async def test_at_the_shared_address_an_answer_has_to_name_the_provider_of_its_state(
    http: HttpWorld, upstream: Upstream, shared: Person, issuer: str | None
) -> None:
    """RFC 9207 §2.4, mix-up: nothing else tells there whose answer it is."""
    arrival = await shared.visit(await shared.leave(SHARED))

    assert_page(await shared.arrive(arrival, iss=issuer), 400, ProviderAnswerRefused.public)
    assert [request for request in upstream.requests("token") if request.method == "POST"] == []
    assert await people(http) == []


async def test_an_answer_for_the_shared_address_is_refused_at_one_of_its_own(http: HttpWorld, shared: Person) -> None:
    arrival = await shared.visit(await shared.leave(SHARED))

    moved = Arrival(f"{ISSUER}{CALLBACK}/{SHARED}?{urlsplit(arrival.url).query}")

    assert_page(await shared.arrive(moved), 400, UnknownSignIn.public)
    assert await people(http) == []


# --- when a part is away ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["redis", "vault"])
async def test_while_a_part_is_away_an_answer_is_not_spent(http: HttpWorld, person: Person, backend: str) -> None:
    """503 and nothing consumed: the same answer is good afterwards."""
    arrival = await person.visit(await person.leave())
    with getattr(http.world.outages, backend):
        answer = await person.arrive(arrival)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "set-cookie" not in answer.headers
    assert await people(http) == []
    assert (await person.arrive(arrival)).status_code == 303


async def test_while_the_provider_is_away_the_page_says_so_and_leads_to_the_password(
    http: HttpWorld, upstream: Upstream, person: Person
) -> None:
    """XI-15: nobody listens there any more."""
    await http.world.add_user("alice")
    upstream.kill()

    answer = await person.here.get(INIT, params={"provider": CORP})

    assert answer.status_code == 502
    assert ProviderUnavailable.public in answer.text
    transaction = answer.text.partition("/login?transaction=")[2].partition('"')[0]
    body = {"username": "alice", "password": PASSWORD.reveal(), "transaction": transaction}
    assert (await person.here.post("/auth/v1/login/local", json=body)).status_code == 200
