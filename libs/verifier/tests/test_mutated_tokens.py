"""Mutated tokens in bulk, and the fast signature path held equal to pyseto (TK-25, promise P1)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from paseport import Claims, InvalidToken, PublishedKey
from paseport.claims_json import encode_claims
from paseport.grammar import ParsedToken, parse_token
from paseport.token_verifier import TokenVerifier
from paseport.v4_public import assemble, footer_for, signing_input, verify_parsed, verify_signature
from paseport_testkit.forger import ALPHABET, Forger

TOKENS = 100_000
EVERY_NTH_IS_VALID = 100


def message_or_refusal(verify: Callable[[], bytes]) -> bytes | None:
    try:
        return verify()
    except InvalidToken:
        return None


edits = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "flip bit", "swap segments", "duplicate segment"]),
        st.integers(0, 10_000),
        st.one_of(st.sampled_from(ALPHABET + "=+/.\n\x00 ％"), st.characters()),
    ),
    min_size=1,
    max_size=4,
)


def edited(token: str, edit: tuple[str, int, str]) -> str:
    kind, position, character = edit
    at = position % (len(token) + 1)
    segments = token.split(".")
    if kind == "insert":
        return token[:at] + character + token[at:]
    if kind == "replace":
        return token[:at] + character + token[at + 1 :]
    if kind == "delete":
        return token[:at] + token[at + 1 :]
    if kind == "flip bit" and at < len(token):
        return token[:at] + chr(ord(token[at]) ^ 1 << position % 7) + token[at + 1 :]
    if kind == "swap segments":
        first, second = position % len(segments), position // 7 % len(segments)
        segments[first], segments[second] = segments[second], segments[first]
        return ".".join(segments)
    return ".".join([*segments, segments[position % len(segments)]])


@settings(max_examples=1_000, deadline=None)
@given(edits=edits)
async def test_a_mutated_token_is_refused_or_it_is_the_same_token(
    verifier: TokenVerifier, valid_token: str, user_claims: Claims, edits: list[tuple[str, int, str]]
) -> None:
    """TK-02, TK-11, TK-13, TK-25: one character more, less or other, and every segment elsewhere."""
    mutated = valid_token
    for edit in edits:
        mutated = edited(mutated, edit)

    if mutated == valid_token:
        assert await verifier.verify(mutated) == user_claims
    else:
        with pytest.raises(InvalidToken):
            await verifier.verify(mutated)


@settings(max_examples=300, deadline=None)
@given(token=st.one_of(st.text(), st.text(ALPHABET + ".").map("v4.public.".__add__)))
def test_any_text_is_refused_by_the_gate_and_by_nothing_else(token: str) -> None:
    """TK-25: the gate raises one kind of error, whatever it is given."""
    assert message_or_refusal(lambda: parse_token(token).message) is None


@settings(max_examples=500, deadline=None)
@given(
    message=st.binary(min_size=1, max_size=200),
    assertion=st.sampled_from([b"", b"another purpose"]),
    flipped_bit=st.none() | st.integers(0, 10_000),
    signed_by_us=st.booleans(),
)
def test_the_fast_path_and_pyseto_agree_behind_the_gate(
    signing_key: Ed25519PrivateKey,
    published_key: PublishedKey,
    message: bytes,
    assertion: bytes,
    flipped_bit: int | None,
    signed_by_us: bool,
) -> None:
    """Differential: the two ways to verify give the same message, or both refuse."""
    footer = footer_for(published_key.kid)
    signer = signing_key if signed_by_us else Ed25519PrivateKey.from_private_bytes(bytes(32))
    payload = bytearray(message + signer.sign(signing_input(message, footer, assertion)))
    if flipped_bit is not None:
        payload[flipped_bit // 8 % len(payload)] ^= 1 << flipped_bit % 8
    token = assemble(bytes(payload[:-64]), bytes(payload[-64:]), footer)

    fast = message_or_refusal(lambda: verify_parsed(parse_token(token), published_key.public_key))
    through_pyseto = message_or_refusal(lambda: verify_signature(token, published_key.public_key))

    assert fast == through_pyseto
    assert (fast == message) == (signed_by_us and assertion == b"" and flipped_bit is None)


@settings(max_examples=300, deadline=None)
@given(public_key=st.binary(min_size=32, max_size=32), signature=st.binary(min_size=64, max_size=64))
def test_the_fast_path_and_pyseto_agree_on_keys_and_signatures_nobody_made(
    published_key: PublishedKey, public_key: bytes, signature: bytes
) -> None:
    """Differential: public keys that are no point of the curve, signatures whose halves are out of range."""
    token = assemble(b"message", signature, footer_for(published_key.kid))

    fast = message_or_refusal(lambda: verify_parsed(parse_token(token), public_key))
    through_pyseto = message_or_refusal(lambda: verify_signature(token, public_key))

    assert fast == through_pyseto


def test_a_signature_has_no_second_form(
    signing_key: Ed25519PrivateKey, published_key: PublishedKey, valid_token: str
) -> None:
    """RFC 8032 §5.1.7: S + L would satisfy the equation too; a library that forgets the range check accepts it."""
    group_order = 2**252 + 27742317777372353535851937790883648493
    parsed = parse_token(valid_token)
    s = int.from_bytes(parsed.signature[32:], "little") + group_order
    second_form = parsed.signature[:32] + s.to_bytes(32, "little")
    malleated = ParsedToken(parsed.message, second_form, parsed.footer, parsed.kid)

    assert message_or_refusal(lambda: verify_parsed(parsed, published_key.public_key)) == parsed.message
    assert message_or_refusal(lambda: verify_parsed(malleated, published_key.public_key)) is None


async def test_of_100_000_tokens_every_forged_one_is_refused_and_every_valid_one_accepted(
    verifier: TokenVerifier, user_claims: Claims, sign: Callable[[bytes], str]
) -> None:
    """P1, TK-25, TK-26: one percent is valid, in between the others; one constant error for all the rest."""
    # Lengths differ, so that every number of stray bits in the last character of the payload occurs.
    claims_of = {
        sign(encode_claims(claims)): claims
        for number in range(100)
        for claims in [replace(user_claims, token_id=f"{number}" + "x" * (number % 4))]
    }
    genuine = list(claims_of)
    forger = Forger(genuine, seed=20_260_131)
    accepted = 0
    refused = 0
    sentences = set()

    for number in range(TOKENS):
        is_valid = number % EVERY_NTH_IS_VALID == 0
        token = genuine[number // EVERY_NTH_IS_VALID % len(genuine)] if is_valid else forger.forgery()
        try:
            claims = await verifier.verify(token)
        except InvalidToken as error:
            assert not is_valid, token
            refused += 1
            sentences.add(str(error))
        else:
            assert is_valid, token
            assert claims == claims_of[token]
            accepted += 1

    assert accepted == TOKENS // EVERY_NTH_IS_VALID
    assert refused == TOKENS - accepted
    assert sentences == {InvalidToken.public}
