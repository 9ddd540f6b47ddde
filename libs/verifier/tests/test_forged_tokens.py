"""Whatever somebody without the signing key presents is refused (abuse cases TK-02 to TK-13, TK-24, TK-26)."""

import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import (
    AuthError,
    Claims,
    InvalidToken,
    PublishedKey,
    StaticKeySet,
    Unavailable,
    base64url,
)
from paseport.claims_json import encode_claims
from paseport.grammar import MAX_TOKEN_BYTES, parse_token
from paseport.paserk import public_key_id
from paseport.token_cache import TokenCache
from paseport.token_verifier import TokenVerifier
from paseport.v4_public import assemble, footer_for, signing_input
from paseport_shared.adapters.memory.clock import ManualClock

ISSUER = "https://auth.example.com"
AUDIENCE = "https://auth.example.com/api"


class WatchedKeySet:
    """A key set that remembers for which `kid` it was asked."""

    def __init__(self, keys: StaticKeySet) -> None:
        self._keys = keys
        self.asked: list[str] = []

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        self.asked.append(kid)
        return await self._keys.get(kid, now)

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        self.asked.append(kid)
        return self._keys.known(kid, now)


@pytest.fixture
def watched_keys(published_key: PublishedKey) -> WatchedKeySet:
    return WatchedKeySet(StaticKeySet([published_key]))


@pytest.fixture
def watched_verifier(watched_keys: WatchedKeySet, now: datetime) -> TokenVerifier:
    return TokenVerifier(
        watched_keys,
        issuer=ISSUER,
        audience=AUDIENCE,
        max_lifetime=timedelta(hours=1),
        cache=TokenCache(),
        clock=ManualClock(now),
    )


async def test_the_issuers_token_is_accepted_and_its_claims_returned(
    verifier: TokenVerifier, valid_token: str, user_claims: Claims
) -> None:
    assert await verifier.verify(valid_token) == user_claims


async def test_one_flipped_bit_anywhere_in_payload_signature_or_footer_is_refused(
    verifier: TokenVerifier, valid_token: str
) -> None:
    """TK-02: every bit of the decoded token, re-spelled canonically so that the gate cannot help."""
    parsed = parse_token(valid_token)
    whole = parsed.message + parsed.signature + parsed.footer
    footer_starts = len(parsed.message) + len(parsed.signature)

    for position in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[position // 8] ^= 1 << position % 8
        payload, footer = bytes(flipped[:footer_starts]), bytes(flipped[footer_starts:])
        forged = f"v4.public.{base64url.encode(payload)}.{base64url.encode(footer)}"
        with pytest.raises(InvalidToken):
            await verifier.verify(forged)


@pytest.mark.parametrize(
    "header",
    [
        "v1.public.",
        "v2.public.",
        "v3.public.",
        "v5.public.",
        "v4.local.",
        "v4.secret.",
        "V4.public.",
        "v4.Public.",
        " v4.public.",
        "v4..public.",
        "v4.",
        "",
    ],
)
async def test_a_foreign_header_is_refused_and_no_key_is_looked_up(
    watched_verifier: TokenVerifier, watched_keys: WatchedKeySet, valid_token: str, header: str
) -> None:
    """TK-03: no algorithm confusion, because a foreign header never reaches a key."""
    forged = header + valid_token.removeprefix("v4.public.")

    with pytest.raises(InvalidToken):
        await watched_verifier.verify(forged)

    assert watched_keys.asked == []


async def test_a_token_signed_by_another_key_under_our_kid_is_refused(
    verifier: TokenVerifier, published_key: PublishedKey, user_claims: Claims
) -> None:
    """TK-03."""
    footer = footer_for(published_key.kid)
    message = encode_claims(user_claims)
    signature = Ed25519PrivateKey.generate().sign(signing_input(message, footer))

    with pytest.raises(InvalidToken) as refused:
        await verifier.verify(assemble(message, signature, footer))

    assert refused.value.reason == "signature does not verify"


async def test_a_token_signed_by_another_key_under_its_own_kid_is_refused(
    verifier: TokenVerifier, user_claims: Claims
) -> None:
    """TK-03: naming a key does not make it one of the issuer's."""
    attackers_key = Ed25519PrivateKey.generate()
    footer = footer_for(public_key_id(attackers_key.public_key().public_bytes_raw()))
    message = encode_claims(user_claims)
    signature = attackers_key.sign(signing_input(message, footer))

    with pytest.raises(InvalidToken) as refused:
        await verifier.verify(assemble(message, signature, footer))

    assert refused.value.reason == "unknown kid"


@pytest.mark.parametrize(
    "credential",
    [
        "prt_4fJ0cW2vQ9sZ1xYb7uTgKd_12_9aXkQ0pLmN3rS5tV7wY9zB1cD3eF5gH7jK9mN1pQ3_2Kd9fA",
        "ppk_A1b2C3d4E5f6G7h8_0123456789abcdefghijABCDEFGHIJ0123456789abc_1a2B3c",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "SplxlOBeZQQYbYS6WxSbIA",
        "Bearer v4.public.AA.AA",
        "null",
        "",
    ],
)
async def test_another_credential_presented_as_access_token_is_refused(
    verifier: TokenVerifier, credential: str
) -> None:
    """TK-04: refresh token, API key, unsigned and signed JWT, authorization code."""
    with pytest.raises(InvalidToken):
        await verifier.verify(credential)


async def test_the_right_key_with_another_implicit_assertion_is_refused(
    verifier: TokenVerifier,
    signing_key: Ed25519PrivateKey,
    published_key: PublishedKey,
    user_claims: Claims,
) -> None:
    """TK-05: what the issuer signs for another purpose is not an access token."""
    footer = footer_for(published_key.kid)
    message = encode_claims(user_claims)
    signature = signing_key.sign(signing_input(message, footer, b"another purpose"))

    with pytest.raises(InvalidToken) as refused:
        await verifier.verify(assemble(message, signature, footer))

    assert refused.value.reason == "signature does not verify"


def test_an_oversized_token_is_refused_in_less_than_a_millisecond_without_being_decoded(
    valid_token: str,
) -> None:
    """TK-10: ten million characters cost what one character costs."""
    oversized = valid_token + "A" * 10_000_000
    durations = []

    for _ in range(100):
        started = time.perf_counter()
        with pytest.raises(InvalidToken) as refused:
            parse_token(oversized)
        durations.append(time.perf_counter() - started)
        assert refused.value.reason == "token longer than 4,096 bytes"

    assert sorted(durations)[50] < 0.001


def test_the_size_limit_is_4096_bytes_exactly(sign: Callable[[bytes], str]) -> None:
    """TK-10: one more is too many."""
    longest = next(
        token
        for size in range(2_900, 3_100)
        if len(token := sign(b"m" * size)) <= MAX_TOKEN_BYTES < len(sign(b"m" * (size + 1)))
    )

    assert parse_token(longest).message.startswith(b"mmm")
    with pytest.raises(InvalidToken) as refused:
        parse_token(longest + "A" * (MAX_TOKEN_BYTES + 1 - len(longest)))
    assert refused.value.reason == "token longer than 4,096 bytes"


@pytest.mark.parametrize(
    "damage",
    [
        lambda token: token + "\n",
        lambda token: "\n" + token,
        lambda token: token + " ",
        lambda token: token + "\x00",
        lambda token: token.replace("v4.public.", "v4.public.\x00"),
        lambda token: token.replace(".", "\uff0e"),
        lambda token: token.replace("v4.public.", "v4．public."),
        lambda token: token + "\u200f",
        lambda token: token[:40] + "\u202e" + token[40:],
        lambda token: token[:40] + "\udcff" + token[40:],
        lambda token: token[:40] + "é" + token[41:],
        lambda token: token[:-1] + "Ａ",
        lambda token: token[:40] + "%2e" + token[41:],
    ],
)
async def test_characters_outside_the_alphabet_are_refused(
    verifier: TokenVerifier, valid_token: str, damage: Callable[[str], str]
) -> None:
    """TK-11: NUL, full-width dots, direction marks, lone surrogates of undecodable bytes, line ends."""
    with pytest.raises(InvalidToken):
        await verifier.verify(damage(valid_token))


@pytest.mark.parametrize(
    "damage",
    [
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token + ".",
        lambda token: token + ".AA",
        lambda token: token + "..",
        lambda token: "v4.public.." + token.rpartition(".")[2],
        lambda token: "v4.public." + token.rpartition(".")[2],
        lambda _: "v4.public.",
        lambda _: "v4.public..",
        lambda _: "v4.public...",
        lambda _: "." * 4_096,
        lambda _: "v4.public" + "." * 4_000,
    ],
)
async def test_a_wrong_number_of_segments_or_an_empty_one_is_refused(
    verifier: TokenVerifier, valid_token: str, damage: Callable[[str], str]
) -> None:
    """TK-13."""
    with pytest.raises(InvalidToken):
        await verifier.verify(damage(valid_token))


@pytest.mark.parametrize("bytes_of_payload", [1, 63, 64])
def test_a_payload_without_a_message_does_not_pass_the_gate(published_key: PublishedKey, bytes_of_payload: int) -> None:
    """TK-13: a signature alone, or less, is no token."""
    payload = base64url.encode(bytes(bytes_of_payload))
    footer = base64url.encode(footer_for(published_key.kid))

    with pytest.raises(InvalidToken) as refused:
        parse_token(f"v4.public.{payload}.{footer}")

    assert refused.value.reason == "payload has no message"


@pytest.mark.parametrize(
    "respell",
    [
        lambda kid: json.dumps({"kid": kid}),
        lambda kid: f'{{"kid":"{kid}"}}\n',
        lambda kid: f'{{"kid":"{kid}","x":1}}',
        lambda kid: f'{{"x":1,"kid":"{kid}"}}',
        lambda kid: f'{{"kid":"{kid}","kid":"{kid}"}}',
        lambda kid: f'{{"\\u006bid":"{kid}"}}',
        lambda kid: f'{{"KID":"{kid}"}}',
        lambda kid: f'{{"kid":"{kid.replace("pid", "sid")}"}}',
        lambda kid: f'{{"kid":"{kid[:-1]}"}}',
        lambda kid: f'{{"kid":"{kid[:-1]}="}}',
        lambda kid: f'{{"kid":["{kid}"]}}',
        lambda kid: f'["{kid}"]',
        lambda kid: kid,
        lambda _: "{}",
        lambda _: '{"kid":null}',
        lambda _: "[" * 2_000,
    ],
)
async def test_a_footer_in_any_other_form_is_refused_though_the_issuers_key_signed_it(
    verifier: TokenVerifier,
    signing_key: Ed25519PrivateKey,
    published_key: PublishedKey,
    user_claims: Claims,
    respell: Callable[[str], str],
) -> None:
    """TK-02, TK-13: the footer is read before it is verified, so only the one form that we write means anything."""
    footer = respell(published_key.kid).encode()
    message = encode_claims(user_claims)
    signature = signing_key.sign(signing_input(message, footer))

    with pytest.raises(InvalidToken):
        await verifier.verify(assemble(message, signature, footer))


async def test_every_other_spelling_of_the_same_bytes_is_refused(verifier: TokenVerifier, valid_token: str) -> None:
    """One token has one spelling: padding, the other alphabet, stray bits, ignored characters (traps: pyseto)."""
    head, payload, footer = valid_token[:9], *valid_token[10:].split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray_bits = [footer[:-1] + character for character in alphabet if character != footer[-1]]
    spellings = [
        f"{head}.{payload}=.{footer}",
        f"{head}.{payload}==.{footer}",
        f"{head}.{payload}.{footer}=",
        f"{head}.{payload}.{footer}==",
        f"{head}.{payload[:9]}!{payload[9:]}.{footer}",
        f"{head}.{payload[:9]}\t{payload[9:]}.{footer}",
        *(f"{head}.{payload}.{other}" for other in stray_bits),
        valid_token.replace("-", "+"),
        valid_token.replace("_", "/"),
        valid_token.upper(),
    ]

    for spelling in spellings:
        if spelling != valid_token:
            with pytest.raises(InvalidToken):
                await verifier.verify(spelling)


async def test_a_token_replayed_thousands_of_times_gets_one_verdict_and_leaves_nothing_in_memory(
    verifier: TokenVerifier, valid_token: str, user_claims: Claims
) -> None:
    """TK-24."""
    tracemalloc.start()

    try:
        # What is made once, at the first use, is no growth.
        for _ in range(100):
            await verifier.verify(valid_token)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2_000):
            assert await verifier.verify(valid_token) == user_claims
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 16_384


async def test_every_refusal_reads_the_same_and_tells_its_reason_to_the_log_only(
    verifier: TokenVerifier, valid_token: str, sign: Callable[[bytes], str]
) -> None:
    """TK-26: grammar, footer, key, signature and claims are indistinguishable from outside."""
    refusals = []
    for forged in (
        "",
        valid_token + "A" * 5_000,
        valid_token[:-1],
        valid_token[:20] + ("A" if valid_token[20] != "A" else "B") + valid_token[21:],
        sign(b"{}"),
        sign(b"\xff"),
    ):
        with pytest.raises(AuthError) as refused:
            await verifier.verify(forged)
        refusals.append(refused.value)

    assert {type(refusal) for refusal in refusals} == {InvalidToken}
    assert {str(refusal) for refusal in refusals} == {InvalidToken.public}
    assert {refusal.args for refusal in refusals} == {(InvalidToken.public,)}
    assert len({refusal.reason for refusal in refusals}) == 5
    assert str(Unavailable("the reason")) == Unavailable.public
