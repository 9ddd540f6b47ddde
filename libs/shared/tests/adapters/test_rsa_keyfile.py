"""``RsaKeyFile`` keeps the contracts of signing keys, past keys and RSA signers; what it does to its file."""

import base64
import json
import os
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from contracts.key_holder import KeyHolderContract
from contracts.rsa_signer import RsaSignerContract, check_signature
from contracts.signing_keys import (
    EVERY_STATUS,
    MakeSigningKeys,
    PastKeysContract,
    SigningKeysContract,
    VerificationKeysContract,
)
from contracts.support import Unreachable
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.adapters.keyfile.rsa_key_file import RsaKeyFile
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyAlgorithm, KeyStatus, VerificationKey
from rsa_samples import pkcs8, private_key, public_key

Entry = dict[str, Any]


@asynccontextmanager
async def away(path: Path) -> AsyncIterator[None]:
    """Inside, the file is somewhere else, as on a disk that was unmounted."""
    elsewhere = path.with_name("elsewhere")
    os.rename(path, elsewhere)
    try:
        yield
    finally:
        os.rename(elsewhere, path)


def entry(number: int, status: KeyStatus = KeyStatus.ACTIVE, **changes: object) -> Entry:
    return {
        "version": number,
        "pkcs8": base64.b64encode(pkcs8(private_key(number))).decode(),
        "status": status.value,
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2026-01-01T01:00:00Z",
    } | changes


def write(path: Path, *entries: Entry) -> Path:
    path.write_bytes(json.dumps({"versions": entries}).encode())
    path.chmod(0o600)
    return path


def verification_key(version: int, status: KeyStatus) -> VerificationKey:
    public = public_key(version)
    return VerificationKey(
        version, public.kid, public.to_bytes(), status, START, START + timedelta(hours=1), KeyAlgorithm.RS256
    )


def verification_key_of(held: HeldKeyVersion) -> VerificationKey:
    return VerificationKey(held.version, held.kid, held.public_key, KeyStatus.ACTIVE, START, None, held.algorithm)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "id-signing-keys.json"


@pytest.fixture
def open_key_file(path: Path, clock: ManualClock) -> Callable[[], RsaKeyFile]:
    """Open it as a process does at its start."""
    return lambda: RsaKeyFile(path, clock)


@pytest.fixture
def published() -> list[VerificationKey]:
    return [verification_key(version, status) for version, status in enumerate(EVERY_STATUS, start=1)]


@pytest.fixture
def key_file(path: Path, published: Sequence[VerificationKey], open_key_file: Callable[[], RsaKeyFile]) -> RsaKeyFile:
    write(path, *(entry(key.version, key.status) for key in published))
    return open_key_file()


class TestRsaKeyFileAsSigningKeys(SigningKeysContract):
    algorithm = KeyAlgorithm.RS256

    @pytest.fixture
    def make_signing_keys(self, path: Path, open_key_file: Callable[[], RsaKeyFile]) -> MakeSigningKeys:
        async def make(statuses: Sequence[KeyStatus]) -> RsaKeyFile:
            # Newest first: the order in the file is not the order of age.
            numbered = list(enumerate(statuses, start=1))
            write(path, *(entry(version, status) for version, status in reversed(numbered)))
            return open_key_file()

        return make


class TestRsaKeyFileAsVerificationKeys(VerificationKeysContract):
    @pytest.fixture
    def keys(self, key_file: RsaKeyFile) -> RsaKeyFile:
        return key_file


class TestRsaKeyFileAsPastKeys(PastKeysContract):
    @pytest.fixture
    def past_keys(self, key_file: RsaKeyFile) -> RsaKeyFile:
        return key_file


class TestRsaKeyFileAsRsaSigner(RsaSignerContract):
    @pytest.fixture
    def key(self) -> VerificationKey:
        return verification_key(2, KeyStatus.ACTIVE)

    @pytest.fixture
    def rsa_signer(self, path: Path, open_key_file: Callable[[], RsaKeyFile]) -> RsaKeyFile:
        write(path, entry(1, KeyStatus.RETIRING), entry(2))
        return open_key_file()

    @pytest.fixture
    def unreachable_signer(self, tmp_path: Path, clock: ManualClock) -> RsaKeyFile:
        return RsaKeyFile(write(tmp_path / "other.json", entry(1)), clock)


class TestRsaKeyFileAsKeyHolder(KeyHolderContract):
    algorithm = KeyAlgorithm.RS256

    @pytest.fixture
    def holder(self, path: Path, open_key_file: Callable[[], RsaKeyFile]) -> RsaKeyFile:
        write(path, entry(1))
        return open_key_file()

    @pytest.fixture
    def unreachable(self, path: Path, holder: RsaKeyFile) -> Unreachable:
        return away(path)


async def test_a_new_version_signs_and_is_there_after_a_restart(open_key_file: Callable[[], RsaKeyFile]) -> None:
    keys = open_key_file()

    made = await keys.create_version()

    for opened in (keys, open_key_file()):
        assert (await opened.versions())[1] == made
        signature = await opened.sign(b"a message", key_version=made.version)
        check_signature(verification_key_of(made), signature, b"a message")


@pytest.mark.parametrize("status", [KeyStatus.RETIRING, KeyStatus.RETIRED, KeyStatus.REVOKED])
async def test_a_version_that_verifiers_should_forget_does_not_sign(
    path: Path, open_key_file: Callable[[], RsaKeyFile], status: KeyStatus
) -> None:
    """KR-04."""
    write(path, entry(1, status))

    with pytest.raises(Unavailable):
        await open_key_file().sign(b"a message", key_version=1)


# --- a first start ------------------------------------------------------------------------------------------------


async def test_a_first_start_makes_one_active_version_for_this_user_alone(
    path: Path, open_key_file: Callable[[], RsaKeyFile], clock: ManualClock
) -> None:
    clock.advance(0.75)
    usual_umask = os.umask(0)
    try:
        first = await open_key_file().active()
    finally:
        os.umask(usual_umask)

    assert (first.version, first.not_before, first.not_after) == (1, START, None)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == [path.name]
    assert await open_key_file().active() == first


async def test_processes_that_start_together_agree_on_one_key(path: Path, clock: ManualClock) -> None:
    """The loser must not replace a key that the winner may have signed with already."""
    together = threading.Barrier(4)

    def start(_: int) -> RsaKeyFile:
        together.wait()
        return RsaKeyFile(path, clock)

    with ThreadPoolExecutor(4) as processes:
        started = list(processes.map(start, range(4)))

    assert len({(await keys.active()).kid for keys in started}) == 1


async def test_an_installation_of_before_keeps_its_other_keys(tmp_path: Path, clock: ManualClock) -> None:
    """Its access tokens go on, and each kind of key has a file of its own."""
    before = KeyFile(tmp_path / "signing-keys.json", clock, SystemRandomness())

    RsaKeyFile(tmp_path / "id-signing-keys.json", clock)

    after = KeyFile(tmp_path / "signing-keys.json", clock, SystemRandomness())
    assert await after.active() == await before.active()
    with pytest.raises(KeyFileProblem, match="is not a key file"):
        RsaKeyFile(tmp_path / "signing-keys.json", clock)
    with pytest.raises(KeyFileProblem, match="is not a key file"):
        KeyFile(tmp_path / "id-signing-keys.json", clock, SystemRandomness())


# --- files that are refused ---------------------------------------------------------------------------------------


def an_ed25519_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def an_encrypted_key() -> bytes:
    return private_key(1).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a passphrase"),
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda: b"", "is no RSA key|is not a key file"),
        (lambda: b"not PKCS 8 at all", "version 1 is no RSA key that signs ID tokens"),
        (lambda: pkcs8(private_key(1))[:-1], "version 1 is no RSA key that signs ID tokens"),
        (an_ed25519_key, "version 1 is no RSA key"),
        (an_encrypted_key, "version 1 is no RSA key that signs ID tokens"),
        (lambda: pkcs8(private_key(1, 1024)), "version 1 is no RSA key that signs ID tokens"),
        (lambda: pkcs8(rsa.generate_private_key(3, 2048)), "version 1 is no RSA key that signs ID tokens"),
    ],
    ids=["nothing", "junk", "cut off", "Ed25519", "encrypted", "1,024 bits", "exponent 3"],
)
def test_a_key_that_signs_no_id_tokens_is_refused_and_left_as_it_is(
    path: Path, open_key_file: Callable[[], RsaKeyFile], content: Callable[[], bytes], told: str
) -> None:
    write(path, entry(1, pkcs8=base64.b64encode(content()).decode()))
    before = path.read_bytes()

    with pytest.raises(KeyFileProblem, match=told):
        open_key_file()

    assert path.read_bytes() == before


def test_one_key_under_two_numbers_is_refused(path: Path, open_key_file: Callable[[], RsaKeyFile]) -> None:
    """KR-06."""
    write(path, entry(1), entry(2, KeyStatus.RETIRED, pkcs8=entry(1)["pkcs8"]))

    with pytest.raises(KeyFileProblem, match="one key stands in it twice"):
        open_key_file()


# --- secrecy ------------------------------------------------------------------------------------------------------


def test_the_key_shows_in_no_representation(path: Path, open_key_file: Callable[[], RsaKeyFile]) -> None:
    write(path, entry(1))
    keys = open_key_file()
    prime = private_key(1).private_numbers().p
    spellings = [entry(1)["pkcs8"][100:], pkcs8(private_key(1)).hex(), str(prime), f"{prime:x}"]

    shown = [repr(keys), str(keys), repr(vars(keys))]

    assert not any(spelling in text for spelling in spellings for text in shown)


def test_the_key_shows_in_no_traceback_with_local_variables(
    path: Path, open_key_file: Callable[[], RsaKeyFile]
) -> None:
    """Log formatters and error trackers print the local variables of our frames."""
    write(path, entry(1), entry(1, KeyStatus.RETIRED))

    with pytest.raises(KeyFileProblem) as refusal:
        open_key_file()

    assert refusal.tb.tb_next is not None
    in_our_code = refusal.value.with_traceback(refusal.tb.tb_next.tb_next)
    report = "".join(traceback.TracebackException.from_exception(in_our_code, capture_locals=True).format())
    assert "decode_versions" in report
    assert entry(1)["pkcs8"][100:] not in report
    assert repr(pkcs8(private_key(1)))[100:200] not in report
