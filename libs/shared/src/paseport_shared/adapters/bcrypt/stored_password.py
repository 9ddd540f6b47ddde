"""The stored forms of a password, read strictly.

A form comes from the database, and an imported one from somebody else's: it decides how long a check takes. So every
cost has a bound, and whatever is not exactly one of the forms below is no stored password.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

MAX_BCRYPT_COST: Final = 15
"""About two seconds of one core; a form that names more is not readable."""
MAX_PBKDF2_ITERATIONS: Final = 1_000_000
"""Between half a second and one for 64 bytes. Keycloak writes 27,500 to 600,000."""

# The 22nd character of the salt holds two bits, so it is one of four: the driver refuses any other.
_BCRYPT = r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
_PEPPERED: Final = re.compile(rf"\{{bcrypt-hmac,p=(?P<pepper>[1-9][0-9]{{0,8}})\}}(?P<bcrypt>{_BCRYPT})", re.ASCII)
_BCRYPT_ONLY: Final = re.compile(rf"\{{bcrypt\}}(?P<bcrypt>{_BCRYPT})", re.ASCII)
_PBKDF2: Final = re.compile(
    r"\{pbkdf2-(?P<digest>sha256|sha512)\}(?P<iterations>[1-9][0-9]{0,6})"
    r"\$(?P<salt>[A-Za-z0-9+/]{1,172}={0,2})\$(?P<derived>[A-Za-z0-9+/]{1,88}={0,2})",
    re.ASCII,
)
_MIN_COST: Final = 4
# Fewer derived bytes would let some other password match by chance.
_DERIVED_BYTES: Final = range(16, 64 + 1)


@dataclass(frozen=True, slots=True)
class PepperedBcrypt:
    """Ours: bcrypt over the HMAC of the normalised password, under one version of the pepper."""

    pepper: int
    cost: int
    bcrypt: bytes


@dataclass(frozen=True, slots=True)
class ImportedBcrypt:
    """bcrypt over the password itself, ``$2a``, ``$2b`` or ``$2y``."""

    bcrypt: bytes


@dataclass(frozen=True, slots=True)
class ImportedPbkdf2:
    """PBKDF2 with HMAC-SHA-256 or HMAC-SHA-512 (RFC 8018 §5.2), as Keycloak exports it."""

    digest: str
    iterations: int
    salt: bytes
    derived: bytes


StoredPassword = PepperedBcrypt | ImportedBcrypt | ImportedPbkdf2


def format_peppered(pepper: int, bcrypt_hash: bytes) -> str:
    """Write our own form."""
    return f"{{bcrypt-hmac,p={pepper}}}{bcrypt_hash.decode('ascii')}"


def parse_stored(stored: str) -> StoredPassword | None:
    """Return what a stored form says, or None if it is none that may be checked."""
    if (ours := _PEPPERED.fullmatch(stored)) is not None:
        cost = int(ours["cost"])
        return PepperedBcrypt(int(ours["pepper"]), cost, ours["bcrypt"].encode("ascii")) if _bearable(cost) else None
    if (imported := _BCRYPT_ONLY.fullmatch(stored)) is not None:
        return ImportedBcrypt(imported["bcrypt"].encode("ascii")) if _bearable(int(imported["cost"])) else None
    if (imported := _PBKDF2.fullmatch(stored)) is not None:
        return _pbkdf2(imported)
    return None


def _bearable(cost: int) -> bool:
    return _MIN_COST <= cost <= MAX_BCRYPT_COST


def _pbkdf2(form: re.Match[str]) -> ImportedPbkdf2 | None:
    iterations = int(form["iterations"])
    try:
        salt = base64.b64decode(form["salt"], validate=True)
        derived = base64.b64decode(form["derived"], validate=True)
    except ValueError:
        return None
    if iterations > MAX_PBKDF2_ITERATIONS or len(derived) not in _DERIVED_BYTES:
        return None
    return ImportedPbkdf2(form["digest"], iterations, salt, derived)
