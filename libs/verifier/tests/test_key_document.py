"""The key document: what is read, what is refused, what is written."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import InvalidKeyDocument, InvalidToken, KeyStatus, PublishedKey, StaticKeySet
from paseport.key_set import encode_key_document, parse_key_document
from paseport.paserk import encode_public_key, public_key_id

FIELD_PRIME = 2**255 - 19
CURVE_D = -121665 * pow(121666, -1, FIELD_PRIME) % FIELD_PRIME


def new_key(status: KeyStatus = KeyStatus.ACTIVE, **times: datetime) -> PublishedKey:
    public_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return PublishedKey(kid=public_key_id(public_key), public_key=public_key, status=status, **times)


def entry(key: PublishedKey, **changes: Any) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(encode_key_document([key]))["keys"][0]
    return members | changes


def document_of(*entries: Any) -> bytes:
    return json.dumps({"keys": entries}).encode()


def test_what_is_written_is_read_back() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
    keys = [
        new_key(KeyStatus.PUBLISHED, not_before=moment),
        new_key(KeyStatus.ACTIVE, not_before=moment, not_after=moment + timedelta(days=90)),
        new_key(KeyStatus.RETIRING),
        new_key(KeyStatus.RETIRED),
        new_key(KeyStatus.REVOKED),
    ]

    assert list(parse_key_document(encode_key_document(keys)).values()) == keys


def test_a_document_has_the_published_form() -> None:
    """design §3: `kid`, `paserk`, `status`, `not_before`, `not_after`; an absent time is null."""
    key = new_key(not_before=datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=UTC))

    assert json.loads(encode_key_document([key])) == {
        "keys": [
            {
                "kid": key.kid,
                "paserk": encode_public_key(key.public_key),
                "status": "active",
                "not_before": "2026-01-31T12:00:00Z",
                "not_after": None,
            }
        ]
    }


def test_an_unknown_member_is_ignored() -> None:
    key = new_key()

    assert parse_key_document(document_of(entry(key, comment="from a later version"))) == {key.kid: key}


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": "k4.pid.9ShR3xc8-qVJ_di0tc9nx0IDIqbatdeM2mqLFBJsKRHs"},
        {"kid": ""},
        {"kid": None},
        {"paserk": "k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8"},
        {"paserk": "k4.secret.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8"},
        {"paserk": 7},
        {"status": "compromised"},
        {"status": "Active"},
        {"status": None},
        {"not_after": "soon"},
        {"not_after": 1769860800},
        {"not_before": "2026-01-31T12:00:00+00:00"},
    ],
)
def test_one_bad_entry_refuses_the_whole_document(changes: dict[str, object]) -> None:
    """KR-08, KR-06: a kid that is not the id of its key is a poisoned document, not a poisoned entry."""
    with pytest.raises(InvalidKeyDocument):
        parse_key_document(document_of(entry(new_key()), entry(new_key(), **changes)))


@pytest.mark.parametrize("missing", ["kid", "paserk", "status"])
def test_an_entry_without_one_of_its_members_refuses_the_whole_document(missing: str) -> None:
    incomplete = entry(new_key())
    del incomplete[missing]

    with pytest.raises(InvalidKeyDocument):
        parse_key_document(document_of(entry(new_key()), incomplete))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"keys":[]}',
        b'{"keys":null}',
        b'{"keys":{}}',
        b"<html>Bad gateway</html>",
        b"\xff",
        b'{"keys":[],"deep":' + b"[" * 100_000,
    ],
)
def test_an_empty_or_foreign_document_is_refused(document: bytes) -> None:
    """KR-08."""
    with pytest.raises(InvalidKeyDocument):
        parse_key_document(document)


def test_a_key_listed_twice_is_refused() -> None:
    """Whether it is revoked must not depend on which entry is read last."""
    key = new_key()

    with pytest.raises(InvalidKeyDocument):
        parse_key_document(document_of(entry(key), entry(key, status="revoked")))


def small_order_encodings() -> list[bytes]:
    """Compute the encodings of all points whose order divides 8 (RFC 8032 §5.1), those not reduced included."""

    def x_squared(y: int) -> int:
        return (y * y - 1) * pow(CURVE_D * y * y + 1, -1, FIELD_PRIME) % FIELD_PRIME

    # On -x² + y² = 1 + dx²y²: doubling a point of order 8 gives one of order 4, whose y is 0, so y² = -x².
    # Then d·y⁴ + 2y² - 1 = 0.
    root = square_root(CURVE_D + 1)
    y_of_order_8 = []
    for sign in (1, -1):
        y_squared = (-1 + sign * root) * pow(CURVE_D, -1, FIELD_PRIME) % FIELD_PRIME
        if pow(y_squared, (FIELD_PRIME - 1) // 2, FIELD_PRIME) == 1:
            y = square_root(y_squared)
            y_of_order_8 += [y, FIELD_PRIME - y]
    for y in y_of_order_8:
        assert x_squared(y) == -y * y % FIELD_PRIME
    reduced = [0, 1, FIELD_PRIME - 1, *y_of_order_8]
    unreduced = [y + FIELD_PRIME for y in reduced if y + FIELD_PRIME < 2**255]
    return [(y | sign << 255).to_bytes(32, "little") for y in reduced + unreduced for sign in (0, 1)]


def square_root(square: int) -> int:
    root = pow(square, (FIELD_PRIME + 3) // 8, FIELD_PRIME)
    if root * root % FIELD_PRIME != square:
        root = root * pow(2, (FIELD_PRIME - 1) // 4, FIELD_PRIME) % FIELD_PRIME
    assert root * root % FIELD_PRIME == square
    return root


def test_the_small_order_points_are_as_many_as_expected() -> None:
    assert len(set(small_order_encodings())) == 14


@pytest.mark.parametrize("public_key", small_order_encodings(), ids=bytes.hex)
def test_a_key_of_small_order_refuses_the_whole_document(public_key: bytes) -> None:
    """Anybody can sign for such a key; 32 zero bytes, the likeliest accident, are one."""
    weak = {"kid": public_key_id(public_key), "paserk": encode_public_key(public_key), "status": "active"}

    with pytest.raises(InvalidKeyDocument):
        parse_key_document(document_of(entry(new_key()), weak))


def test_a_key_under_another_keys_id_is_not_written() -> None:
    key = new_key()

    with pytest.raises(ValueError, match="kid"):
        encode_key_document([PublishedKey(kid=new_key().kid, public_key=key.public_key, status=KeyStatus.ACTIVE)])


@pytest.mark.parametrize("status", [KeyStatus.PUBLISHED, KeyStatus.ACTIVE, KeyStatus.RETIRING])
async def test_a_key_verifies_while_published_active_or_retiring(status: KeyStatus, now: datetime) -> None:
    key = new_key(status)

    assert await StaticKeySet([key]).get(key.kid, now) == key


@pytest.mark.parametrize("status", [KeyStatus.RETIRED, KeyStatus.REVOKED])
async def test_a_retired_or_revoked_key_is_unusable(status: KeyStatus, now: datetime) -> None:
    """KR-04: what it signed is refused, even unexpired."""
    key = new_key(status)

    with pytest.raises(InvalidToken):
        await StaticKeySet([key]).get(key.kid, now)


async def test_a_key_is_unusable_from_its_not_after_on(now: datetime) -> None:
    key = new_key(not_after=now)
    keys = StaticKeySet([key])

    assert await keys.get(key.kid, now - timedelta(seconds=1)) == key
    with pytest.raises(InvalidToken):
        await keys.get(key.kid, now)


async def test_a_key_counts_before_its_not_before(now: datetime) -> None:
    """A verifier whose clock is late must not refuse what a freshly activated key has signed."""
    key = new_key(not_before=now + timedelta(seconds=20))

    assert await StaticKeySet([key]).get(key.kid, now) == key
