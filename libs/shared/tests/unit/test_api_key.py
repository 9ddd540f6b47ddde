"""The grammar of API keys, their digests, and where each works (FA-16)."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.api_key import (
    SCANNER_PATTERN,
    ApiKey,
    ApiKeyPeppers,
    ApiKeySecret,
    KeyRefusal,
    PresentedKey,
    new_api_key,
    new_api_key_id,
    parse_api_key,
)
from paseport_shared.domain.models.policy import Reason
from paseport_shared.domain.models.request_facts import RequestFacts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = new_api_key_id(b"i" * 12)
TEXT = new_api_key(ID, b"s" * 32).reveal()
PEPPERS = ApiKeyPeppers({1: Secret(b"1" * 32), 3: Secret(b"3" * 64)})
FACTS = RequestFacts("app.example.com", "/reports/2026", "GET", "192.0.2.7")


def presented(text: str = TEXT) -> PresentedKey:
    found = parse_api_key(text)
    assert found is not None
    return found


def held(text: str = TEXT, version: int = 3, expires_at: datetime | None = None) -> ApiKeySecret:
    digest = PEPPERS.digest(presented(text), version)
    assert digest is not None
    return ApiKeySecret(digest, version, NOW, expires_at)


KEY = ApiKey(
    id=ID, owner_id=UUID("01900000-0000-7000-8000-00000000a11c"), name="ci", secrets=(held(),), created_at=NOW,
    updated_at=NOW,
)  # fmt: skip


# --- grammar ----------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=32, max_size=32))
def test_every_key_that_is_made_is_read_as_what_it_is(id_noise: bytes, secret_noise: bytes) -> None:
    key_id = new_api_key_id(id_noise)
    text = new_api_key(key_id, secret_noise).reveal()

    assert parse_api_key(text) == PresentedKey(key_id, base62.encode_bytes(secret_noise))
    assert re.fullmatch(SCANNER_PATTERN, text)
    assert len(text) == 71


@pytest.mark.parametrize("position", range(len(TEXT)))
def test_a_key_with_a_typing_error_fails_without_a_look_at_anything(position: int) -> None:
    for other in "0Az":
        changed = TEXT[:position] + other + TEXT[position + 1 :]
        assert changed == TEXT or parse_api_key(changed) is None


@pytest.mark.parametrize(
    "text",
    ["", "ppk_", TEXT[:-1], TEXT + "0", TEXT + "\n", " " + TEXT, TEXT.lower(), TEXT.replace("_", "-"), TEXT[4:],
     TEXT.replace("ppk_", "prt_"), TEXT.replace("ppk", "ρρκ")],
)  # fmt: skip
def test_what_is_nearly_a_key_is_none(text: str) -> None:
    assert parse_api_key(text) is None


@given(st.text(max_size=100))
def test_text_is_no_key(text: str) -> None:
    """FA-07: neither is it an exception."""
    assert parse_api_key(text) is None


def test_a_secret_that_does_not_fit_256_bits_is_none_even_with_its_checksum() -> None:
    """One secret has one spelling."""
    body = f"ppk_{ID}_{'z' * 43}"

    assert parse_api_key(f"{body}_{base62.crc(body)}") is None


def test_two_ids_differ_where_their_randomness_does() -> None:
    assert new_api_key_id(b"\x00" * 12) != new_api_key_id(b"\x00" * 11 + b"\x02")
    assert len({new_api_key_id(bytes([number]) * 12) for number in range(256)}) == 256


# --- digests ----------------------------------------------------------------------------------------------------------


def test_the_newest_pepper_makes_digests_and_older_ones_still_check_theirs() -> None:
    assert PEPPERS.current == 3
    assert PEPPERS.fits(presented(), held(version=1))
    assert PEPPERS.fits(presented(), held(version=3))
    assert held(version=1).digest != held(version=3).digest


def test_a_digest_under_a_pepper_that_is_gone_fits_nothing() -> None:
    lost = replace(held(version=1), pepper_version=2)

    assert PEPPERS.digest(presented(), 2) is None
    assert not PEPPERS.fits(presented(), lost)


def test_another_secret_of_the_same_key_does_not_fit_and_neither_does_the_same_secret_of_another_key() -> None:
    other_secret = new_api_key(ID, b"t" * 32).reveal()
    other_key = new_api_key(new_api_key_id(b"j" * 12), b"s" * 32).reveal()

    assert not PEPPERS.fits(presented(other_secret), held())
    assert not PEPPERS.fits(presented(other_key), held())


def test_an_installation_has_a_pepper() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ApiKeyPeppers({})


def test_neither_log_nor_traceback_shows_a_secret_or_a_digest() -> None:
    """FA-16, AD-11."""
    shown = repr((presented(), KEY, held(), PEPPERS))

    assert presented().secret not in shown
    assert held().digest.hex() not in shown
    assert repr(held().digest) not in shown


def test_both_secrets_of_a_rotated_key_work_until_the_older_one_ends() -> None:
    new = new_api_key(ID, b"n" * 32).reveal()
    end = NOW + timedelta(hours=1)
    rotated = replace(KEY, secrets=(held(new), held(expires_at=end)))

    assert rotated.live_secret(presented(new), PEPPERS, NOW) is not None
    assert rotated.live_secret(presented(), PEPPERS, end - timedelta(microseconds=1)) is not None
    assert rotated.live_secret(presented(), PEPPERS, end) is None
    assert rotated.live_secret(presented(new), PEPPERS, end) is not None


def test_a_key_of_another_system_has_no_secret_that_fits() -> None:
    assert replace(KEY, secrets=(), legacy_digest="ab" * 32).live_secret(presented(), PEPPERS, NOW) is None


# --- where it works ---------------------------------------------------------------------------------------------------


def test_a_key_without_restrictions_works_everywhere() -> None:
    assert KEY.refusal(FACTS, NOW) is None
    assert KEY.refusal(replace(FACTS, address=None), NOW) is None


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"disabled": True}, KeyRefusal.DISABLED),
        ({"expires_at": NOW}, KeyRefusal.EXPIRED),
        ({"expires_at": NOW + timedelta(microseconds=1)}, None),
        ({"hosts": ("app.example.com",)}, None),
        ({"hosts": ("*.example.com",)}, None),
        ({"hosts": ("example.com", "*.app.example.com")}, KeyRefusal.HOST),
        ({"paths": ("/reports",)}, None),
        ({"paths": ("/other", "/reports/2026")}, None),
        ({"paths": ("/report", "/reports/202")}, KeyRefusal.PATH),
        ({"methods": frozenset({"GET", "HEAD"})}, None),
        ({"methods": frozenset({"POST"})}, KeyRefusal.METHOD),
        ({"networks": ("10.0.0.0/8", "192.0.2.0/24")}, None),
        ({"networks": ("10.0.0.0/8",)}, KeyRefusal.NETWORK),
    ],
)
def test_a_key_works_where_all_its_restrictions_say_so(changes: dict[str, object], refusal: KeyRefusal | None) -> None:
    """FA-16."""
    assert replace(KEY, **changes).refusal(FACTS, NOW) is refusal  # type: ignore[arg-type]  # fields by name


def test_a_key_for_networks_does_not_work_for_a_caller_whose_address_nobody_knows() -> None:
    restricted = replace(KEY, networks=("0.0.0.0/0", "::/0"))

    assert restricted.refusal(replace(FACTS, address=None), NOW) is KeyRefusal.NETWORK


def test_a_disabled_or_expired_key_says_so_before_anything_about_the_request() -> None:
    strict = replace(KEY, hosts=("other.example.com",), expires_at=NOW)

    assert strict.refusal(FACTS, NOW) is KeyRefusal.EXPIRED
    assert replace(strict, disabled=True).refusal(FACTS, NOW) is KeyRefusal.DISABLED


@pytest.mark.parametrize("refusal", KeyRefusal)
def test_every_refusal_is_a_reason_and_has_a_remedy(refusal: KeyRefusal) -> None:
    assert Reason(refusal.value).name == f"KEY_{refusal.name}"
    assert refusal.remedy
