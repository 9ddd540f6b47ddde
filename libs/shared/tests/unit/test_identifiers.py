import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models.identifiers import canonical, is_id128, new_id128, parse_uuid, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS = st.integers(0, 253_402_300_799_999)
NOISE = st.binary(min_size=10, max_size=10)

# Characters that fold, compose, decompose or reorder: where one pass of NFKC and case folding is not enough.
CHARACTERS = (
    "ßſİıΐΣσςͅʼnﬀﬂµΩKÅⅨ①ﷺガｶﾞẞϴ"
    "\u0301\u0307\u0308\u0338\u0345\u3099"  # combining marks
    " \u00a0\u2003\t"
)
AWKWARD = st.text(st.one_of(st.sampled_from(CHARACTERS), st.characters(codec="utf-8")), max_size=12)


@given(MILLISECONDS, NOISE)
def test_a_uuid_has_the_layout_of_version_7(milliseconds: int, noise: bytes) -> None:
    """RFC 9562 §5.7."""
    value = uuid7(EPOCH + timedelta(milliseconds=milliseconds), noise)

    assert (value.version, value.variant) == (7, RFC_4122)
    assert value.int >> 80 == milliseconds


@given(NOISE)
def test_a_uuid_carries_all_random_bits_but_the_six_of_version_and_variant(noise: bytes) -> None:
    value = uuid7(EPOCH, noise).int
    random_bits = (1 << 80) - 1 & ~(0xF << 76) & ~(0x3 << 62)

    assert value & random_bits == int.from_bytes(noise) & random_bits


@given(MILLISECONDS, st.integers(1, 10**9), NOISE, NOISE)
def test_a_later_uuid_sorts_behind_an_earlier_one(earlier: int, gap: int, one: bytes, other: bytes) -> None:
    later = min(earlier + gap, 253_402_300_799_999)
    first = uuid7(EPOCH + timedelta(milliseconds=earlier), one)
    second = uuid7(EPOCH + timedelta(milliseconds=later), other)

    assert earlier == later or (first < second and str(first) < str(second))


@given(st.uuids())
def test_a_uuid_is_read_in_its_one_spelling(value: UUID) -> None:
    assert parse_uuid(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "01890A5D-AC96-774B-BCCE-B302099A8057",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5dac96774bbcceb302099a8057",
        "01890a5d-ac96-774b-bcceb302099a8057",
        " 01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a8057\n",
        "01890a5d_ac96-774b-bcce-b302099a8057",
        "٠1890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "bff",
        "",
    ],
)
def test_any_other_spelling_is_another_string(text: str) -> None:
    assert parse_uuid(text) is None


@given(st.text(max_size=60))
def test_reading_a_uuid_never_fails(text: str) -> None:
    value = parse_uuid(text)

    assert value is None or str(value) == text


@given(st.binary(min_size=16, max_size=16))
def test_an_id_of_128_bits_is_recognised(randomness: bytes) -> None:
    assert is_id128(new_id128(randomness))


@pytest.mark.parametrize("text", ["", "z" * 22, "0" * 21, "0" * 23, "0" * 21 + "-", "0" * 22 + "\n", "٠" * 22])
def test_what_is_no_id_of_128_bits_is_not_taken_for_one(text: str) -> None:
    assert not is_id128(text)


@given(AWKWARD)
def test_the_canonical_form_of_a_canonical_form_is_itself(text: str) -> None:
    form = canonical(text)

    assert canonical(form) == form


@given(AWKWARD)
def test_spellings_that_look_alike_have_one_canonical_form(text: str) -> None:
    """Whatever normal form a keyboard sends, and however the identifier is padded or capitalised by case folding."""
    spellings = {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}

    assert {canonical(f"  {spelling}\t") for spelling in spellings} == {canonical(f" {text}")}


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Alice", "alice"),
        ("  Alice@Example.COM\n", "alice@example.com"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("ａｌｉｃｅ", "alice"),
        ("ﬁnn", "finn"),
        ("e\u0301lise", "élise"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
        ("Οδυσσεύς", "οδυσσεύσ"),
    ],
)
def test_one_person_has_one_canonical_name(text: str, form: str) -> None:
    assert canonical(text) == form


def test_different_letters_stay_different() -> None:
    """A collation that took á for a would let one person sign up as another (traps: MariaDB collation)."""
    assert len({canonical(name) for name in ("anna", "ánna", "änna", "аnna", "anna.")}) == 5
