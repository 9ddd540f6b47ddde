"""Somebody signs in through another provider: what it is asked, and what is believed of its answers.

The provider is a real https server on loopback; what it answers is the test's choice.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from oidc_support import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CODE,
    NONCE,
    NOW,
    REDIRECT_URI,
    SECRET,
    VERIFIER,
    World,
    a_key,
    a_world,
    paths,
    published,
    saying,
)
from paseport_shared.adapters.memory.clock import START
from paseport_shared.domain.errors import ProviderAnswerRefused, ProviderUnavailable
from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.identity_provider import ClaimMapping
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.pkce import challenge_of
from paseport_shared.domain.ports.upstream import UpstreamRequest
from paseport_testkit.harness.certificates import Certificates


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        yield world


async def test_a_code_is_redeemed_and_the_id_token_says_who_signed_in(world: World) -> None:
    world.upstream.claims |= {"sid": "a session there", "auth_time": NOW - 5}

    identity = await world.redeem()

    assert identity == ExternalIdentity(
        namespace=world.upstream.issuer,
        subject="alice at work",
        email="alice@example.com",
        email_claimed_verified=True,
        username="alice",
        name="Alice Example",
        session_id="a session there",
        auth_time=START - timedelta(seconds=5),
    )
    assert list(paths(world.upstream.requests)) == ["/realm/.well-known/openid-configuration", "/token", "/jwks"]
    assert world.upstream.requests[1].form == {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }


# --- where a browser is sent ------------------------------------------------------------------------------------------


async def url_of(world: World, **request: Any) -> dict[str, list[str]]:
    url = await world.providers.authorization_url(world.provider, UpstreamRequest(sign_in=world.sign_in, **request))
    split = urlsplit(url)
    assert f"{split.scheme}://{split.netloc}{split.path}" == f"{world.upstream.base}/authorize"
    return parse_qs(split.query, keep_blank_values=True, strict_parsing=True)


async def test_a_browser_is_sent_with_state_nonce_and_challenge(world: World) -> None:
    """RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1."""
    assert await url_of(world) == {
        "response_type": ["code"],
        "client_id": [CLIENT_ID],
        "redirect_uri": [REDIRECT_URI],
        "scope": ["openid profile email"],
        "state": ["a-state"],
        "nonce": [NONCE],
        "code_challenge": [challenge_of(VERIFIER)],
        "code_challenge_method": ["S256"],
    }


async def test_a_fresh_sign_in_is_asked_for(world: World) -> None:
    world.sign_in = replace(world.sign_in, max_age=0)
    world.register(response_mode=ResponseMode.FORM_POST)

    query = await url_of(world, force_login=True, login_hint="alice&state=x")

    assert query["prompt"] == ["login"]
    assert query["max_age"] == ["0"]
    assert query["response_mode"] == ["form_post"]
    assert query["login_hint"] == ["alice&state=x"]
    assert query["state"] == ["a-state"]


async def test_what_an_endpoint_has_in_its_query_stays(world: World) -> None:
    world.upstream.metadata["authorization_endpoint"] += "?policy=sign-in&empty="

    query = await url_of(world)

    assert query["policy"] == ["sign-in"]
    assert query["empty"] == [""]
    assert query["state"] == ["a-state"]


@pytest.mark.parametrize("name", ["state", "redirect_uri", "nonce", "prompt"])
async def test_an_endpoint_whose_query_has_a_parameter_of_ours_is_not_used(world: World, name: str) -> None:
    """Which of two the provider reads is its secret."""
    world.upstream.metadata["authorization_endpoint"] += f"?{name}=x"

    with pytest.raises(ProviderUnavailable):
        await url_of(world)


async def test_a_provider_without_id_tokens_gets_no_nonce_and_is_not_asked_for_metadata(world: World) -> None:
    world.speak_oauth2(scopes=("read:user",))

    query = await url_of(world)

    assert "nonce" not in query
    assert query["scope"] == ["read:user"]
    assert query["code_challenge"] == [challenge_of(VERIFIER)]
    assert world.upstream.requests == []


async def test_where_a_session_ends_at_the_provider(world: World) -> None:
    """OpenID Connect RP-Initiated Logout §2."""
    after = "https://auth.example.com/signed-out"

    url = await world.providers.end_session_url(world.provider, post_logout_redirect_uri=after, state="s")

    assert url is not None
    assert url.startswith(f"{world.upstream.base}/logout?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "client_id": CLIENT_ID,
        "post_logout_redirect_uri": after,
        "state": "s",
    }


async def test_some_providers_end_no_sessions(world: World) -> None:
    del world.upstream.metadata["end_session_endpoint"]
    assert await world.providers.end_session_url(world.provider, post_logout_redirect_uri="x", state="s") is None

    world.speak_oauth2()
    assert await world.providers.end_session_url(world.provider, post_logout_redirect_uri="x", state="s") is None


# --- whose answer it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("announced", [True, False, None, "true"])
async def test_a_provider_announces_to_name_itself_by_nothing_but_true(world: World, announced: object) -> None:
    world.upstream.metadata["authorization_response_iss_parameter_supported"] = announced

    assert await world.providers.expects_issuer(world.provider) is (announced is True)


async def test_a_provider_without_metadata_announces_nothing(world: World) -> None:
    world.speak_oauth2()

    assert not await world.providers.expects_issuer(world.provider)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_that_names_its_provider_is_accepted(world: World, announced: bool) -> None:
    """RFC 9207 §2.4."""
    world.upstream.metadata["authorization_response_iss_parameter_supported"] = announced

    assert (await world.redeem(issuer=world.upstream.issuer)).subject == "alice at work"


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("suffix", ["/", "x"])
async def test_an_answer_that_names_another_provider_is_refused(world: World, announced: bool, suffix: str) -> None:
    """Mix-up (RFC 9207 §2.4): the code would go to somebody who should not have it."""
    world.upstream.metadata["authorization_response_iss_parameter_supported"] = announced

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem(issuer=world.upstream.issuer + suffix)

    assert world.upstream.asked("/token") == 0


async def test_an_answer_without_a_name_is_refused_where_one_is_announced(world: World) -> None:
    world.upstream.metadata["authorization_response_iss_parameter_supported"] = True

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()

    assert world.upstream.asked("/token") == 0


async def test_an_answer_without_a_name_is_refused_at_the_shared_address(world: World) -> None:
    world.register(shared_callback=True)

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()

    assert world.upstream.asked("/token") == 0


# --- who we are -------------------------------------------------------------------------------------------------------


async def test_id_and_secret_are_sent_as_basic_credentials_encoded_as_in_a_form(world: World) -> None:
    """RFC 6749 §2.3.1: a colon in the id, or a plus in the secret, is no border and no space."""
    world.register(client_id="a: b")
    world.upstream.claims["aud"] = "a: b"

    await world.redeem()

    scheme, _, credentials = world.upstream.requests[1].headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials) == b"a%3A+b:s3cret%3A+%2B%26%25%2F~"
    assert "client_secret" not in world.upstream.requests[1].form


async def test_id_and_secret_are_sent_in_the_form_where_the_provider_wants_that(world: World) -> None:
    world.register(auth_method=ClientAuthMethod.POST)

    await world.redeem()

    assert "authorization" not in world.upstream.requests[1].headers
    assert world.upstream.requests[1].form["client_id"] == CLIENT_ID
    assert world.upstream.requests[1].form["client_secret"] == SECRET.reveal()


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        ("invalid_grant", 400, ProviderAnswerRefused),
        ("invalid_grant", 401, ProviderAnswerRefused),
        ("bad_verification_code", 200, ProviderAnswerRefused),
        ("invalid_client", 401, ProviderUnavailable),
        ("incorrect_client_credentials", 200, ProviderUnavailable),
        ("unauthorized_client", 400, ProviderUnavailable),
        ("invalid_grant", 500, ProviderUnavailable),
        ("server_error", 400, ProviderUnavailable),
    ],
)
async def test_errors_of_the_token_endpoint(world: World, error: str, status: int, expected: type[Exception]) -> None:
    """RFC 6749 §5.2, and what GitHub makes of it."""
    world.upstream.answers["/token"] = saying({"error": error}, status)

    with pytest.raises(expected):
        await world.redeem()


@pytest.mark.parametrize("error", ["a\r\nb\x1b[31m<script>", "x" * 10_000, "invalid_client\u2028ä"])
async def test_what_the_provider_writes_reaches_the_log_escaped_and_short(world: World, error: str) -> None:
    """XI-14."""
    world.upstream.answers["/token"] = saying({"error": error, "error_description": "d" * 10_000}, 400)

    with pytest.raises(ProviderUnavailable) as refused:
        await world.redeem()

    assert refused.value.reason.isascii()
    assert refused.value.reason.isprintable()
    assert len(refused.value.reason) < 300
    assert "ddd" not in refused.value.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": None},
        {"access_token": 5},
        {"access_token": ""},
        {"access_token": "a\r\nHost: b"},
        {"access_token": "ä"},
        {"access_token": "x" * 20_000},
        {"token_type": None},
        {"token_type": "mac"},
        {"id_token": 5},
    ],
)
async def test_an_answer_without_usable_tokens_is_none(world: World, changes: dict[str, Any]) -> None:
    world.upstream.tokens |= changes

    with pytest.raises(ProviderUnavailable):
        await world.redeem()


async def test_an_answer_without_an_id_token_is_refused(world: World) -> None:
    world.upstream.tokens["id_token"] = None

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


@pytest.mark.parametrize("name", ["bearer", "BEARER"])
async def test_the_type_of_a_token_is_compared_without_case(world: World, name: str) -> None:
    """RFC 6749 §5.1."""
    world.upstream.tokens["token_type"] = name

    assert (await world.redeem()).subject == "alice at work"


# --- the userinfo endpoint --------------------------------------------------------------------------------------------


async def test_claims_that_the_id_token_lacks_come_from_userinfo(world: World) -> None:
    for name in ("email", "email_verified", "name"):
        del world.upstream.claims[name]
    world.upstream.user |= {"email": "a@example.com", "email_verified": True, "name": "A", "preferred_username": "b"}

    identity = await world.redeem()

    assert world.upstream.requests[-1].path == "/userinfo"
    assert world.upstream.requests[-1].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert (identity.email, identity.email_claimed_verified, identity.name) == ("a@example.com", True, "A")
    assert identity.username == "alice"


@pytest.mark.parametrize(
    "answer", [{}, {"sub": "mallory"}, {"sub": None}, {"sub": ["alice at work"]}, {"email": "alice@example.com"}]
)
async def test_userinfo_about_somebody_else_is_refused(world: World, answer: dict[str, Any]) -> None:
    """OIDC Core §5.3.2."""
    del world.upstream.claims["name"]
    world.upstream.user = {"email": "mallory@example.com", **answer}

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"email": "alice@example.com", "email_verified": True}, True),
        ({"email": "Alice@example.com", "email_verified": True}, False),
        ({"email": "mallory@example.com", "email_verified": True}, False),
        ({"email_verified": True}, False),
    ],
)
async def test_only_who_states_an_address_says_that_it_is_verified(
    world: World, user: dict[str, Any], expected: bool
) -> None:
    """The address of one document is not vouched for by what another one says of its own."""
    del world.upstream.claims["email_verified"]
    world.upstream.user |= user

    identity = await world.redeem()

    assert (identity.email, identity.email_claimed_verified) == ("alice@example.com", expected)


@pytest.mark.parametrize("media_type", ["application/jwt", "Application/JWT; charset=utf-8"])
async def test_userinfo_in_a_token_is_refused(world: World, media_type: str) -> None:
    del world.upstream.claims["name"]
    world.upstream.answers["/userinfo"] = saying(world.upstream.user, Content_Type=media_type)

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
async def test_userinfo_that_does_not_answer_is_not_gone_without(world: World, status: int) -> None:
    """Somebody would sign in with less than the provider says of them, and lose the roles of their groups."""
    del world.upstream.claims["name"]
    world.upstream.answers["/userinfo"] = saying(world.upstream.user, status)

    with pytest.raises(ProviderUnavailable):
        await world.redeem()


async def test_a_provider_without_userinfo_is_not_asked_for_it(world: World) -> None:
    del world.upstream.claims["name"]
    del world.upstream.metadata["userinfo_endpoint"]

    assert (await world.redeem()).name is None


# --- providers without ID tokens --------------------------------------------------------------------------------------

GITHUB = ClaimMapping(subject=("id",), username="login")


async def test_whom_an_access_token_is_about_the_user_endpoint_says(world: World) -> None:
    world.speak_oauth2(claims=GITHUB)
    world.upstream.user = {"id": 583231, "login": "octocat", "email": "cat@example.com", "email_verified": True}

    identity = await world.redeem()

    assert identity == ExternalIdentity(
        namespace=f"oauth2:{world.upstream.base}/userinfo",
        subject="583231",
        email="cat@example.com",
        email_claimed_verified=True,
        username="octocat",
    )
    assert list(paths(world.upstream.requests)) == ["/token", "/userinfo"]
    assert world.upstream.requests[1].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert {request.headers["accept"] for request in world.upstream.requests} == {"application/json"}


@pytest.mark.parametrize(
    ("listed", "email", "verified"),
    [
        ([{"email": "b@example.com", "primary": False, "verified": True}], None, False),
        ([{"email": "b@example.com", "primary": True, "verified": True}], "b@example.com", True),
        ([{"email": "b@example.com", "primary": True, "verified": False}], "b@example.com", False),
        ([{"email": "b@example.com", "primary": True, "verified": "true"}], "b@example.com", False),
        ([{"email": "b@example.com", "primary": "true", "verified": True}], None, False),
        ([{"email": " b@example.com", "primary": True, "verified": True}], None, False),
        ([{"email": f"{name}@example.com", "primary": True, "verified": True} for name in "bc"], None, False),
        (["b@example.com", None, {}, {"primary": True}], None, False),
        ([], None, False),
    ],
)
async def test_the_primary_address_is_the_only_one_that_counts(
    world: World, listed: list[Any], email: str | None, verified: bool
) -> None:
    """The public address of a GitHub account is whichever its owner wants to show."""
    world.speak_oauth2(claims=GITHUB, emails=True)
    world.upstream.user = {"id": 1, "login": "octocat", "email": "public@example.com", "email_verified": True}
    world.upstream.answers["/emails"] = saying(listed)

    identity = await world.redeem()

    assert (identity.email, identity.email_claimed_verified) == (email, verified)


@pytest.mark.parametrize("answer", [{"email": "a@example.com"}, b"[", "text"])
async def test_addresses_that_are_no_list_are_no_answer(world: World, answer: object) -> None:
    world.speak_oauth2(claims=GITHUB, emails=True)
    world.upstream.user = {"id": 1}
    world.upstream.answers["/emails"] = saying(answer)

    with pytest.raises(ProviderUnavailable):
        await world.redeem()


@pytest.mark.parametrize("subject", [None, True, 1.0, 1.5, [], {}, ["a"], "", "x" * 256, "a\nb", "a\u200bb"])
async def test_nobody_is_known_by_what_is_no_name(world: World, subject: object) -> None:
    world.speak_oauth2(claims=GITHUB)
    world.upstream.user = {"id": subject, "login": "octocat"}

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


async def test_a_provider_that_cannot_say_when_it_asked_for_a_credential_proves_no_fresh_sign_in(world: World) -> None:
    world.speak_oauth2(claims=GITHUB)
    world.upstream.user = {"id": 1}
    world.sign_in = replace(world.sign_in, max_age=300)

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()

    assert world.upstream.requests == []


async def test_every_algorithm_that_is_accepted_works(world: World) -> None:
    algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
    world.upstream.metadata["id_token_signing_alg_values_supported"] = algorithms
    keys = {algorithm: a_key(1, algorithm) for algorithm in algorithms}
    world.upstream.keys = [published(key, algorithm) for algorithm, key in keys.items()]
    for algorithm, key in keys.items():
        world.upstream.signing_key = key
        world.upstream.header = {"alg": algorithm, "kid": algorithm}
        digest = hashlib.new(
            "sha512" if algorithm == "EdDSA" else f"sha{algorithm[2:]}", ACCESS_TOKEN.encode()
        ).digest()
        half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
        world.upstream.claims["at_hash"] = half

        assert (await world.redeem()).subject == "alice at work", algorithm

        world.upstream.claims["at_hash"] = half[::-1]
        with pytest.raises(ProviderAnswerRefused):
            await world.redeem()
    assert world.upstream.asked("/jwks") == 1


async def test_a_provider_that_is_registered_anew_elsewhere_is_asked_there(world: World) -> None:
    await world.redeem()
    world.upstream.metadata["issuer"] = f"{world.upstream.base}/other"
    world.upstream.answers["/other/.well-known/openid-configuration"] = saying(world.upstream.metadata)
    world.upstream.claims["iss"] = f"{world.upstream.base}/other"
    world.register(issuer=f"{world.upstream.base}/other")

    assert (await world.redeem()).namespace == f"{world.upstream.base}/other"
