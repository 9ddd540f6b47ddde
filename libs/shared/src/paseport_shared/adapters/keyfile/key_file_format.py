"""What stands in a key file: JSON, one entry for each key version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from paseport.rfc3339 import format_time, parse_time
from paseport.secret import Secret

from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One key version. Times are whole seconds.

    ``private_key`` is the 32-byte seed of an Ed25519 key (RFC 8032 §5.1.5), or an RSA key as PKCS #8 (RFC 5958).
    """

    version: int
    private_key: bytes = field(repr=False)
    status: KeyStatus
    not_before: datetime
    not_after: datetime | None


class _WireVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry of either algorithm has beside its private key."""

    version: Annotated[int, Meta(ge=1)]
    status: KeyStatus
    not_before: str
    not_after: str | None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(version={self.version!r}, …)"


class _Ed25519Version(_WireVersion, frozen=True, forbid_unknown_fields=True):
    private_key: Annotated[bytes, Meta(min_length=32, max_length=32)] = msgspec.field(name="seed")


class _RsaVersion(_WireVersion, frozen=True, forbid_unknown_fields=True):
    private_key: Annotated[bytes, Meta(min_length=1)] = msgspec.field(name="pkcs8")


class _Ed25519File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    versions: Annotated[tuple[_Ed25519Version, ...], Meta(min_length=1)]


class _RsaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    versions: Annotated[tuple[_RsaVersion, ...], Meta(min_length=1)]


_ed25519_decoder = msgspec.json.Decoder(_Ed25519File)
_rsa_decoder = msgspec.json.Decoder(_RsaFile)


def encode_versions(versions: Iterable[StoredVersion], algorithm: KeyAlgorithm) -> Secret[bytes]:
    """Write a key file, indented: an operator may have to look at it."""
    # Its members by name, in the order in which a person reads them.
    name = "seed" if algorithm is KeyAlgorithm.ED25519 else "pkcs8"
    wire = {
        "versions": [
            {
                "version": version.version,
                name: version.private_key,
                "status": version.status.value,
                "not_before": format_time(version.not_before),
                "not_after": None if version.not_after is None else format_time(version.not_after),
            }
            for version in versions
        ]
    }
    return Secret(msgspec.json.format(msgspec.json.encode(wire), indent=2) + b"\n")


def decode_versions(path: Path, content: Secret[bytes], algorithm: KeyAlgorithm) -> list[StoredVersion]:
    """Read the content of the key file at ``path``.

    Raises ``KeyFileProblem`` for anything but whole entries with different version numbers, of which one at most is
    ACTIVE: two would leave it to chance which one signs.
    """
    try:
        versions = [
            StoredVersion(
                version=version.version,
                private_key=version.private_key,
                status=version.status,
                not_before=parse_time(version.not_before),
                not_after=None if version.not_after is None else parse_time(version.not_after),
            )
            for version in _wire_versions(content, algorithm)
        ]
    except (ValueError, RecursionError) as error:
        raise KeyFileProblem.malformed(path, str(error)) from error
    if len({version.version for version in versions}) != len(versions):
        raise KeyFileProblem.malformed(path, "one version number stands in it twice")
    if sum(version.status is KeyStatus.ACTIVE for version in versions) > 1:
        raise KeyFileProblem.malformed(path, "more than one version is active")
    return versions


def _wire_versions(
    content: Secret[bytes], algorithm: KeyAlgorithm
) -> tuple[_Ed25519Version, ...] | tuple[_RsaVersion, ...]:
    if algorithm is KeyAlgorithm.RS256:
        return _rsa_decoder.decode(content.reveal()).versions
    return _ed25519_decoder.decode(content.reveal()).versions
