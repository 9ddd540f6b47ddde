import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models import base62


@given(st.binary(min_size=16, max_size=16))
def test_sixteen_bytes_are_22_characters_and_come_back(value: bytes) -> None:
    text = base62.encode_bytes(value)

    assert len(text) == base62.WIDTH_128
    assert base62.decode(text).to_bytes(16) == value


@given(st.binary(min_size=32, max_size=32))
def test_thirty_two_bytes_are_43_characters_and_come_back(value: bytes) -> None:
    text = base62.encode_bytes(value)

    assert len(text) == base62.WIDTH_256
    assert base62.decode(text).to_bytes(32) == value


@pytest.mark.parametrize(("size", "width"), [(16, base62.WIDTH_128), (32, base62.WIDTH_256), (4, base62.WIDTH_CRC32)])
def test_the_widths_are_the_shortest_that_hold_every_value(size: int, width: int) -> None:
    largest = (1 << (8 * size)) - 1

    assert base62.decode(base62.encode(largest, width)) == largest
    with pytest.raises(ValueError, match="does not fit"):
        base62.encode(largest, width - 1)


@given(st.text(base62.ALPHABET, min_size=22, max_size=22))
def test_fixed_width_makes_the_spelling_of_a_value_its_only_one(text: str) -> None:
    assert base62.encode(base62.decode(text), 22) == text


@pytest.mark.parametrize("value", [-1, 62**3])
def test_a_value_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        base62.encode(value, 3)


@pytest.mark.parametrize("size", [0, 15, 17, 31, 33])
def test_bytes_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(KeyError):
        base62.encode_bytes(bytes(size))


@pytest.mark.parametrize("text", ["a-b", "a b", "é", "٣", "a_"])
def test_a_foreign_character_is_refused(text: str) -> None:
    with pytest.raises(KeyError):
        base62.decode(text)


@given(st.text(base62.ALPHABET, min_size=1, max_size=60), st.data())
def test_one_wrong_character_changes_the_checksum(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(base62.ALPHABET).filter(lambda character: character != text[at]))

    typo = text[:at] + other + text[at + 1 :]

    assert base62.crc(typo) != base62.crc(text)
