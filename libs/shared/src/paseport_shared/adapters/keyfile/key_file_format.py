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

from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.signing_key import KeyStatus


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One key version; ``seed`` is the 32-byte Ed25519 private key (RFC 8032 §5.1.5). Times are whole seconds."""

    version: int
    seed: bytes = field(repr=False)
    status: KeyStatus
    not_before: datetime
    not_after: datetime | None


class _WireVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1)]
    seed: Annotated[bytes, Meta(min_length=32, max_length=32)]
    status: KeyStatus
    not_before: str
    not_after: str | None

    def __repr__(self) -> str:
        return f"_WireVersion(version={self.version!r}, seed=…)"


class _WireFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    versions: Annotated[tuple[_WireVersion, ...], Meta(min_length=1)]


_decoder = msgspec.json.Decoder(_WireFile)


def encode_versions(versions: Iterable[StoredVersion]) -> Secret[bytes]:
    """Write a key file, indented: an operator may have to look at it."""
    wire = _WireFile(
        versions=tuple(
            _WireVersion(
                version=version.version,
                seed=version.seed,
                status=version.status,
                not_before=format_time(version.not_before),
                not_after=None if version.not_after is None else format_time(version.not_after),
            )
            for version in versions
        )
    )
    return Secret(msgspec.json.format(msgspec.json.encode(wire), indent=2) + b"\n")


def decode_versions(path: Path, content: Secret[bytes]) -> list[StoredVersion]:
    """Read the content of the key file at ``path``.

    Raises ``KeyFileProblem`` for anything but whole entries with different version numbers, of which one at most is
    ACTIVE: two would leave it to chance which one signs.
    """
    try:
        wire = _decoder.decode(content.reveal())
        versions = [
            StoredVersion(
                version=version.version,
                seed=version.seed,
                status=version.status,
                not_before=parse_time(version.not_before),
                not_after=None if version.not_after is None else parse_time(version.not_after),
            )
            for version in wire.versions
        ]
    except (ValueError, RecursionError) as error:
        raise KeyFileProblem.malformed(path, str(error)) from error
    if len({version.version for version in versions}) != len(versions):
        raise KeyFileProblem.malformed(path, "one version number stands in it twice")
    if sum(version.status is KeyStatus.ACTIVE for version in versions) > 1:
        raise KeyFileProblem.malformed(path, "more than one version is active")
    return versions
