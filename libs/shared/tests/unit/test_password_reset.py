import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.password_reset import hash_reset_token, new_reset_token

RANDOMNESS = st.binary(min_size=32, max_size=32)


@given(RANDOMNESS)
def test_a_link_that_was_handed_out_is_found_by_its_hash(randomness: bytes) -> None:
    token, stored = new_reset_token(randomness)

    assert hash_reset_token(token) == stored == hashlib.sha256(token.reveal().encode()).digest()


@given(RANDOMNESS, RANDOMNESS)
def test_different_links_have_different_hashes(one: bytes, other: bytes) -> None:
    hashes = {new_reset_token(randomness)[1] for randomness in (one, other)}

    assert len(hashes) == len({one, other})


@given(RANDOMNESS, st.data())
def test_a_link_with_a_typo_costs_no_look_up(randomness: bytes, data: st.DataObject) -> None:
    text = new_reset_token(randomness)[0].reveal()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(base62.ALPHABET + "_-é \n").filter(lambda character: character != text[at]))

    assert hash_reset_token(Secret(text[:at] + other + text[at + 1 :])) is None


@pytest.mark.parametrize("text", ["", "prr_", "prr__", "x" * 100_000, "prr_" + "0" * 43, "é", "\x00"])
def test_text_that_cannot_be_a_link_costs_no_look_up(text: str) -> None:
    assert hash_reset_token(Secret(text)) is None


@given(st.text(max_size=80))
def test_reading_a_link_never_fails(text: str) -> None:
    assert hash_reset_token(Secret(text)) is None


def test_a_link_wrapped_in_white_space_is_another_text() -> None:
    text = new_reset_token(bytes(32))[0].reveal()

    assert [hash_reset_token(Secret(spelling)) for spelling in (f"{text}\n", f" {text}", f"{text} ")] == [None] * 3
