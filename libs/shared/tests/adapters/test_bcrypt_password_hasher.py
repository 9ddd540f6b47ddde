"""``BcryptPasswordHasher`` keeps the contract; its stored forms, imported ones, and its pool."""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Callable, Iterator

import bcrypt
import pytest
from contracts.password_hasher import PASSWORD, WRONG, PasswordHasherContract
from paseport.secret import Secret
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.bcrypt.stored_password import MAX_PBKDF2_ITERATIONS, parse_stored
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.password_hasher import PasswordCheck

OLD_PEPPER = Secret(b"the pepper of last year: 32 bytes")
PEPPER = Secret(b"the pepper of this year: 32 bytes")
COST = 4

# Published vectors: jBCrypt, crypt_blowfish (Openwall) and the PHP manual.
BCRYPT_VECTORS = [
    ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
    ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("rasmuslerdorf", "$2a$07$usesomesillystringfore2uDLvp1Ii2e./U9C8sBjqp8I90dH6hi"),
]
# RFC 7914 §11: PBKDF2-HMAC-SHA-256 of "Password" and "NaCl", 80,000 iterations, 64 bytes: the shape Keycloak exports.
RFC_7914 = bytes.fromhex(
    "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
    "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"
)


def make_hasher(
    *, current: int = 1, work_factor: int = COST, workers: int | None = 2, queue: int = 32
) -> BcryptPasswordHasher:
    return BcryptPasswordHasher({1: OLD_PEPPER, 2: PEPPER}, current, work_factor, workers=workers, queue=queue)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def pbkdf2(iterations: int | str, salt: bytes, derived: bytes, digest: str = "sha256") -> str:
    return f"{{pbkdf2-{digest}}}{iterations}${b64(salt)}${b64(derived)}"


@pytest.fixture
def hasher() -> Iterator[BcryptPasswordHasher]:
    hasher = make_hasher()
    yield hasher
    hasher.close()


@pytest.fixture
def crowded_hasher() -> Iterator[BcryptPasswordHasher]:
    hasher = make_hasher(workers=1, queue=1)
    yield hasher
    hasher.close()


@pytest.fixture
def closed_hasher() -> BcryptPasswordHasher:
    hasher = make_hasher()
    hasher.close()
    return hasher


@pytest.fixture
def hashes_done() -> Callable[[BcryptPasswordHasher], int]:
    return lambda hasher: hasher.computed


class TestBcryptPasswordHasher(PasswordHasherContract):
    """The contract, with cost 4."""


# --- our own form -------------------------------------------------------------------------------------------------


async def test_a_stored_password_is_bcrypt_over_the_base64_of_a_peppered_hmac(hasher: BcryptPasswordHasher) -> None:
    """ADR 0004, computed here by other means; NFKC first (LG-08)."""
    stored = await hasher.hash(Secret("\uff41 long pa\u0301ssword"))

    scheme, bcrypt_hash = stored[: len("{bcrypt-hmac,p=1}")], stored[len("{bcrypt-hmac,p=1}") :]
    key = OLD_PEPPER.reveal().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + "a long pássword".encode()).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()
    assert scheme == "{bcrypt-hmac,p=1}"
    assert bcrypt_hash.startswith("$2b$04$")
    assert len(b64(outer)) == 44
    assert bcrypt.hashpw(b64(outer).encode(), bcrypt_hash.encode()) == bcrypt_hash.encode()


async def test_a_thief_of_the_database_without_the_pepper_cannot_check_a_guess() -> None:
    stored = await make_hasher().hash(PASSWORD)
    thief = BcryptPasswordHasher({1: Secret(bytes(32))}, 1, COST)

    assert await thief.verify(PASSWORD, stored) is PasswordCheck.MISMATCH


@pytest.mark.parametrize("newer", [{"current": 2}, {"work_factor": COST + 1}, {"current": 2, "work_factor": COST + 1}])
async def test_after_a_change_of_pepper_or_cost_a_right_password_is_outdated_until_it_is_hashed_anew(
    newer: dict[str, int],
) -> None:
    stored = await make_hasher().hash(PASSWORD)
    hasher = make_hasher(**newer)

    assert await hasher.verify(PASSWORD, stored) is PasswordCheck.MATCH_OUTDATED
    assert await hasher.verify(WRONG, stored) is PasswordCheck.MISMATCH
    assert await hasher.verify(PASSWORD, await hasher.hash(PASSWORD)) is PasswordCheck.MATCH


async def test_a_form_under_a_pepper_that_is_gone_costs_one_hash_and_is_logged_without_its_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored = (await make_hasher().hash(PASSWORD)).replace("p=1", "p=3")
    hasher = make_hasher()

    with caplog.at_level(logging.WARNING):
        check = await hasher.verify(PASSWORD, stored)

    assert check is PasswordCheck.MISMATCH
    assert hasher.computed == 1
    assert "cannot be read" in caplog.text
    assert stored[20:] not in caplog.text


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("p=1", "p=01"),
        ("p=1", "p=0"),
        ("p=1", "p=-1"),
        ("p=1", "p=١"),
        ("p=1", "p=99999999999999999999"),
        ("{", " {"),
        ("$2b$", "$2x$"),
        ("$2b$", "$2$"),
        ("$04$", "$4$"),
        ("$04$", "$03$"),
        ("$04$", "$16$"),
        ("$04$", "$31$"),
        ("$04$", "$99$"),
        ("}$2b$04$", "}$2b$04$/"),
        ("bcrypt-hmac,p=1", "bcrypt-hmac"),
    ],
)
async def test_a_damaged_form_is_a_mismatch_at_the_cost_of_one_hash(
    hasher: BcryptPasswordHasher, change: str, to: str
) -> None:
    """A cost of 31 would keep a core busy for a day: a form may not ask for that."""
    stored = (await make_hasher().hash(PASSWORD)).replace(change, to)

    assert await hasher.verify(PASSWORD, stored) is PasswordCheck.MISMATCH
    assert hasher.computed == 1


async def test_every_cut_and_every_appendix_of_a_stored_form_is_a_mismatch(hasher: BcryptPasswordHasher) -> None:
    stored = await hasher.hash(PASSWORD)

    for damaged in [*(stored[:length] for length in range(len(stored))), stored + "\n", stored + "$", stored + "."]:
        assert await hasher.verify(PASSWORD, damaged) is PasswordCheck.MISMATCH
    assert await hasher.verify(PASSWORD, stored) is PasswordCheck.MATCH


# --- imported forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("password", "bcrypt_hash"), BCRYPT_VECTORS)
async def test_a_user_imported_with_bcrypt_signs_in_once_and_is_upgraded(
    hasher: BcryptPasswordHasher, password: str, bcrypt_hash: str
) -> None:
    stored = "{bcrypt}" + bcrypt_hash

    assert await hasher.verify(Secret(password), stored) is PasswordCheck.MATCH_OUTDATED
    assert await hasher.verify(Secret(password + "?"), stored) is PasswordCheck.MISMATCH
    assert hasher.computed == 2


@pytest.mark.parametrize(
    ("imported", "typed"),
    [("x" * 72, "x" * 73), ("ω" * 36, "ω" * 36 + "y"), ("twice over", "twice over\0twice over")],
)
async def test_what_bare_bcrypt_cannot_tell_apart_is_a_mismatch_at_the_cost_of_one_current_hash(
    hasher: BcryptPasswordHasher, imported: str, typed: str
) -> None:
    """LG-04: bcrypt ends at 72 bytes, and repeats a short key with a NUL between."""
    stored = "{bcrypt}" + bcrypt.hashpw(imported.encode(), bcrypt.gensalt(COST)).decode()

    assert await hasher.verify(Secret(typed), stored) is PasswordCheck.MISMATCH
    assert hasher.computed == 1
    assert await hasher.verify(Secret(imported), stored) is PasswordCheck.MATCH_OUTDATED


async def test_a_user_imported_from_keycloak_signs_in_once_and_is_upgraded(hasher: BcryptPasswordHasher) -> None:
    stored = pbkdf2(80_000, b"NaCl", RFC_7914)

    assert await hasher.verify(Secret("Password"), stored) is PasswordCheck.MATCH_OUTDATED
    assert await hasher.verify(Secret("password"), stored) is PasswordCheck.MISMATCH
    assert hasher.computed == 2


async def test_pbkdf2_with_sha512_is_another_scheme(hasher: BcryptPasswordHasher) -> None:
    derived = hashlib.pbkdf2_hmac("sha512", PASSWORD.reveal().encode(), b"a salt of 16 byte", 1_000, 64)

    assert await hasher.verify(PASSWORD, pbkdf2(1_000, b"a salt of 16 byte", derived, "sha512")) is (
        PasswordCheck.MATCH_OUTDATED
    )
    assert await hasher.verify(PASSWORD, pbkdf2(1_000, b"a salt of 16 byte", derived)) is PasswordCheck.MISMATCH


async def test_an_imported_password_counts_as_it_was_typed(hasher: BcryptPasswordHasher) -> None:
    """The system it comes from did not normalise, so neither does the one check against its hash."""
    typed = Secret("cu\u0308rled \ufb01re")
    stored = "{bcrypt}" + bcrypt.hashpw(typed.reveal().encode(), bcrypt.gensalt(COST)).decode()

    assert await hasher.verify(typed, stored) is PasswordCheck.MATCH_OUTDATED


@pytest.mark.parametrize(
    "stored",
    [
        pbkdf2(MAX_PBKDF2_ITERATIONS + 1, b"NaCl", RFC_7914),
        pbkdf2("9" * 400, b"NaCl", RFC_7914),
        pbkdf2(0, b"NaCl", RFC_7914),
        pbkdf2("-1", b"NaCl", RFC_7914),
        pbkdf2("1e3", b"NaCl", RFC_7914),
        pbkdf2("0080000", b"NaCl", RFC_7914),
        pbkdf2(80_000, b"", RFC_7914),
        pbkdf2(80_000, b"s" * 1000, RFC_7914),
        pbkdf2(80_000, b"NaCl", b""),
        pbkdf2(80_000, b"NaCl", RFC_7914[:1]),
        pbkdf2(80_000, b"NaCl", RFC_7914[:15]),
        pbkdf2(80_000, b"NaCl", RFC_7914 * 2),
        pbkdf2(80_000, b"NaCl", RFC_7914, "sha1"),
        pbkdf2(80_000, b"NaCl", RFC_7914) + "$",
        pbkdf2(80_000, b"NaCl", RFC_7914).replace("=", ""),
        "{bcrypt}",
        "{bcrypt}$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "{bcrypt}$2b$05$CCCCCCCCCCCCCCCCCCCCC/E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ],
)
async def test_an_import_cannot_ask_for_more_work_or_less_certainty(hasher: BcryptPasswordHasher, stored: str) -> None:
    """Unbounded iterations burn a core at each sign-in; a derived key of one byte fits every 256th password."""
    assert parse_stored(stored) is None
    assert await hasher.verify(Secret("Password"), stored) is PasswordCheck.MISMATCH
    assert hasher.computed == 1


# --- the pool -----------------------------------------------------------------------------------------------------


async def test_an_operator_sees_how_busy_the_pool_is(crowded_hasher: BcryptPasswordHasher) -> None:
    signing_in = [asyncio.create_task(crowded_hasher.verify(PASSWORD, None)) for _ in range(2)]
    await asyncio.sleep(0)
    busy = (crowded_hasher.capacity, crowded_hasher.in_use, crowded_hasher.waiting)

    await asyncio.gather(*signing_in)

    assert busy == (1, 1, 1)
    assert (crowded_hasher.capacity, crowded_hasher.in_use, crowded_hasher.waiting) == (1, 0, 0)


async def test_a_hash_whose_user_has_gone_keeps_its_thread_until_it_is_done() -> None:
    """Otherwise clients that disconnect could put any number of hashes behind each other."""
    hasher = make_hasher(work_factor=10, workers=1, queue=1)
    impatient = asyncio.create_task(hasher.hash(PASSWORD))
    await asyncio.sleep(0)

    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    following = asyncio.create_task(hasher.hash(PASSWORD))
    await asyncio.sleep(0)
    while_it_runs = (hasher.in_use, hasher.waiting)
    await following

    assert while_it_runs == (1, 1)
    assert hasher.computed == 2
    hasher.close()


async def test_the_event_loop_turns_freely_during_a_slow_hash() -> None:
    """LG-20."""
    hasher = make_hasher(work_factor=10)
    hashing = asyncio.create_task(hasher.hash(PASSWORD))
    turns = 0

    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 100
    hasher.close()


async def test_whoever_waits_when_the_process_stops_is_told_so(crowded_hasher: BcryptPasswordHasher) -> None:
    signing_in = [asyncio.create_task(crowded_hasher.verify(PASSWORD, None)) for _ in range(2)]
    await asyncio.sleep(0)

    crowded_hasher.close()
    begun, waiting = await asyncio.gather(*signing_in, return_exceptions=True)

    assert begun is PasswordCheck.MISMATCH
    assert isinstance(waiting, Unavailable)


# --- configuration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peppers", "current", "work_factor", "problem"),
    [
        ({}, 1, 12, "current version"),
        ({1: PEPPER}, 2, 12, "current version"),
        ({0: PEPPER}, 0, 12, "counted from 1"),
        ({1: Secret(b"short")}, 1, 12, "at least 32 bytes"),
        ({1: PEPPER}, 1, 3, "work factor"),
        ({1: PEPPER}, 1, 16, "work factor"),
    ],
)
def test_an_operator_is_told_what_cannot_serve(
    peppers: dict[int, Secret[bytes]], current: int, work_factor: int, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        BcryptPasswordHasher(peppers, current, work_factor)


@pytest.mark.parametrize(("workers", "queue"), [(-1, 1), (1, -1)])
def test_a_pool_without_workers_is_refused(workers: int, queue: int) -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        make_hasher(workers=workers, queue=queue)
