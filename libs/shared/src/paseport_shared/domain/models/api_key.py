"""API keys: long-lived credentials that a person makes for a program, and what each of them is good for (design §3).

A key is ``ppk_<id>_<secret>_<crc>``: 16, 43 and 6 base62 characters, the CRC32 over everything before it. Its grammar
costs no I/O, its id finds it, and of its secret only a digest under a pepper of the installation is kept.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models import base62
from paseport_shared.domain.models.host_pattern import host_fits
from paseport_shared.domain.models.network import address_is_in
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.models.request_facts import RequestFacts, is_below

PREFIX: Final = "ppk_"
ID_LENGTH: Final = 16
ID_BYTES: Final = 12
SECRET_BYTES: Final = 32
SCANNER_PATTERN: Final = r"ppk_[0-9A-Za-z]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"
"""For secret scanners; the checksum tells a key from text that looks like one."""
MAX_LIVE_SECRETS: Final = 2

_KEY: Final = re.compile(
    rf"ppk_(?P<id>[{base62.ALPHABET}]{{16}})_(?P<secret>[{base62.ALPHABET}]{{43}})_(?P<crc>[{base62.ALPHABET}]{{6}})"
)
_LARGEST_SECRET: Final = base62.encode((1 << 8 * SECRET_BYTES) - 1, base62.WIDTH_256)
_PERSON: Final = b"paseport api key"


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """Text that passed the grammar; a key only once a digest of ours fits."""

    id: str
    secret: str = field(repr=False)


def new_api_key_id(randomness: bytes) -> str:
    """Return ``randomness``, 12 bytes, as an id: 95 of its bits."""
    return base62.encode(int.from_bytes(randomness) >> 1, ID_LENGTH)


def new_api_key(key_id: str, randomness: bytes) -> Secret[str]:
    """Return the key of this id with ``randomness``, 32 bytes, as its secret."""
    body = f"{PREFIX}{key_id}_{base62.encode_bytes(randomness)}"
    return Secret(f"{body}_{base62.crc(body)}")


def parse_api_key(text: str) -> PresentedKey | None:
    """Return what the text names, or None for one that cannot be a key. Junk fails without I/O."""
    match = _KEY.fullmatch(text)
    if match is None or base62.crc(match.string[: -(base62.WIDTH_CRC32 + 1)]) != match["crc"]:
        return None
    # Of one width, and the alphabet is in the order of its values: compared as text, they are compared as numbers.
    return PresentedKey(match["id"], match["secret"]) if match["secret"] <= _LARGEST_SECRET else None


class ApiKeyPeppers:
    """The peppers of the installation by version (``PASEPORT_API_KEY_PEPPER``); new digests use the highest.

    An old version stays until every key that was made under it has been rotated.
    """

    def __init__(self, by_version: Mapping[int, Secret[bytes]]) -> None:
        """Raises ``ValueError`` without any."""
        if not by_version:
            raise ValueError("at least one pepper")
        self._by_version = dict(by_version)
        self.current = max(by_version)

    def digest(self, presented: PresentedKey, version: int) -> bytes | None:
        """Return the digest of a key under a version, 32 bytes; None for a version that is not there (any more)."""
        pepper = self._by_version.get(version)
        if pepper is None:
            return None
        text = f"{presented.id}_{presented.secret}".encode()
        return hashlib.blake2b(text, digest_size=32, key=pepper.reveal(), person=_PERSON).digest()

    def fits(self, presented: PresentedKey, held: ApiKeySecret) -> bool:
        """Say in constant time whether the presented secret is the one of which ``held`` is the digest."""
        digest = self.digest(presented, held.pepper_version)
        return digest is not None and hmac.compare_digest(digest, held.digest)


@dataclass(frozen=True, slots=True)
class ApiKeySecret:
    """One secret of a key. ``expires_at`` is set when a newer one replaced it: until then both work."""

    digest: bytes = field(repr=False)
    pepper_version: int
    created_at: datetime
    expires_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Say whether it still works."""
        return self.expires_at is None or now < self.expires_at


class KeyRefusal(enum.Enum):
    """Why a genuine key is not good for a request: for the log and for administrators, never for the caller."""

    DISABLED = "key_disabled"
    EXPIRED = "key_expired"
    HOST = "key_host"
    PATH = "key_path"
    METHOD = "key_method"
    NETWORK = "key_network"

    @property
    def remedy(self) -> str:
        """What would have let the request pass."""
        return _REMEDIES[self]


_REMEDIES: Final = {
    KeyRefusal.DISABLED: "enabling the key",
    KeyRefusal.EXPIRED: "a key that has not expired",
    KeyRefusal.HOST: "a key for this host",
    KeyRefusal.PATH: "a key for this path",
    KeyRefusal.METHOD: "a key for this method",
    KeyRefusal.NETWORK: "a key for the network of the client address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as the record holds it.

    ``owner_id`` is a user; a service account is a user without password. ``roles`` and ``scopes`` are the most that the
    key is worth: of the roles, only those that its owner holds at the moment count. ``hosts`` (exact names or ``*.``
    suffixes), ``paths`` (prefixes of whole segments), ``methods`` and ``networks`` (CIDRs) say where it works; an empty
    one says everywhere. ``email`` is whom to tell about it. ``revision`` counts every stored change and becomes the
    ETag; what a verifier knows of an older revision does not count.

    ``legacy_digest`` is set for a key that another system made: the SHA-256 (hex) of its text and that system's pepper;
    it has no ``secrets``. ``last_used_at`` and ``use_count`` are written a while after the use.
    """

    id: str
    owner_id: UUID
    name: str
    comment: str = ""
    email: str | None = field(default=None, repr=False)
    roles: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    secrets: tuple[ApiKeySecret, ...] = field(default=(), repr=False)
    legacy_digest: str | None = field(default=None, repr=False)
    disabled: bool = False
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    revision: int = 1
    last_used_at: datetime | None = None
    use_count: int = 0

    def live_secret(self, presented: PresentedKey, peppers: ApiKeyPeppers, now: datetime) -> ApiKeySecret | None:
        """Return the live secret that ``presented`` fits, or None where it is not this key."""
        return next((held for held in self.secrets if held.is_live(now) and peppers.fits(presented, held)), None)

    def refusal(self, facts: RequestFacts, now: datetime) -> KeyRefusal | None:
        """Return why the key is not good for a request now, or None where it is."""
        if self.disabled:
            return KeyRefusal.DISABLED
        if self.expires_at is not None and now >= self.expires_at:
            return KeyRefusal.EXPIRED
        if self.hosts and not any(host_fits(pattern, facts.host) for pattern in self.hosts):
            return KeyRefusal.HOST
        if self.paths and not any(is_below(facts.path, prefix) for prefix in self.paths):
            return KeyRefusal.PATH
        if self.methods and facts.method not in self.methods:
            return KeyRefusal.METHOD
        if self.networks and not address_is_in(facts.address, self.networks):
            return KeyRefusal.NETWORK
        return None


@dataclass(frozen=True, slots=True)
class DeletedApiKey:
    """What is left of a key that was revoked: nothing brings it back."""

    id: str
    revision: int
    legacy_digest: str | None = field(default=None, repr=False)


ApiKeyEntry = ApiKey | DeletedApiKey


@dataclass(frozen=True, slots=True)
class ApiKeyQuery:
    """One page of keys, newest first.

    ``owner_id`` None is everybody's; ``search`` is a literal substring of the name, the comment or the owner's user
    name; ``after`` is the id of the last item seen.
    """

    owner_id: UUID | None = None
    search: str = ""
    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKeyPage:
    """``items`` of one page, ``next`` to continue behind or None, and how many keys match in all."""

    items: tuple[ApiKey, ...]
    next: str | None
    total: int


@dataclass(frozen=True, slots=True)
class ApiKeyUse:
    """How often a key was used since somebody last said so, and when for the last time."""

    key_id: str
    count: int
    last_used_at: datetime
