"""``KeyFile`` keeps the contracts of signing keys, verification keys and raw signers; what it does to its file."""

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
from contracts.raw_signer import RawSignerContract
from contracts.signing_keys import EVERY_STATUS, MakeSigningKeys, SigningKeysContract, VerificationKeysContract
from contracts.support import Unreachable
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from paseport.paserk import public_key_id
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.keyfile.key_versions import KEPT
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import KeyStatus, VerificationKey

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


def seed(version: int) -> bytes:
    return bytes([version]) * 32


def entry(number: int, status: KeyStatus = KeyStatus.ACTIVE, **changes: object) -> Entry:
    return {
        "version": number,
        "seed": base64.b64encode(seed(number)).decode(),
        "status": status.value,
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2026-01-01T01:00:00Z",
    } | changes


def write(path: Path, *entries: Entry, mode: int = 0o600) -> Path:
    return write_raw(path, json.dumps({"versions": entries}).encode(), mode)


def write_raw(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def verification_key(version: int, status: KeyStatus) -> VerificationKey:
    public_key = Ed25519PrivateKey.from_private_bytes(seed(version)).public_key().public_bytes_raw()
    return VerificationKey(version, public_key_id(public_key), public_key, status, START, START + timedelta(hours=1))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signing-keys.json"


@pytest.fixture
def open_key_file(path: Path, clock: ManualClock) -> Callable[[], KeyFile]:
    """Open it as a process does at its start."""
    return lambda: KeyFile(path, clock, SystemRandomness())


class TestKeyFileAsSigningKeys(SigningKeysContract):
    @pytest.fixture
    def make_signing_keys(self, path: Path, open_key_file: Callable[[], KeyFile]) -> MakeSigningKeys:
        async def make(statuses: Sequence[KeyStatus]) -> KeyFile:
            # Newest first: the order in the file is not the order of age.
            numbered = list(enumerate(statuses, start=1))
            write(path, *(entry(version, status) for version, status in reversed(numbered)))
            return open_key_file()

        return make


class TestKeyFileAsVerificationKeys(VerificationKeysContract):
    @pytest.fixture
    def published(self) -> list[VerificationKey]:
        return [verification_key(version, status) for version, status in enumerate(EVERY_STATUS, start=1)]

    @pytest.fixture
    def keys(self, path: Path, published: Sequence[VerificationKey], open_key_file: Callable[[], KeyFile]) -> KeyFile:
        write(path, *(entry(key.version, key.status) for key in published))
        return open_key_file()


class TestKeyFileAsRawSigner(RawSignerContract):
    @pytest.fixture
    def key(self) -> VerificationKey:
        return verification_key(2, KeyStatus.ACTIVE)

    @pytest.fixture
    def signer(self, path: Path, open_key_file: Callable[[], KeyFile]) -> KeyFile:
        write(path, entry(1, KeyStatus.RETIRING), entry(2))
        return open_key_file()

    @pytest.fixture
    def unreachable_signer(self, tmp_path: Path, clock: ManualClock) -> KeyFile:
        return KeyFile(write(tmp_path / "other.json", entry(1)), clock, SystemRandomness())


class TestKeyFileAsKeyHolder(KeyHolderContract):
    @pytest.fixture
    def holder(self, open_key_file: Callable[[], KeyFile]) -> KeyFile:
        return open_key_file()

    @pytest.fixture
    def unreachable(self, path: Path, holder: KeyFile) -> Unreachable:
        return away(path)


@pytest.mark.parametrize("status", [KeyStatus.RETIRING, KeyStatus.RETIRED, KeyStatus.REVOKED])
async def test_a_version_that_verifiers_should_forget_does_not_sign(
    path: Path, open_key_file: Callable[[], KeyFile], status: KeyStatus
) -> None:
    """KR-04. When one that is PUBLISHED may sign is for the record to say."""
    write(path, entry(1, status))

    with pytest.raises(Unavailable):
        await open_key_file().sign(b"a message", key_version=1)


async def test_the_issuer_does_not_sign_with_a_key_whose_time_is_over(
    path: Path, open_key_file: Callable[[], KeyFile], clock: ManualClock
) -> None:
    write(path, entry(1))
    keys = open_key_file()

    clock.advance(timedelta(hours=1))

    with pytest.raises(Unavailable):
        await keys.active()


# --- another version ------------------------------------------------------------------------------------------------


async def test_a_new_version_signs_and_is_there_after_a_restart(open_key_file: Callable[[], KeyFile]) -> None:
    keys = open_key_file()
    first = await keys.active()

    made = await keys.create_version()

    for opened in (keys, open_key_file()):
        assert [held.kid for held in await opened.versions()] == [first.kid, made.kid]
        assert await opened.active() == first
        signature = await opened.sign(b"a message", key_version=made.version)
        Ed25519PublicKey.from_public_bytes(made.public_key).verify(signature, b"a message")


async def test_a_file_holds_the_newest_sixteen_versions(path: Path, open_key_file: Callable[[], KeyFile]) -> None:
    """It is read whole at each start, so it has an end; and what has long retired needs no private key."""
    keys = open_key_file()

    for _ in range(KEPT + 4):
        await keys.create_version()

    assert [held.version for held in await open_key_file().versions()] == list(range(6, 22))
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == [path.name]


async def test_a_new_file_begins_with_the_number_that_it_is_told(path: Path, clock: ManualClock) -> None:
    """KR-06: one whose file was lost does not give its numbers to other keys."""
    keys = KeyFile(path, clock, SystemRandomness(), first_version=4)

    assert [held.version for held in await keys.versions()] == [4]
    assert (await keys.create_version()).version == 5


# --- a first start ------------------------------------------------------------------------------------------------


async def test_a_first_start_makes_one_active_version(open_key_file: Callable[[], KeyFile], clock: ManualClock) -> None:
    clock.advance(0.75)

    key = await open_key_file().active()

    assert (key.version, key.not_before, key.not_after) == (1, START, None)


def test_a_first_start_makes_a_file_for_this_user_alone(path: Path, open_key_file: Callable[[], KeyFile]) -> None:
    usual_umask = os.umask(0)
    try:
        open_key_file()
    finally:
        os.umask(usual_umask)

    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == [path.name]


async def test_a_restart_signs_with_the_same_key(open_key_file: Callable[[], KeyFile]) -> None:
    first = open_key_file()

    second = open_key_file()

    assert await second.active() == await first.active()


async def test_two_installations_have_different_keys(tmp_path: Path, clock: ManualClock) -> None:
    keys = [KeyFile(tmp_path / name, clock, SystemRandomness()) for name in ("one.json", "other.json")]

    assert (await keys[0].active()).kid != (await keys[1].active()).kid


async def test_processes_that_start_together_agree_on_one_key(path: Path, clock: ManualClock) -> None:
    """The loser must not replace a key that the winner may have signed with already."""
    together = threading.Barrier(8)

    def start(number: int) -> KeyFile:
        together.wait()
        return KeyFile(path, clock, SeededRandomness(number))

    with ThreadPoolExecutor(8) as processes:
        started = list(processes.map(start, range(8)))

    assert len({(await keys.active()).kid for keys in started}) == 1
    assert os.listdir(path.parent) == [path.name]


def test_an_operator_whose_folder_is_missing_is_told_so(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(KeyFileProblem, match=r"cannot be created: .* Make .*nowhere a folder that this user may write"):
        KeyFile(tmp_path / "nowhere" / "signing-keys.json", clock, SystemRandomness())


# --- files that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o610, 0o601, 0o644, 0o777])
def test_a_file_that_others_can_reach_is_refused(path: Path, open_key_file: Callable[[], KeyFile], mode: int) -> None:
    write(path, entry(1), mode=mode)

    with pytest.raises(KeyFileProblem, match=r"open to other users .*chmod 600"):
        open_key_file()

    assert path.stat().st_mode & 0o777 == mode


def test_a_file_of_somebody_else_is_refused(path: Path, clock: ManualClock) -> None:
    if os.geteuid() == 0:
        os.chown(write(path, entry(1)), 65534, -1)
    else:
        path = Path("/etc/passwd")

    with pytest.raises(KeyFileProblem, match="belongs to another user"):
        KeyFile(path, clock, SystemRandomness())


@pytest.mark.parametrize("target_exists", [True, False])
def test_a_symbolic_link_is_refused_and_not_followed(
    path: Path, open_key_file: Callable[[], KeyFile], target_exists: bool
) -> None:
    """Whoever may write to the folder could point it at a key of theirs, or let us write to a file of ours."""
    target = path.with_name("target.json")
    if target_exists:
        write(target, entry(1))
    path.symlink_to(target)

    with pytest.raises(KeyFileProblem, match="symbolic link"):
        open_key_file()

    assert target.exists() is target_exists


def test_a_folder_in_its_place_is_refused(path: Path, open_key_file: Callable[[], KeyFile]) -> None:
    path.mkdir(mode=0o700)

    with pytest.raises(KeyFileProblem, match="not a regular file"):
        open_key_file()


def test_a_named_pipe_in_its_place_is_refused_without_waiting_for_a_writer(
    path: Path, open_key_file: Callable[[], KeyFile]
) -> None:
    os.mkfifo(path, 0o600)

    with pytest.raises(KeyFileProblem, match="not a regular file"):
        open_key_file()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"\xff",
        b"[" * 20_000,
        b"{}",
        b'{"versions": []}',
        b" " * (64 * 1024 + 1),
        *(
            json.dumps({"versions": entries}).encode()
            for entries in [
                [entry(1, version=0)],
                [entry(1, version="1")],
                [entry(1, seed="")],
                [entry(1, seed=base64.b64encode(bytes(31)).decode())],
                [entry(1, seed=base64.b64encode(bytes(33)).decode())],
                [entry(1, seed="not base64 at all !!!")],
                [entry(1) | {"status": "Active"}],
                [entry(1) | {"status": None}],
                [entry(1, not_before=None)],
                [entry(1, not_before="2026-01-01")],
                [entry(1, not_after=1)],
                [entry(1, public_key="a field that nobody knows")],
                [entry(1), entry(2)],
                [entry(1), entry(1, KeyStatus.RETIRED)],
                [entry(1), entry(2, KeyStatus.RETIRED, seed=entry(1)["seed"])],
            ]
        ),
        json.dumps({"versions": [entry(1)], "format": 2}).encode(),
        json.dumps({"versions": [entry(1)]}).encode()[:-1],
    ],
)
def test_a_file_that_is_no_key_file_is_refused_and_left_as_it_is(
    path: Path, open_key_file: Callable[[], KeyFile], content: bytes
) -> None:
    write_raw(path, content)

    with pytest.raises(KeyFileProblem, match=r"is not a key file: .* Restore it from a backup"):
        open_key_file()

    assert path.read_bytes() == content


# --- secrecy ------------------------------------------------------------------------------------------------------


def test_the_key_shows_in_no_representation(path: Path, open_key_file: Callable[[], KeyFile]) -> None:
    write(path, entry(1))
    keys = open_key_file()
    spellings = [entry(1)["seed"], seed(1).hex(), repr(seed(1))[2:-1]]

    shown = [repr(keys), str(keys), repr(vars(keys))]

    assert not any(spelling in text for spelling in spellings for text in shown)


def test_the_key_shows_in_no_traceback_with_local_variables(path: Path, open_key_file: Callable[[], KeyFile]) -> None:
    """Log formatters and error trackers print the local variables of our frames."""
    write(path, entry(1), entry(1, KeyStatus.RETIRED))

    with pytest.raises(KeyFileProblem) as refusal:
        open_key_file()

    assert refusal.tb.tb_next is not None
    in_our_code = refusal.value.with_traceback(refusal.tb.tb_next.tb_next)
    report = "".join(traceback.TracebackException.from_exception(in_our_code, capture_locals=True).format())
    assert "decode_versions" in report
    assert entry(1)["seed"] not in report
    assert repr(seed(1))[2:-1] not in report
