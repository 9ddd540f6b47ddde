"""A provider changes its keys when it likes, and anybody can name a key that it never had. XI-18; RFC 7517."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey
from oidc_support import Gate, World, a_key, a_world, logout_claims, published, saying, signed
from paseport_shared.adapters.oidc.keys import MAX_KEYS, SIGN_IN_PAUSE_SECONDS, STRANGER_PAUSE_SECONDS, read_keys
from paseport_shared.domain.errors import ProviderAnswerRefused, ProviderUnavailable
from paseport_testkit.harness.certificates import Certificates

pytestmark = pytest.mark.each_event_loop

CROWD = 20


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with a_world(certificates) as world:
        yield world


# --- rotation ---------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_published_before_it_signs_is_there_when_it_does(world: World) -> None:
    world.upstream.keys.append(published(a_key(2), "2"))
    await world.redeem()

    world.upstream.rotate(2, published_too=False)
    await world.redeem()

    assert world.upstream.asked("/jwks") == 1


async def test_a_key_that_is_published_when_it_begins_to_sign_is_fetched_once(world: World) -> None:
    await world.redeem()
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)

    world.upstream.rotate(2, published_too=True)
    await world.redeem()
    await world.redeem()

    assert world.upstream.asked("/jwks") == 2


async def test_a_key_that_changes_between_two_looks_at_the_set_is_waited_for(world: World) -> None:
    """The set was fetched a moment ago, for a sign-in whose key was still the old one."""
    await world.redeem()

    world.upstream.rotate(2, published_too=True)

    assert (await world.redeem()).subject == "alice at work"
    assert world.upstream.asked("/jwks") == 2


async def test_a_key_that_changes_while_the_set_is_fetched_is_fetched_again(world: World) -> None:
    """What is under way was answered before: nothing but another fetch can have the key."""
    old = saying({"keys": world.upstream.keys})
    gate, tokens = Gate(), Gate()
    tokens.opened.set()
    world.upstream.answers["/token"] = tokens.before(world.upstream.answers["/token"])
    honest = world.upstream.answers["/jwks"]
    world.upstream.answers["/jwks"] = gate.before(old)
    first = asyncio.create_task(world.redeem())
    await gate.wait_for(1)
    world.upstream.answers["/jwks"] = honest
    world.upstream.rotate(2, published_too=True)
    second = asyncio.create_task(world.redeem())
    await tokens.wait_for(2)

    gate.opened.set()

    assert (await first).subject == (await second).subject == "alice at work"
    assert world.upstream.asked("/jwks") == 2


async def test_a_provider_whose_keys_have_no_names_may_change_its_only_one(world: World) -> None:
    world.upstream.header = {"alg": "RS256"}
    world.upstream.keys = [published(a_key(), kid=None)]
    await world.redeem()
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)

    world.upstream.signing_key = a_key(2)
    world.upstream.keys = [published(a_key(2), kid=None)]

    assert (await world.redeem()).subject == "alice at work"
    assert world.upstream.asked("/jwks") == 2


async def test_a_token_that_names_no_key_is_checked_with_the_only_one_that_fits(world: World) -> None:
    world.upstream.header = {"alg": "RS256"}
    world.upstream.keys.append(published(a_key(1, "ES256"), "2"))

    assert (await world.redeem()).subject == "alice at work"


async def test_a_token_that_names_no_key_is_refused_where_two_fit(world: World) -> None:
    world.upstream.header = {"alg": "RS256"}
    world.upstream.keys.append(published(a_key(2), "2"))

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


async def test_two_keys_of_one_name_are_told_apart_by_what_they_can_do(world: World) -> None:
    """RFC 7517 §4.5."""
    world.upstream.keys.append(published(a_key(1, "ES256"), "1"))
    assert (await world.redeem()).subject == "alice at work"


async def test_two_keys_of_one_name_that_can_do_the_same_are_none(world: World) -> None:
    world.upstream.keys.append(published(a_key(2), "1"))

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()


async def test_a_wrong_signature_of_a_known_key_fetches_nothing(world: World) -> None:
    await world.redeem()
    world.clock.advance(60)
    world.upstream.signing_key = a_key(2)

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()

    assert world.upstream.asked("/jwks") == 1


# --- floods -----------------------------------------------------------------------------------------------------------


async def test_many_sign_ins_with_a_new_key_fetch_it_once(world: World) -> None:
    await world.redeem()
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)
    world.upstream.rotate(2, published_too=True)

    await asyncio.gather(*(world.redeem() for _ in range(CROWD)))

    assert world.upstream.asked("/jwks") == 2


async def test_many_sign_ins_with_a_key_that_nobody_knows_fetch_one_set_a_second(world: World) -> None:
    await world.redeem()
    world.upstream.rotate(2, published_too=False)
    began = asyncio.get_running_loop().time()

    outcomes = await asyncio.gather(*(world.redeem() for _ in range(CROWD)), return_exceptions=True)

    seconds = asyncio.get_running_loop().time() - began
    assert {type(outcome) for outcome in outcomes} == {ProviderAnswerRefused}
    assert world.upstream.asked("/jwks") <= 2 + seconds / SIGN_IN_PAUSE_SECONDS


async def log_out(world: World, kid: str, number: int = 2) -> None:
    """Send a logout token, as anybody can."""
    token = signed(logout_claims(world.upstream.issuer), a_key(number), {"alg": "RS256", "kid": kid})
    await world.providers.read_logout_token(world.provider, token)


async def test_strangers_make_us_fetch_a_set_twice_a_minute_at_most(world: World) -> None:
    await world.redeem()
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)
    for number in range(CROWD):
        with pytest.raises(ProviderAnswerRefused):
            await log_out(world, f"unknown {number}")
    assert world.upstream.asked("/jwks") == 2

    world.clock.advance(STRANGER_PAUSE_SECONDS)
    for number in range(CROWD):
        with pytest.raises(ProviderAnswerRefused):
            await log_out(world, f"unknown {number}")
    assert world.upstream.asked("/jwks") == 3


async def test_strangers_do_not_keep_anybody_from_signing_in_with_a_new_key(world: World) -> None:
    await world.redeem()
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)
    with pytest.raises(ProviderAnswerRefused):
        await log_out(world, "unknown")
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)
    world.upstream.rotate(2, published_too=True)

    assert (await world.redeem()).subject == "alice at work"


async def test_a_stranger_waits_for_a_set_that_is_being_fetched(world: World) -> None:
    await world.redeem()
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)
    with pytest.raises(ProviderAnswerRefused):
        await log_out(world, "unknown")
    world.clock.advance(SIGN_IN_PAUSE_SECONDS)
    world.upstream.rotate(2, published_too=True)
    gate = Gate()
    world.upstream.answers["/jwks"] = gate.before(world.upstream.answers["/jwks"])
    signing_in = asyncio.create_task(world.redeem())
    await gate.wait_for(1)

    logging_out = asyncio.create_task(log_out(world, "2"))
    await asyncio.sleep(0)
    gate.opened.set()

    await asyncio.gather(signing_in, logging_out)
    assert world.upstream.asked("/jwks") == 3


async def test_strangers_ask_a_provider_that_is_down_twice_a_minute_at_most(world: World) -> None:
    """What is not known has to be asked for, but not for each of them."""
    world.upstream.answers["/realm/.well-known/openid-configuration"] = saying({}, 503)
    for _ in range(CROWD):
        with pytest.raises(ProviderUnavailable):
            await log_out(world, "1", 1)

    assert len(world.upstream.requests) == 1


async def test_where_the_keys_cannot_be_had_nobody_is_refused_for_it(world: World) -> None:
    world.upstream.answers["/jwks"] = saying({}, 503)

    with pytest.raises(ProviderUnavailable):
        await world.redeem()


async def test_old_keys_are_used_while_no_newer_ones_can_be_had(world: World) -> None:
    await world.redeem()
    world.upstream.answers["/jwks"] = saying({}, 503)
    world.clock.advance(3601)
    world.upstream.claims |= {"iat": int(world.clock.now().timestamp()), "exp": int(world.clock.now().timestamp()) + 60}

    assert (await world.redeem()).subject == "alice at work"
    assert world.upstream.asked("/jwks") == 2


# --- which keys can be used -------------------------------------------------------------------------------------------

UNUSABLE: dict[str, Any] = {
    "no object": "key",
    "nothing": {},
    "an unknown type": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
    "a type that is no text": published(a_key()) | {"kty": ["RSA"]},
    "a secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "1"},
    "a curve of currencies": {"kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"},
    "a curve for agreement": published(OKPKey.generate_key("X25519")),
    "another Edwards curve": published(OKPKey.generate_key("Ed448")),
    "a curve that is no text": published(a_key(1, "ES256")) | {"crv": 1},
    "a point that is on no curve": published(a_key(1, "ES256")) | {"x": "AAAA"},
    "for encryption": published(a_key(), use="enc"),
    "a use that is no text": published(a_key(), use=["sig"]),
    "for encryption by its operations": published(a_key(), key_ops=["encrypt"]),
    "operations that are no list": published(a_key(), key_ops="verify"),
    "for encryption by its algorithm": published(a_key(), alg="RSA-OAEP"),
    "an algorithm of another type": published(a_key(), alg="ES256"),
    "a secret's algorithm": published(a_key(), alg="HS256"),
    "an algorithm that is no text": published(a_key(), alg=["RS256"]),
    "a private RSA key": {**a_key().as_dict(private=True), "kid": "1"},
    "a private EC key": {**a_key(1, "ES256").as_dict(private=True), "kid": "1"},
    "a private Edwards key": {**a_key(1, "EdDSA").as_dict(private=True), "kid": "1"},
    "a kid that is no text": published(a_key()) | {"kid": 1},
    "too small": {"kty": "RSA", "e": "AQAB", "n": "_" * 170},
    "too large": {"kty": "RSA", "e": "AQAB", "n": "_w" + "_" * 1400},
    "an exponent without end": published(a_key()) | {"e": "AQAB" * 10},
    "an exponent of one": published(a_key()) | {"e": "AQ"},
    "no exponent": {name: value for name, value in published(a_key()).items() if name != "e"},
    "a modulus that is no text": published(a_key()) | {"n": 5},
    "a modulus that is not base64url": published(a_key()) | {"n": "ä"},
}


@pytest.mark.parametrize("what", UNUSABLE)
async def test_a_key_that_cannot_be_used_is_passed_over(world: World, what: str) -> None:
    world.upstream.keys = [UNUSABLE[what], *world.upstream.keys]

    assert (await world.redeem()).subject == "alice at work"
    assert len(read_keys({"keys": world.upstream.keys})) == 1


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (published(a_key()), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (published(a_key(), alg="PS384"), {"PS384"}),
        (published(a_key(), use="sig", key_ops=["verify"], x5c=["AAAA"]), {"RS256", "RS384", "RS512"}),
        (published(ECKey.generate_key("P-256")), {"ES256"}),
        (published(ECKey.generate_key("P-384")), {"ES384"}),
        (published(ECKey.generate_key("P-521")), {"ES512"}),
        (published(OKPKey.generate_key("Ed25519")), {"EdDSA"}),
    ],
)
def test_a_key_fits_the_algorithms_of_its_type_and_no_other(key: dict[str, Any], algorithms: set[str]) -> None:
    (usable,) = read_keys({"keys": [key]})

    assert usable.algorithms >= algorithms
    assert "alg" not in key or usable.algorithms == algorithms
    assert len({algorithm[:2] for algorithm in usable.algorithms} - {"RS", "PS"}) == (key["kty"] != "RSA")


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_what_is_no_key_set_is_no_answer(document: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        read_keys(document)


def test_a_set_has_an_end() -> None:
    assert len(read_keys({"keys": [published(a_key())] * (MAX_KEYS + 1)})) == MAX_KEYS


async def test_a_secret_that_a_set_has_signs_nothing(world: World) -> None:
    """Whoever reads the set could sign with it."""
    secret = OctKey.import_key("s3cret" * 8)
    world.upstream.keys = [{**secret.as_dict(private=True), "kid": "1", "alg": "HS256"}]
    world.upstream.metadata["id_token_signing_alg_values_supported"] = ["RS256", "HS256"]
    world.upstream.signing_key, world.upstream.header = secret, {"alg": "HS256", "kid": "1"}

    with pytest.raises(ProviderAnswerRefused):
        await world.redeem()
