"""``KeyFileCipher`` keeps the contract of data ciphers; what it does to its file."""

import base64
import json
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contracts.data_cipher import OWNER, PLAIN, PURPOSE, DataCipherContract, open_, seal
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paseport import base64url
from paseport.v4_public import pre_auth_encode
from paseport_shared.adapters.keyfile.data_key import KeyFileCipher
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.errors import Unavailable

KEY, OTHER_KEY = bytes([1]) * 32, bytes([2]) * 32


def write(path: Path, *keys: bytes, mode: int = 0o600) -> Path:
    entries = [{"key": base64.b64encode(key).decode()} for key in keys]
    return write_raw(path, json.dumps({"data_keys": entries}).encode(), mode)


def write_raw(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def opened(path: Path) -> KeyFileCipher:
    """As a process does at its start."""
    return KeyFileCipher(path, SystemRandomness())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data-key.json"


class TestKeyFileCipher(DataCipherContract):
    @pytest.fixture
    def cipher(self, path: Path) -> KeyFileCipher:
        return opened(path)

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> KeyFileCipher:
        return opened(tmp_path / "another.json")


def test_a_first_start_makes_a_key_that_nobody_else_reads(path: Path) -> None:
    opened(path)

    assert path.stat().st_mode & 0o7777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_the_next_start_opens_what_the_first_one_sealed(path: Path) -> None:
    sealed = await seal(opened(path))

    assert await open_(opened(path), sealed) == PLAIN


async def test_processes_that_start_together_make_one_key(path: Path) -> None:
    barrier = threading.Barrier(8)

    def start(_: int) -> KeyFileCipher:
        barrier.wait()
        return opened(path)

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(start, range(8))

    sealed = await seal(first)
    assert [await open_(other, sealed) for other in others] == [PLAIN] * 7


async def test_the_first_key_seals_and_each_opens(path: Path) -> None:
    """How an operator takes a new key: put it in front of the old one."""
    old = await seal(opened(write(path, KEY)))
    both = opened(write(path, OTHER_KEY, KEY))
    new = await seal(both)

    assert await open_(both, old) == await open_(both, new) == PLAIN

    only_new = opened(write(path, OTHER_KEY))
    assert await open_(only_new, new) == PLAIN
    with pytest.raises(Unavailable) as refusal:
        await open_(only_new, old)
    assert "no data key" in refusal.value.reason


async def test_a_sealed_text_is_aes_gcm_bound_to_key_purpose_and_owner(path: Path) -> None:
    """Opened by hand, with the key of the file: NIST SP 800-38D, and the framing of PASETO."""
    sealed = await seal(opened(write(path, KEY)))

    kind, key_id, content = sealed.split(".")
    raw = base64url.decode(content)
    bound = pre_auth_encode(kind.encode(), key_id.encode(), PURPOSE.encode(), OWNER.encode())
    assert kind == "keyfile1"
    assert AESGCM(KEY).decrypt(raw[:12], raw[12:], bound).decode() == PLAIN.reveal()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        b"\xff",
        b"[" * 10_000,
        b"{}",
        b'{"data_keys": []}',
        b'{"data_keys": [{}]}',
        b'{"data_keys": [{"key": "AAAA"}]}',
        b'{"data_keys": [{"key": "not base64"}]}',
        json.dumps({"data_keys": [{"key": base64.b64encode(KEY).decode()}] * 2}).encode(),
        json.dumps({"data_keys": [{"key": base64.b64encode(KEY).decode(), "kid": "1"}]}).encode(),
        json.dumps({"versions": [{"version": 1, "seed": base64.b64encode(KEY).decode()}]}).encode(),
        b" " * (64 * 1024 + 1),
    ],
)
def test_a_file_that_is_no_key_file_is_told_and_never_replaced(path: Path, content: bytes) -> None:
    write_raw(path, content)

    with pytest.raises(KeyFileProblem, match=r"is not a key file.*backup.*no secret that it sealed can be read again"):
        opened(path)

    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    with pytest.raises(KeyFileProblem, match="open to other users"):
        opened(write(path, KEY, mode=mode))


def test_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    os.symlink(write(tmp_path / "elsewhere", KEY), path)

    with pytest.raises(KeyFileProblem, match="symbolic link"):
        opened(path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileProblem, match="cannot be created"):
        opened(tmp_path / "no such folder" / "data-key.json")


def test_the_key_shows_in_no_traceback_with_local_variables(path: Path) -> None:
    """Log formatters and error trackers print the local variables of our frames."""
    write(path, KEY, KEY)

    with pytest.raises(KeyFileProblem) as refusal:
        opened(path)

    report = "".join(traceback.TracebackException.from_exception(refusal.value, capture_locals=True).format())
    assert "_read_keys" in report
    assert base64.b64encode(KEY).decode() not in report
    assert repr(KEY)[2:-1] not in report


async def test_the_key_shows_in_no_representation(path: Path) -> None:
    cipher = opened(write(path, KEY))
    sealed = await seal(cipher)

    shown = [repr(cipher), repr(vars(cipher)), sealed]

    spellings = (base64.b64encode(KEY).decode(), KEY.hex(), repr(KEY)[2:-1])
    assert not any(spelling in text for spelling in spellings for text in shown)
