"""An ID token is believed only where everything in it is right. XI-05, XI-06; OpenID Connect Core §3.1.3.7."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey
from oidc_support import (
    ABSENT,
    ACCESS_TOKEN,
    CLIENT_ID,
    NONCE,
    NOW,
    World,
    a_key,
    a_sign_in,
    a_world,
    published,
    signed,
    signed_bytes,
)
from paseport import base64url
from paseport_shared.adapters.memory.clock import START
from paseport_shared.adapters.oidc import id_token
from paseport_shared.adapters.oidc.id_token import check_id_token
from paseport_shared.adapters.oidc.keys import read_keys
from paseport_shared.adapters.oidc.signed_token import is_signed_by, parse_token
from paseport_shared.domain.errors import ProviderAnswerRefused
from paseport_testkit.harness.certificates import Certificates

HEADER = {"alg": "RS256", "kid": "1", "typ": "JWT"}
HASH = base64.urlsafe_b64encode(hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16]).decode().rstrip("=")
CLAIMS: dict[str, Any] = {
    "iss": "https://idp.example.com",
    "sub": "alice at work",
    "aud": CLIENT_ID,
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": NONCE,
}


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        yield world


# --- claims, each signed by the provider's own key --------------------------------------------------------------------


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (CLAIMS | changes).items() if value is not ABSENT}


def check(claims: dict[str, Any], *, algorithm: str = "RS256", max_age: int | None = None) -> None:
    check_id_token(
        claims,
        algorithm=algorithm,
        issuer=CLAIMS["iss"],
        client_id=CLIENT_ID,
        sign_in=a_sign_in(max_age=max_age),
        access_token=ACCESS_TOKEN,
        now=START,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ABSENT},
        {"iss": None},
        {"iss": ""},
        {"iss": "https://idp.example.com/"},
        {"iss": "https://IDP.example.com"},
        {"iss": ["https://idp.example.com"]},
        {"aud": ABSENT},
        {"aud": None},
        {"aud": ""},
        {"aud": []},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"aud": [CLIENT_ID, "another client"]},
        {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
        {"aud": [CLIENT_ID, "another client"], "azp": ""},
        {"aud": [CLIENT_ID, 5], "azp": CLIENT_ID},
        {"aud": {CLIENT_ID: True}},
        {"aud": 5},
        {"azp": "another client"},
        {"azp": ""},
        {"azp": None},
        {"azp": 0},
        {"azp": [CLIENT_ID]},
        {"exp": ABSENT},
        {"exp": None},
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"exp": NOW - 60},
        {"exp": 0},
        {"exp": -1},
        {"exp": float("nan")},
        {"iat": ABSENT},
        {"iat": None},
        {"iat": str(NOW)},
        {"iat": True},
        {"iat": NOW + 61},
        {"iat": NOW - 15 * 60 - 1},
        {"iat": 0},
        {"iat": float("nan")},
        {"nbf": NOW + 61},
        {"nbf": str(NOW)},
        {"nbf": True},
        {"nonce": ABSENT},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": NONCE + "x"},
        {"nonce": [NONCE]},
        {"sub": ABSENT},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": ["alice at work"]},
        {"sub": "x" * 256},
        {"sub": "alice\nat work"},
        {"auth_time": "now"},
        {"auth_time": True},
        {"auth_time": None},
        {"auth_time": NOW + 61},
        {"auth_time": -1},
        {"auth_time": 10**15},
        {"at_hash": None},
        {"at_hash": ""},
        {"at_hash": 5},
        {"at_hash": [HASH]},
        {"at_hash": HASH + "="},
        {"at_hash": HASH[:-1]},
        {"at_hash": base64.urlsafe_b64encode(hashlib.sha256(ACCESS_TOKEN.encode()).digest()).decode()},
        {"sid": ""},
        {"sid": 5},
        {"sid": None},
        {"sid": "x" * 256},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerRefused):
        check(changed(changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID], "azp": CLIENT_ID},
        {"aud": [CLIENT_ID, "another client"], "azp": CLIENT_ID},
        {"exp": NOW - 59},
        {"exp": NOW + 300.5},
        {"iat": NOW + 60},
        {"iat": NOW - 15 * 60},
        {"nbf": NOW + 60},
        {"auth_time": NOW + 60},
        {"auth_time": NOW - 10**6},
        {"at_hash": HASH},
        {"sub": "x" * 255},
        {"sid": "a session"},
        {"amr": ["pwd"], "acr": "1", "unknown": {"claim": [1]}},
    ],
    ids=str,
)
def test_what_is_right_is_accepted(changes: dict[str, Any]) -> None:
    check(changed(changes))


@pytest.mark.parametrize(
    ("max_age", "auth_time", "accepted"),
    [
        (300, ABSENT, False),
        (0, ABSENT, False),
        (300, None, False),
        (300, 0, False),
        (300, NOW - 360, True),
        (300, NOW - 361, False),
        (0, NOW - 60, True),
        (0, NOW - 61, False),
        (0, True, False),
    ],
)
def test_a_fresh_sign_in_has_to_be_proved(max_age: int, auth_time: object, accepted: bool) -> None:
    """OIDC Core §3.1.2.1: with ``max_age`` the token says when a credential was asked for. Also with 0."""
    claims = changed({"auth_time": auth_time})
    if accepted:
        check(claims, max_age=max_age)
        return
    with pytest.raises(ProviderAnswerRefused):
        check(claims, max_age=max_age)


@pytest.mark.parametrize("algorithm", ["ES256K", "Ed25519", "XY999", "a"])
def test_a_hash_that_cannot_be_computed_is_no_right_one(algorithm: str) -> None:
    """XI-06: an unknown algorithm is not a reason to look away."""
    check(changed({}), algorithm=algorithm)

    with pytest.raises(ProviderAnswerRefused):
        check(changed({"at_hash": HASH}), algorithm=algorithm)


# --- signatures and headers -------------------------------------------------------------------------------------------

Forgery = Callable[[World], str]


def with_header(**changes: Any) -> Forgery:
    return lambda world: signed(world.upstream.claims, a_key(), HEADER | changes)


def with_public_key_as_secret(world: World) -> str:
    """The key confusion attack: a public key is no secret, but some libraries take it for one."""
    pem = a_key().as_pem(private=False)  # type: ignore[union-attr] - an RSA key
    header, payload = (base64url.encode(json.dumps(part).encode()) for part in (HEADER | {"alg": "HS256"}, CLAIMS))
    body = f"{header}.{payload}"
    return f"{body}.{base64url.encode(hmac.digest(pem, body.encode(), 'sha256'))}"


def with_twin_claims(world: World) -> str:
    payload = json.dumps(world.upstream.claims).encode()
    twin = payload.replace(b'{"iss"', b'{"sub": "mallory", "iss"')
    return signed_bytes(json.dumps(HEADER).encode(), twin, a_key(), "RS256")


def with_text(change: Callable[[str], str]) -> Forgery:
    return lambda world: change(world.upstream.id_token())


FORGERIES: dict[str, Forgery] = {
    "no signature at all": with_header(alg="none"),
    "none, in other letters": lambda world: signed_bytes(
        b'{"alg":"NONE"}', json.dumps(world.upstream.claims).encode(), a_key(), "none"
    ),
    "a secret": lambda world: signed(
        world.upstream.claims, OctKey.import_key("s3cret" * 8), {"alg": "HS256", "kid": "1"}
    ),
    "the public key as a secret": with_public_key_as_secret,
    "an algorithm that is not announced": with_header(alg="RS512"),
    "another padding": with_header(alg="PS256"),
    "an algorithm that is no text": lambda world: signed_bytes(
        b'{"alg":["RS256"],"kid":"1"}', json.dumps(world.upstream.claims).encode(), a_key(), "RS256"
    ),
    "no algorithm": lambda world: signed_bytes(
        b'{"kid":"1"}', json.dumps(world.upstream.claims).encode(), a_key(), "RS256"
    ),
    "two algorithms": lambda world: signed_bytes(
        b'{"alg":"none","alg":"RS256","kid":"1"}', json.dumps(world.upstream.claims).encode(), a_key(), "RS256"
    ),
    "another key": lambda world: signed(world.upstream.claims, a_key(2), HEADER),
    "a key that it brings along": lambda world: signed(
        world.upstream.claims, a_key(2), HEADER | {"jwk": published(a_key(2))}
    ),
    "a key that it points at": lambda world: signed(
        world.upstream.claims, a_key(2), HEADER | {"jku": f"{world.upstream.base}/evil", "kid": "2"}
    ),
    "a critical parameter": with_header(crit=["exp"], exp=1),
    "an empty list of critical parameters": with_header(crit=[]),
    "a payload that is not encoded": with_header(b64=False),
    "a kid that is no text": with_header(kid=1),
    "a kid without end": with_header(kid="x" * 10_000),
    "a logout token": with_header(typ="logout+jwt"),
    "an access token": with_header(typ="at+jwt"),
    "a type that is no text": with_header(typ=["JWT"]),
    "claims twice": with_twin_claims,
    "claims that are no object": lambda _: signed(b'["iss"]', a_key(), HEADER),
    "claims that are no JSON": lambda _: signed(b"iss", a_key(), HEADER),
    "claims nested without end": lambda _: signed(b'{"a":' * 20_000, a_key(), HEADER),
    "padding": with_text(lambda token: token + "="),
    "a stray bit at the end": with_text(lambda token: token[:-1] + chr(ord(token[-1]) + 1)),
    "two segments": with_text(lambda token: token.rpartition(".")[0]),
    "four segments": with_text(lambda token: token + ".x"),
    "no text at all": with_text(lambda _: ""),
    "a line break": with_text(lambda token: token + "\n"),
    "more than anybody needs": with_text(lambda token: token + "A" * id_token.MAX_BYTES),
    "something that is not ASCII": with_text(lambda token: token + "ä"),
    "encrypted": with_text(lambda token: f"{token}.x.y"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused(world: World, forgery: str) -> None:
    """XI-05; RFC 8725 §3.1, §3.2, §3.10, §3.11. The server at hand would answer for any key that is pointed at."""
    token = FORGERIES[forgery](world)
    world.upstream.tokens["id_token"] = token

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()

    assert world.upstream.asked("/evil") == 0


@pytest.mark.parametrize("header", [{"x5c": ["AAAA"]}, {"jwk": published(a_key(2))}, {"x5t#S256": "x"}, {"unknown": 1}])
async def test_what_a_header_says_besides_changes_nothing(world: World, header: dict[str, Any]) -> None:
    world.upstream.header |= header

    assert (await world.redeem()).subject == "alice at work"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "application/JWT"])
async def test_types_are_media_types(world: World, kind: str) -> None:
    """RFC 7515 §4.1.9."""
    world.upstream.header["typ"] = kind

    assert (await world.redeem()).subject == "alice at work"


async def test_a_token_of_another_sign_in_is_refused(world: World) -> None:
    """XI-04: a code that somebody else brought here carries their nonce."""
    world.sign_in = replace(world.sign_in, nonce="another")

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


async def test_a_token_ages(world: World) -> None:
    world.clock.advance(timedelta(seconds=359))
    assert (await world.redeem()).subject == "alice at work"

    world.clock.advance(timedelta(seconds=1))
    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


# --- any change whatever ----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
GOOD = signed(CLAIMS, a_key(), HEADER)
KEY = read_keys({"keys": [published(a_key())]})[0].key


def is_believed(token: str) -> bool:
    """What the adapter does with a token, without a provider around it."""
    try:
        parsed = parse_token(token, {"RS256"}, id_token.TYPES, max_bytes=id_token.MAX_BYTES)
        if not is_signed_by(parsed, KEY):
            return False
        check(parsed.read_claims(), algorithm=parsed.algorithm)
    except ProviderAnswerRefused:
        return False
    return True


def test_the_token_that_is_changed_below_is_a_good_one() -> None:
    assert is_believed(GOOD)


@given(st.dictionaries(st.sampled_from([*CLAIMS, "azp", "at_hash", "email", "x"]), JSON, min_size=1, max_size=3))
@settings(max_examples=300)
def test_no_claim_can_be_changed_after_the_signature(changes: dict[str, Any]) -> None:
    header, payload, signature = GOOD.split(".")
    altered = base64url.encode(json.dumps(CLAIMS | changes).encode())

    assert is_believed(f"{header}.{altered}.{signature}") == (altered == payload)


@given(st.dictionaries(st.sampled_from([*HEADER, "jwk", "crit", "x"]), JSON, min_size=1, max_size=3))
@settings(max_examples=300)
def test_no_header_can_be_changed_after_the_signature(changes: dict[str, Any]) -> None:
    header, payload, signature = GOOD.split(".")
    altered = base64url.encode(json.dumps(HEADER | changes).encode())

    assert is_believed(f"{altered}.{payload}.{signature}") == (altered == header)


@given(st.integers(0, len(GOOD) - 1), st.characters(max_codepoint=0x2FF))
@settings(max_examples=500)
def test_no_character_can_be_changed(position: int, character: str) -> None:
    altered = GOOD[:position] + character + GOOD[position + 1 :]

    assert is_believed(altered) == (altered == GOOD)


@given(st.sampled_from(["iss", "aud", "nonce"]), JSON)
@settings(max_examples=300)
def test_whoever_signs_something_else_about_the_sign_in_is_not_believed(name: str, value: object) -> None:
    """Also with the provider's own key: it may sign for others, and for other sign-ins."""
    accepted = CLAIMS[name] if name != "aud" else [CLIENT_ID]
    token = signed(CLAIMS | {name: value}, a_key(), HEADER)

    assert is_believed(token) == (value in (CLAIMS[name], accepted))


@given(st.text(max_size=200) | st.binary(max_size=200).map(base64url.encode))
def test_junk_is_refused_and_breaks_nothing(junk: str) -> None:
    assert not is_believed(junk)
    assert not is_believed(f"{junk}.{junk}.{junk}")
