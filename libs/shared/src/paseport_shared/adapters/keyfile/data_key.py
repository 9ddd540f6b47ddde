"""The key that seals secrets where all runs in one process, in a file beside those that sign."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta
from paseport import base64url
from paseport.secret import Secret
from paseport.v4_public import pre_auth_encode

from paseport_shared.adapters.keyfile.private_file import create_private_file, read_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.randomness import Randomness

KEY_BYTES: Final = 32
"""AES-256."""
_NONCE_BYTES: Final = 12
_PREFIX: Final = "keyfile1"
"""Where a sealed text came from, which algorithm sealed it, and how what it is bound to is framed."""
_SEALED: Final = re.compile(rf"{_PREFIX}\.(?P<id>[0-9a-f]{{16}})\.(?P<content>[A-Za-z0-9_-]+)", re.ASCII)


class _WireKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class _WireFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data_keys: Annotated[tuple[_WireKey, ...], Meta(min_length=1)]


_decoder = msgspec.json.Decoder(_WireFile)


class KeyFileCipher:
    """A ``DataCipher`` with AES-256-GCM (NIST SP 800-38D) and the keys of a file: the first seals, each opens.

    The file is read when this is made. Where there is none it is created with one key. Raises ``KeyFileProblem`` for a
    file that somebody else can read or has put there, and for one that is no such file: it is never replaced, because
    every secret sealed so far depends on it.

    The key is in the process, which is what Vault is there to avoid (ADR 0008).
    """

    def __init__(self, path: Path, randomness: Randomness) -> None:
        # Before anything can fail: reports of errors print their frames, this object among them.
        self._randomness = randomness
        content = read_private_file(path)
        if content is None:
            content = create_private_file(path, _new_file(randomness))
        # Made once: each holds its key where no repr shows it.
        self._keys = _read_keys(path, content)
        self._sealing_id = next(iter(self._keys))

    async def seal(self, plain: Secret[str], *, purpose: str, owner: str) -> str:
        """See ``DataCipher.seal``. ValueError for text that cannot be encoded.

        Nonces are random, so a key is good for 2³² secrets; nothing but storing one uses it.
        """
        nonce = self._randomness.token_bytes(_NONCE_BYTES)
        bound = _bound_to(self._sealing_id, purpose, owner)
        encrypted = self._keys[self._sealing_id].encrypt(nonce, _encoded(plain).reveal(), bound)
        return f"{_PREFIX}.{self._sealing_id}.{base64url.encode(nonce + encrypted)}"

    async def open(self, sealed: str, *, purpose: str, owner: str) -> Secret[str]:
        """See ``DataCipher.open``. On the event loop, as sealing is: both take some microseconds."""
        match = _SEALED.fullmatch(sealed)
        if match is None:
            raise Unavailable("a sealed text is none that a key file made")
        key = self._keys.get(match["id"])
        if key is None:
            raise Unavailable(f"the key file has no data key {match['id']}")
        try:
            content = base64url.decode(match["content"])
            nonce, encrypted = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
            return Secret(key.decrypt(nonce, encrypted, _bound_to(match["id"], purpose, owner)).decode())
        except (InvalidTag, ValueError):
            # Python's words about bytes that it cannot read quote them.
            raise Unavailable("a sealed text was changed, or is of somebody else") from None


def _new_file(randomness: Randomness) -> Secret[bytes]:
    wire = _WireFile((_WireKey(randomness.token_bytes(KEY_BYTES)),))
    return Secret(msgspec.json.format(msgspec.json.encode(wire), indent=2) + b"\n")


def _read_keys(path: Path, content: Secret[bytes]) -> dict[str, AESGCM]:
    """Return the keys of a file under their ids, in its order."""
    try:
        wire = _decoder.decode(content.reveal())
    except (ValueError, RecursionError) as error:
        raise KeyFileProblem.malformed(path, str(error)) from error
    keys = {_key_id(held): AESGCM(held.key) for held in wire.data_keys}
    if len(keys) != len(wire.data_keys):
        raise KeyFileProblem.malformed(path, "one key stands in it twice")
    return keys


def _key_id(held: _WireKey) -> str:
    """Return what a key is called in what it seals: nobody gets from it to the key."""
    return hashlib.sha256(b"paseport data key id\x00" + held.key).hexdigest()[:16]


def _bound_to(key_id: str, purpose: str, owner: str) -> bytes:
    return pre_auth_encode(_PREFIX.encode(), key_id.encode(), purpose.encode(), owner.encode())


def _encoded(plain: Secret[str]) -> Secret[bytes]:
    try:
        return Secret(plain.reveal().encode())
    except UnicodeEncodeError:
        message = "a secret with lone surrogates cannot be sealed"
        raise ValueError(message) from None  # Python's own error carries the text
