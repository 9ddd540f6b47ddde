"""What is believed of an identity provider: the relying-party modules of OpenID's suite, and their neighbours.

The first part has the 19 modules of the plans *Basic RP* and *Config RP* under their names. That suite passes a client
that does not go on to userinfo; here it is looked at what is left as well: no account, no identity, no session. Each
refusal is followed by the same steps without the wrong, which sign in.
"""

from __future__ import annotations

import asyncio
import base64
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
import pytest_asyncio
from issuer_http import HttpWorld, sign_in
from paseport_shared.domain.errors import (
    AuthError,
    ExternalSignInRefused,
    ProviderAnswerRefused,
    ProviderUnavailable,
)
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.repository import ROOT
from paseport_testkit.harness.upstream import (
    FAILING,
    GZIP_BOMB,
    GZIPPED,
    HUGE,
    NEVER,
    NOT_JSON,
    REDIRECT_LOOP,
    SeenRequest,
    Upstream,
    UpstreamClient,
)
from upstream_sign_in import (
    HUB,
    INIT,
    SESSION_COOKIE,
    Person,
    assert_page,
    corp,
    hub,
    kept,
    query_of,
    refusals,
    register,
    register_issuer,
    running_with_upstream,
    somebody,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASTE_SECONDS = 1.0
"""What a provider gets where a test waits for that: what happens then is the same as after almost five."""
PAGE_SECONDS = 5.0
"""Within what time somebody has to see a page (XI-15)."""


@dataclass
class Parties:
    """An issuer, and providers of which it knows nothing yet: each test has its own, and people of its own."""

    http: HttpWorld
    upstream: Upstream
    client: UpstreamClient
    made: int = 0

    async def provider(
        self, describe: Callable[..., dict[str, Any]] = corp, client: UpstreamClient | None = None, **values: object
    ) -> IdentityProvider:
        """Register one more. They answer at the address that such providers share, where they can."""
        self.made += 1
        client = client or self.client
        described = describe(self.upstream, client, name=f"idp-{self.made}", **values)
        provider = await register(self.http, described, client.secret)
        # Not by the use case: it would ask for the metadata, of which nothing is to be known yet.
        shared = replace(provider, shared_callback=True, revision=provider.revision + 1)

        async def store(transaction: RecordTransaction) -> None:
            await transaction.providers.update(shared, expected_revision=provider.revision)

        await self.http.world.record.transact(store)
        return shared

    async def server(self) -> IdentityProvider:
        """Register the server in the shape of GitHub, which has an address of its own."""
        for known in await self.http.world.use.read_providers.all():
            if known.name == HUB:
                return known
        return await register(self.http, hub(self.upstream, self.client), self.client.secret)

    def newcomer(self) -> str:
        """Make an account at the OpenID Provider that nobody here has heard of, and return its name."""
        self.made += 1
        name = f"person-{self.made}"
        self.upstream.set_account(
            name, preferred_username=name, email=f"{name}@example.com", email_verified=True, name=f"Person {self.made}"
        )
        return name

    async def accepted(self, provider: IdentityProvider, name: str | None = None) -> User:
        """Sign somebody new in, and return them as they are here."""
        async with somebody(self.http, self.upstream) as person:
            return await person.sign_in(provider.name, username=name or self.newcomer())

    async def refused(
        self,
        provider: IdentityProvider,
        cause: str,
        error: type[AuthError] = ProviderAnswerRefused,
        status: int = 400,
        **wrongs: Any,
    ) -> None:
        """Let the provider do this wrong: it is refused for this cause, and nothing comes of it."""
        name = self.newcomer()
        before = await kept(self.http)
        self.upstream.misbehave(**wrongs)
        async with somebody(self.http, self.upstream) as person:
            with refusals() as logged:
                answer = await person.come_back(provider.name, username=name)
            assert SESSION_COOKIE not in person.here.cookies
        assert_page(answer, status, error.public)
        assert cause in logged[-1]["reason"]
        assert await kept(self.http) == before
        if "id_token" in wrongs:
            assert self.asked("userinfo") == []
        assert any(request.wrong for request in self.upstream.requests())
        self.upstream.misbehave()
        assert (await self.accepted(provider, name)).username == name

    def asked(self, endpoint: str) -> list[SeenRequest]:
        """Return what an endpoint was asked for somebody, without what a registration tries."""
        seen = self.upstream.requests(endpoint)
        if endpoint == "token":
            return [request for request in seen if request.method == "POST"]
        return [request for request in seen if endpoint != "userinfo" or "authorization" in request.headers]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parties(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, client: UpstreamClient
) -> AsyncIterator[Parties]:
    async with running_with_upstream(tmp_path_factory.mktemp("parties"), upstream) as http:
        await http.world.add_user("alice")
        yield Parties(http, upstream, client)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, client: UpstreamClient
) -> AsyncIterator[Parties]:
    folder = tmp_path_factory.mktemp("hasty")
    async with running_with_upstream(folder, upstream, deadline_seconds=HASTE_SECONDS) as http:
        await http.world.add_user("alice")
        yield Parties(http, upstream, client)


# --- Basic RP ---------------------------------------------------------------------------------------------------------


async def test_oidcc_client_test(parties: Parties) -> None:
    """A code flow: authorization, token and userinfo request with what was registered."""
    provider = await parties.provider()

    await parties.accepted(provider)

    (asked,), (redeemed,), (user,) = (parties.asked(name) for name in ("authorization", "token", "userinfo"))
    assert "openid" in asked.query["scope"].split()
    assert redeemed.form["redirect_uri"] == asked.query["redirect_uri"] in parties.client.redirect_uris
    assert redeemed.form["code_verifier"]
    assert user.headers["authorization"].startswith("Bearer ")
    assert "access_token" not in user.query
    assert re.fullmatch(r"[0-9A-Za-z]{22}", asked.query["nonce"])


@pytest.mark.parametrize(
    "issuer",
    ["https://other.example.test", "{issuer}/", "HTTPS://LOCALHOST", "http://localhost", "", None, ["{issuer}"], 17],
    ids=repr,
)
async def test_oidcc_client_test_invalid_iss(parties: Parties, issuer: Any) -> None:
    """``iss`` is not the issuer; and its neighbours: a slash more, another case, http, missing, a list (XI-05)."""
    forged = _filled(issuer, parties)
    change = {"remove": ["iss"]} if issuer is None else {"set": {"iss": forged}}

    await parties.refused(await parties.provider(), "iss", id_token=change)


@pytest.mark.parametrize(
    "subject", [None, "", 17, "x" * 256, "a\x00b", ["8f2d-ada"]], ids=lambda value: repr(value)[:12]
)
async def test_oidcc_client_test_missing_sub(parties: Parties, subject: Any) -> None:
    """``sub`` is missing; and its neighbours: empty, a number, too long, with control characters (XI-05)."""
    change = {"remove": ["sub"]} if subject is None else {"set": {"sub": subject}}

    await parties.refused(await parties.provider(), "sub", id_token=change)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"aud": "another-client"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["{client}", "another-client"]}, "azp"),
        ({"aud": ["{client}", "another-client"], "azp": "another-client"}, "azp"),
        ({"aud": "{client} another-client"}, "aud"),
        ({"azp": "another-client"}, "azp"),
        ({"azp": ""}, "azp"),
    ],
    ids=repr,
)
async def test_oidcc_client_test_invalid_aud(parties: Parties, changes: dict[str, Any], cause: str) -> None:
    """``aud`` has not the client id; and its neighbours: none, two without or with the wrong ``azp`` (XI-05)."""
    change = {"remove": ["aud"]} if changes == {"aud": None} else {"set": _filled(changes, parties)}

    await parties.refused(await parties.provider(), cause, id_token=change)


@pytest.mark.parametrize(
    ("issued_at", "cause"),
    [(None, "iat"), ("yesterday", "iat"), (4_000_000_000, "in the future"), (0, "iat"), (True, "iat"), (-1, "iat")],
)
async def test_oidcc_client_test_missing_iat(parties: Parties, issued_at: Any, cause: str) -> None:
    """``iat`` is missing; and its neighbours: a text, to come, long ago (XI-05)."""
    change = {"remove": ["iat"]} if issued_at is None else {"set": {"iat": issued_at}}

    await parties.refused(await parties.provider(), cause, id_token=change)


async def test_oidcc_client_test_kid_absent_single_jwks(parties: Parties) -> None:
    """Neither the token nor the one key has a ``kid``: that key is the one."""
    provider = await parties.provider()
    parties.upstream.misbehave(kids=False, decoys=False)

    await parties.accepted(provider)

    assert all(request.wrong == [] for request in parties.asked("token"))


async def test_oidcc_client_test_kid_absent_multiple_jwks(parties: Parties) -> None:
    """Several keys and no ``kid``. A client may refuse or try them all: here it is refused."""
    provider, name = await parties.provider(), parties.newcomer()
    before = await kept(parties.http)
    parties.upstream.rotate("publish")
    parties.upstream.misbehave(kids=False, decoys=False)
    async with somebody(parties.http, parties.upstream) as person:
        with refusals() as logged:
            answer = await person.come_back(provider.name, username=name)

    assert_page(answer, 400, ProviderAnswerRefused.public)
    assert "more than one key" in logged[-1]["reason"]
    assert await kept(parties.http) == before
    parties.upstream.misbehave()
    await parties.accepted(provider, name)


async def test_oidcc_client_test_idtoken_sig_rs256(parties: Parties) -> None:
    """An ID token signed with RS256, which is all that the metadata announces."""
    assert (await parties.accepted(await parties.provider())).email_verified is True


async def test_oidcc_client_test_idtoken_sig_none(parties: Parties) -> None:
    """An unsigned ID token. A client may take it from the token endpoint: here it is refused (XI-05)."""
    await parties.refused(await parties.provider(), "algorithm", id_token={"key": "none"})


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        ("damaged", "signature"),
        ("other", "signature"),
        ("unknown", "does not publish"),
        ("embedded", "does not publish"),
        ("encryption", "does not publish"),
        ("es256", "algorithm"),
        ("hs256_public_key", "algorithm"),
        ("hs256_client_secret", "algorithm"),
    ],
)
async def test_oidcc_client_test_invalid_sig_rs256(parties: Parties, key: str, cause: str) -> None:
    """A wrong signature; and its neighbours: every other key, HS256 with the public key or the secret (XI-05)."""
    await parties.refused(await parties.provider(), cause, id_token={"key": key})


@pytest.mark.parametrize(
    "change", [{"set": {"sub": "other"}}, {"remove": ["sub"]}, {"set": {"sub": None}}, {"set": {"sub": 17}}], ids=repr
)
async def test_oidcc_client_test_userinfo_invalid_sub(parties: Parties, change: dict[str, Any]) -> None:
    """The ``sub`` of userinfo is not that of the ID token; and its neighbour: missing (OIDC Core §5.3.2)."""
    await parties.refused(await parties.provider(), "sub of the userinfo endpoint", userinfo=change)


@pytest.mark.parametrize("nonce", ["other", None, "", 17, []], ids=repr)
async def test_oidcc_client_test_nonce_invalid(parties: Parties, nonce: Any) -> None:
    """``nonce`` is not the one that was sent; and its neighbours: missing, empty, no text (XI-05)."""
    change = {"remove": ["nonce"]} if nonce is None else {"set": {"nonce": nonce}}

    await parties.refused(await parties.provider(), "nonce", id_token=change)


async def test_oidcc_client_test_scope_userinfo_claims(parties: Parties) -> None:
    """profile and email are asked for, and the claims of userinfo are used."""
    provider, name = await parties.provider(), parties.newcomer()
    parties.upstream.set_account(name, name="Told by Userinfo")

    user = await parties.accepted(provider, name)

    assert set(parties.asked("authorization")[0].query["scope"].split()) >= {"profile", "email"}
    assert (user.username, user.email, user.display_name) == (name, f"{name}@example.com", "Told by Userinfo")


@pytest.mark.parametrize("secret", [None, "a:b%c+d/e=f&g h~i", "%20%2B%3A"], ids=["plain", "odd", "encoded"])
async def test_oidcc_client_test_client_secret_basic(parties: Parties, secret: str | None) -> None:
    """HTTP Basic at the token endpoint, id and secret form-encoded first (RFC 6749 §2.3.1)."""
    client = parties.client if secret is None else register_issuer(parties.upstream, secret=secret)

    await parties.accepted(await parties.provider(client=client))

    (redeemed,) = parties.asked("token")
    scheme, _, credentials = redeemed.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode() == f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
    assert "client_secret" not in redeemed.form


# --- Config RP --------------------------------------------------------------------------------------------------------


async def test_oidcc_client_test_discovery_openid_config(parties: Parties) -> None:
    """The metadata is fetched, and what stands there is used."""
    provider = await parties.provider()
    already = len(parties.upstream.requests("discovery"))

    await parties.accepted(provider)

    assert [request.path for request in parties.upstream.requests("discovery")[already:]] == [
        "/.well-known/openid-configuration"
    ]


async def test_oidcc_client_test_discovery_jwks_uri_keys(parties: Parties) -> None:
    """``jwks_uri`` is taken from the metadata, wherever it leads."""
    provider = await parties.provider()
    already = len(parties.upstream.requests())
    address = f"{parties.upstream.issuer}/jwks/nobody-could-guess-this"
    parties.upstream.misbehave(discovery={"set": {"jwks_uri": address}})

    await parties.accepted(provider)

    seen = parties.upstream.requests()[already:]
    assert [request.path for request in seen if request.endpoint == "jwks"] == ["/jwks/nobody-could-guess-this"]
    assert seen[0].endpoint == "discovery"


@pytest.mark.parametrize("issuer", ["https://other.example.test", "{issuer}/", "http://localhost", None, 17], ids=repr)
async def test_oidcc_client_test_discovery_issuer_mismatch(parties: Parties, issuer: Any) -> None:
    """The metadata's ``issuer`` is not the one that was asked for: nobody is sent there (XI-17)."""
    provider = await parties.provider()
    change = {"remove": ["issuer"]} if issuer is None else {"set": {"issuer": _filled(issuer, parties)}}
    parties.upstream.misbehave(discovery=change)
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.here.get(INIT, params={"provider": provider.name})

    assert answer.status_code == 502
    assert ProviderUnavailable.public in answer.text
    assert parties.upstream.requests("authorization") == []
    findings = await parties.http.world.use.read_providers.try_registered(provider.id)
    assert [(found.check, found.outcome.value) for found in findings][-1] in {
        ("issuer", "failed"),
        ("discovery", "failed"),
    }
    parties.upstream.misbehave()
    await parties.accepted(provider)


async def test_oidcc_client_test_signing_key_rotation_just_before_signing(parties: Parties) -> None:
    """The keys change between the authorization and the ID token: they are fetched again, once (XI-18)."""
    provider, name = await parties.provider(), parties.newcomer()
    await parties.accepted(provider)
    fetched = len(parties.upstream.requests("jwks"))
    async with somebody(parties.http, parties.upstream) as person:
        arrival = await person.visit(await person.leave(provider.name), username=name)
        parties.upstream.rotate()

        answer = await person.arrive(arrival)

    assert answer.status_code == 303
    assert len(parties.upstream.requests("jwks")) == fetched + 1


async def test_oidcc_client_test_signing_key_rotation(parties: Parties) -> None:
    """The keys change between two sign-ins: both are accepted, with one more fetch (XI-18)."""
    provider = await parties.provider()
    await parties.accepted(provider)
    fetched = len(parties.upstream.requests("jwks"))
    parties.upstream.rotate()

    await parties.accepted(provider)

    assert len(parties.upstream.requests("jwks")) == fetched + 1


async def test_the_page_about_conformance_names_these_modules_and_no_others() -> None:
    """docs/conformance.md: 19 modules, each with its test."""
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    page = page.partition("## Relying party: the 19 modules")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (oidcc-client-test\S*) \|.*`(test_oidcc_client_test\w*)` \|$", page, re.MULTILINE)
    here = [name for name in globals() if name.startswith("test_oidcc_client_test")]

    assert sorted(test for _, test in rows) == sorted(here)
    assert [test for module, test in rows if f"test_{module.replace('-', '_')}" != test] == []
    assert len(rows) == 19


# --- ID tokens beyond the modules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forgery", "cause"),
    [
        ({"at_hash": "wrong"}, "at_hash"),
        ({"set": {"at_hash": ""}}, "at_hash"),
        ({"set": {"at_hash": 17}}, "at_hash"),
        ({"set": {"exp": 1}}, "exp"),
        ({"remove": ["exp"]}, "exp"),
        ({"set": {"exp": "never"}}, "exp"),
        ({"set": {"nbf": 4_000_000_000}}, "not yet valid"),
        ({"set": {"auth_time": 4_000_000_000}}, "auth_time"),
        ({"set": {"auth_time": True}}, "auth_time"),
        ({"header": {"set": {"crit": ["x"], "x": 1}}}, "critical"),
        ({"header": {"set": {"b64": False}}}, "critical"),
        ({"header": {"set": {"typ": "logout+jwt"}}}, "type"),
        ({"header": {"set": {"typ": "at+jwt"}}}, "type"),
        ({"header": {"set": {"alg": "RS512"}}}, "algorithm"),
        ({"header": {"set": {"kid": 17}}}, "kid"),
        ({"header": {"remove": ["alg"]}}, "algorithm"),
    ],
    ids=repr,
)
async def test_a_mutated_id_token_is_refused(parties: Parties, forgery: dict[str, Any], cause: str) -> None:
    """XI-05, XI-06: and where the algorithm is not known, its ``at_hash`` is not taken for right."""
    await parties.refused(await parties.provider(), cause, id_token=forgery)


@pytest.mark.parametrize(
    "forgery",
    [
        {"at_hash": "right"},
        {"set": {"aud": ["{client}"]}},
        {"set": {"aud": ["{client}", "another-client"], "azp": "{client}"}},
        {"set": {"azp": "{client}"}},
        {"set": {"sub": "x" * 255}},
        {"header": {"set": {"typ": "JWT"}}},
        {"header": {"set": {"jku": "https://evil.example/keys"}}},
        {"remove": ["sid"]},
    ],
    ids=lambda forgery: repr(forgery)[:60],
)
async def test_what_a_provider_may_do_differently_is_accepted(parties: Parties, forgery: dict[str, Any]) -> None:
    """The controls of the table above: each is close to a refusal, and right. A ``jku`` is not looked at."""
    provider = await parties.provider()
    wrongs: dict[str, Any] = {"id_token": _filled(forgery, parties)}
    if "sub" in forgery.get("set", {}):
        wrongs["userinfo"] = {"set": {"sub": forgery["set"]["sub"]}}
    parties.upstream.misbehave(**wrongs)

    await parties.accepted(provider)


@pytest.mark.parametrize(
    "change",
    [
        {"remove": ["id_token"]}, {"set": {"id_token": None}}, {"set": {"id_token": "x.y.z"}},
        {"set": {"id_token": ""}}, {"set": {"id_token": "e30." * 3}}, {"set": {"token_type": "mac"}},
        {"remove": ["access_token"]},
    ],
    ids=repr,
)  # fmt: skip
async def test_a_token_answer_without_what_it_needs_is_refused(parties: Parties, change: dict[str, Any]) -> None:
    """OIDC Core §3.1.3.3, RFC 6749 §5.1."""
    provider, name = await parties.provider(), parties.newcomer()
    before = await kept(parties.http)
    parties.upstream.misbehave(token=change)
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.come_back(provider.name, username=name)
        assert SESSION_COOKIE not in person.here.cookies

    assert answer.status_code in {400, 502}
    assert await kept(parties.http) == before
    parties.upstream.misbehave()
    await parties.accepted(provider, name)


async def test_claims_that_userinfo_adds_never_change_what_the_id_token_says(parties: Parties) -> None:
    """OIDC Core §5.3.2: a session and a time of sign-in are the ID token's alone."""
    provider = await parties.provider()
    parties.upstream.misbehave(
        userinfo={"set": {"iss": "https://evil.example", "aud": "another", "sid": "forged", "auth_time": 1}}
    )
    async with somebody(parties.http, parties.upstream) as person:
        await person.sign_in(provider.name, username=parties.newcomer())
        session = await person.held()

    assert session.upstream is not None
    assert session.upstream.session_id not in (None, "forged")
    assert (parties.http.world.clock.now() - session.auth_time).total_seconds() < 60


async def test_a_code_that_was_used_up_at_the_provider_signs_nobody_in(parties: Parties) -> None:
    """A stolen code that was redeemed already, in a sign-in of the thief's own."""
    provider, name = await parties.provider(), parties.newcomer()
    async with AsyncExitStack() as browsers:
        victim, thief = [await browsers.enter_async_context(somebody(parties.http, parties.upstream)) for _ in range(2)]
        stolen = await victim.visit(await victim.leave(provider.name), username=name)
        own = await thief.visit(await thief.leave(provider.name), username=name)
        before = await kept(parties.http)

        answer = await thief.arrive(own, code=stolen.parameters["code"])

    assert_page(answer, 400, ProviderAnswerRefused.public)
    assert await kept(parties.http) == before


async def test_a_secret_that_the_provider_does_not_know_signs_nobody_in(parties: Parties) -> None:
    parties.made += 1
    described = corp(parties.upstream, parties.client, name=f"idp-{parties.made}", shared_callback=True)
    provider = await register(parties.http, described, "not the secret")
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.come_back(provider.name, username=parties.newcomer())

    assert answer.status_code in {400, 502}
    assert "not the secret" not in answer.text


# --- answers that are no answers --------------------------------------------------------------------------------------

BROKEN: Mapping[str, Mapping[str, Any]] = {
    "huge": HUGE,
    "gzip bomb": GZIP_BOMB,
    "compressed": GZIPPED,
    "a page": NOT_JSON,
    "500": FAILING,
    "redirect loop": REDIRECT_LOOP,
    "redirect inside": {"redirect": "https://169.254.169.254/latest/meta-data"},
    "redirect to http": {"redirect": "http://127.0.0.1:9/"},
    "a text": {"json": "text"},
    "null": {"json": None},
    "two readings": {"text": '{"issuer":"a","issuer":"b","keys":[],"sub":"a","sub":"b"}'},
    "deep": {"text": "[" * 100_000},
    "cut off": {"break_off": True},
    "nothing": {"text": ""},
}
SLOW: Mapping[str, Mapping[str, Any]] = {"never": NEVER, "drop by drop": {"drip_ms": 200}, "late": {"delay_ms": 30_000}}
ENDPOINTS = ("discovery", "jwks", "token", "userinfo")
OF_SERVER = ("github_token", "github_user", "github_emails")


async def outcome(person: Person, provider: IdentityProvider, name: str | None) -> httpx.Response:
    """Go as far as the provider lets one, and return the page that ends it, which is there in time."""
    begun = time.monotonic()
    answer = await person.here.get(INIT, params={"provider": provider.name})
    if answer.status_code == 303:
        arrival = await person.visit(answer.headers["location"], username=name)
        begun = time.monotonic()
        async with asyncio.timeout(PAGE_SECONDS):
            answer = await person.arrive(arrival)
    assert time.monotonic() - begun < PAGE_SECONDS
    return answer


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *OF_SERVER])
@pytest.mark.parametrize("wrong", BROKEN.values(), ids=BROKEN.keys())
async def test_a_provider_that_answers_with_something_else_signs_nobody_in(
    parties: Parties, endpoint: str, wrong: Mapping[str, Any]
) -> None:
    """XI-15, XI-17: a page in time, nothing created, and a password works."""
    of_server = endpoint in OF_SERVER
    provider = await (parties.server() if of_server else parties.provider())
    name = "octo" if of_server else parties.newcomer()
    before = await kept(parties.http)
    parties.upstream.misbehave(**{endpoint: dict(wrong)})
    async with somebody(parties.http, parties.upstream) as person, parties.http.browser() as other:
        answer = await outcome(person, provider, name)
        assert SESSION_COOKIE not in person.here.cookies
        assert await kept(parties.http) == before
        assert (await sign_in(other)).status_code == 200

    assert (answer.status_code, ProviderUnavailable.public in answer.text) == (502, True), answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert any(endpoint in request.wrong for request in parties.upstream.requests())


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *OF_SERVER])
@pytest.mark.parametrize("wrong", SLOW.values(), ids=SLOW.keys())
async def test_a_provider_that_takes_its_time_is_not_waited_for(
    hasty: Parties, endpoint: str, wrong: Mapping[str, Any]
) -> None:
    """XI-15: the deadline is for all of it, however the time is spent; a password works meanwhile."""
    of_server = endpoint in OF_SERVER
    provider = await (hasty.server() if of_server else hasty.provider())
    name = "octo" if of_server else hasty.newcomer()
    before = await kept(hasty.http)
    hasty.upstream.misbehave(**{endpoint: dict(wrong)})
    async with somebody(hasty.http, hasty.upstream) as person, hasty.http.browser() as other:
        hanging = asyncio.create_task(outcome(person, provider, name))
        signed_in = await sign_in(other)
        waited = not hanging.done()
        answer = await hanging
        assert SESSION_COOKIE not in person.here.cookies

    assert signed_in.status_code == 200
    assert waited
    assert (answer.status_code, ProviderUnavailable.public in answer.text) == (502, True)
    after = await kept(hasty.http)
    assert (after.people, after.identities) == (before.people, before.identities)


async def test_twenty_callbacks_at_a_provider_that_hangs_hold_nobody_else_up(parties: Parties) -> None:
    """XI-15, with the deadline of an installation: all twenty see a page within five seconds.

    Meanwhile a password works, and so does another provider.
    """
    provider, server = await parties.provider(), await parties.server()
    await parties.accepted(provider)
    async with AsyncExitStack() as browsers:
        persons = [await browsers.enter_async_context(somebody(parties.http, parties.upstream)) for _ in range(20)]
        arrivals = [await person.visit(await person.leave(provider.name)) for person in persons]
        before = await kept(parties.http)
        parties.upstream.misbehave(token=NEVER)
        begun = time.monotonic()

        async def arrive(person: Person, arrival: Any) -> tuple[httpx.Response, float]:
            answer = await person.arrive(arrival)
            return answer, time.monotonic() - begun

        hanging = [asyncio.create_task(arrive(*pair)) for pair in zip(persons, arrivals, strict=True)]
        async with parties.http.browser() as other, somebody(parties.http, parties.upstream) as elsewhere:
            assert (await sign_in(other)).status_code == 200
            assert (await elsewhere.sign_in(server.name)).username == "octo"
        assert not any(task.done() for task in hanging)
        answers = await asyncio.gather(*hanging)
        for person in persons:
            assert SESSION_COOKIE not in person.here.cookies

    for answer, seconds in answers:
        assert_page(answer, 502, ProviderUnavailable.public)
        assert seconds < PAGE_SECONDS
    after = await kept(parties.http)
    assert "ada" not in {user.username for user in after.people}
    assert len(after.people) == len(before.people) + 1


async def test_a_provider_that_is_gone_and_comes_back_is_used_again(parties: Parties) -> None:
    """Nothing of the failure is remembered."""
    provider = await parties.provider()
    parties.upstream.kill()
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.here.get(INIT, params={"provider": provider.name})
    parties.upstream.restore()

    assert answer.status_code == 502
    await parties.accepted(provider)


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_announced_first_costs_nobody_anything(parties: Parties) -> None:
    """XI-18: published, then signing, then the old one dropped, with a sign-in between each."""
    provider = await parties.provider()
    await parties.accepted(provider)
    fetched = len(parties.upstream.requests("jwks"))

    for step in ("publish", "sign", "drop"):
        parties.upstream.rotate(step)
        await parties.accepted(provider)

    assert len(parties.upstream.requests("jwks")) == fetched + 1


async def test_a_key_that_signs_before_it_is_published_signs_nobody_in_until_it_is(parties: Parties) -> None:
    """XI-18: and afterwards it does."""
    provider, name = await parties.provider(), parties.newcomer()
    await parties.accepted(provider)
    parties.upstream.rotate("sign")
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.come_back(provider.name, username=name)
    parties.upstream.rotate("publish")

    assert_page(answer, 400, ProviderAnswerRefused.public)
    assert (await parties.accepted(provider, name)).username == name


async def test_a_token_of_the_old_key_that_is_still_published_is_accepted(parties: Parties) -> None:
    """XI-18: a sign-in that is on its way while the keys change."""
    provider, name = await parties.provider(), parties.newcomer()
    async with somebody(parties.http, parties.upstream) as person:
        arrival = await person.visit(await person.leave(provider.name), username=name)
        parties.upstream.rotate("publish")

        assert (await person.arrive(arrival)).status_code == 303


async def test_a_flood_of_unknown_keys_does_not_multiply_fetches(parties: Parties) -> None:
    """XI-18: however many bring such tokens at once, the keys are asked for once in a second."""
    provider, name = await parties.provider(), parties.newcomer()
    await parties.accepted(provider)
    async with AsyncExitStack() as browsers:
        persons = [await browsers.enter_async_context(somebody(parties.http, parties.upstream)) for _ in range(20)]
        arrivals = [await person.visit(await person.leave(provider.name), username=name) for person in persons]
        parties.upstream.misbehave(id_token={"key": "unknown"})
        fetched, begun = len(parties.upstream.requests("jwks")), time.monotonic()

        answers = await asyncio.gather(
            *(person.arrive(arrival) for person, arrival in zip(persons, arrivals, strict=True))
        )

    seconds = time.monotonic() - begun
    assert {answer.status_code for answer in answers} == {400}
    assert 1 <= len(parties.upstream.requests("jwks")) - fetched <= math.ceil(seconds) + 1


# --- metadata ---------------------------------------------------------------------------------------------------------


async def test_keys_on_another_host_are_used_over_https(parties: Parties) -> None:
    """XI-17: big providers keep them there."""
    provider = await parties.provider()
    with parties.upstream.browser() as browser:
        published = await asyncio.to_thread(lambda: browser.get(f"{parties.upstream.issuer}/jwks", timeout=10).json())
    parties.upstream.misbehave(
        discovery={"set": {"jwks_uri": f"{parties.upstream.github}/user"}},
        github_user={"json": published, "status": 200},
    )

    await parties.accepted(provider)

    assert len(parties.upstream.requests("github_user")) == 1


@pytest.mark.parametrize("member", ["jwks_uri", "token_endpoint", "authorization_endpoint", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "address", ["http://localhost:{port}/x", "file:///etc/passwd", "javascript:alert(1)", "//localhost/x", "", 17, []],
    ids=repr,
)  # fmt: skip
async def test_an_endpoint_that_is_not_https_is_never_asked(parties: Parties, member: str, address: Any) -> None:
    """XI-17: nor is the browser sent there."""
    provider = await parties.provider()
    parties.upstream.misbehave(discovery={"set": {member: _filled(address, parties)}})
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.here.get(INIT, params={"provider": provider.name})

    assert (answer.status_code, ProviderUnavailable.public in answer.text) == (502, True)
    assert "location" not in answer.headers


async def test_an_endpoint_inside_our_network_is_never_asked(parties: Parties) -> None:
    """XI-16: what the metadata names is judged like what an administrator typed."""
    provider, name = await parties.provider(), parties.newcomer()
    parties.upstream.misbehave(discovery={"set": {"token_endpoint": "https://169.254.169.254/token"}})
    async with somebody(parties.http, parties.upstream) as person:
        with refusals() as logged:
            answer = await person.come_back(provider.name, username=name)

    assert_page(answer, 502, ProviderUnavailable.public)
    assert "169.254.169.254" in logged[-1]["reason"]


async def test_an_authorization_endpoint_that_brings_parameters_of_ours_is_not_used(parties: Parties) -> None:
    """A second ``state`` or ``redirect_uri`` would be read by somebody."""
    provider = await parties.provider()
    address = f"{parties.upstream.issuer}/authorize?redirect_uri=https://evil.example"
    parties.upstream.misbehave(discovery={"set": {"authorization_endpoint": address}})
    async with somebody(parties.http, parties.upstream) as person:
        answer = await person.here.get(INIT, params={"provider": provider.name})

    assert answer.status_code == 502
    parties.upstream.misbehave(
        discovery={"set": {"authorization_endpoint": f"{parties.upstream.issuer}/authorize?tenant=a"}}
    )
    other = await parties.provider()
    async with somebody(parties.http, parties.upstream) as person:
        assert query_of(await person.leave(other.name))["tenant"] == "a"


async def test_an_address_without_a_domain_makes_no_account(parties: Parties) -> None:
    """The control of what is above: not every refusal is the provider's fault."""
    provider, name = await parties.provider(), parties.newcomer()
    parties.upstream.set_account(name, email=None)
    async with somebody(parties.http, parties.upstream) as person:
        assert_page(await person.come_back(provider.name, username=name), 403, ExternalSignInRefused.public)


def _filled(value: Any, parties: Parties) -> Any:
    """Put the names of this run into a value of a table."""
    if isinstance(value, str):
        port = str(parties.upstream.address[1])
        names = {"issuer": parties.upstream.issuer, "client": parties.client.id, "port": port}
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {name: _filled(inner, parties) for name, inner in value.items()}
    return [_filled(inner, parties) for inner in value] if isinstance(value, list) else value
