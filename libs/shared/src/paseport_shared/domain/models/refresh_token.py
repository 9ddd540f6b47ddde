"""Refresh tokens that are computed, not stored, and the rules of their rotation (design §3).

A token is ``prt_<family>_<generation>_<mac>_<crc>``, all base62. Its MAC binds family, generation and client under
two keys: one per family, kept by the store, and one of the installation. The store alone forges nothing, and neither
does the installation's key alone. Nothing per token is kept: a family is one small record, whatever its age.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models import base62
from paseport_shared.domain.models.identifiers import is_id128

MAX_GENERATION: Final = (1 << 63) - 1
SPENT_KEPT: Final = 8
UNCONFIRMED_REPLAY: Final = timedelta(minutes=2)
"""How long the predecessor of an advance that no replica confirmed stays usable: nobody holds the successor yet."""

_TOKEN = re.compile(
    rf"prt_(?P<family>[{base62.ALPHABET}]{{22}})_(?P<generation>0|[1-9A-Za-z][{base62.ALPHABET}]{{0,10}})"
    rf"_(?P<mac>[{base62.ALPHABET}]{{43}})_(?P<crc>[{base62.ALPHABET}]{{6}})"
)


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """Rotation settings. ``grace`` (0–60 s): how long a lost answer may be asked for again. ``idle`` slides."""

    grace: timedelta
    idle: timedelta
    max_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A refresh token that passed its grammar; genuine only once ``RefreshTokenKey.fits`` said so."""

    family_id: str
    generation: int
    mac: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spent:
    """When a generation was spent (or, for an advance confirmed later, confirmed)."""

    generation: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RefreshFamily:
    """The refresh tokens of one client in one session.

    ``session_id`` is None for an offline family; ``audience`` is what its access tokens are for. ``generation`` is the
    live one; ``spent`` are the last eight before it, newest last. ``unconfirmed`` marks an advance that too few
    replicas confirmed. ``user_version`` is the user's when the family was opened: a family of an older version is dead.
    """

    id: str
    user_id: UUID
    user_version: int
    session_id: str | None
    client_id: str
    key: Secret[bytes]
    scope: tuple[str, ...]
    audience: str
    auth_time: datetime
    amr: tuple[str, ...]
    generation: int
    spent: tuple[Spent, ...]
    unconfirmed: bool
    opened_at: datetime
    advanced_at: datetime
    expires_at: datetime

    def is_live(self, now: datetime, policy: RefreshPolicy) -> bool:
        """Say whether the family may still be used: idle life slides, the absolute end does not."""
        return now < self.expires_at and now - self.advanced_at < policy.idle


class Rotation(enum.Enum):
    """What presenting a genuine token does."""

    ROTATE = "rotate"
    """The live generation: it is spent, its successor is live."""
    RECOVER = "recover"
    """Above the live one: the store forgot what it had acknowledged. It is taken at the token's word, then as above."""
    REPLAY = "replay"
    """The predecessor within grace: the same successor again."""
    LATE = "late"
    """Older, but itself spent within grace (a slow copy of a request): refused, nothing dies."""
    REUSE = "reuse"
    """Any other generation: somebody else holds a copy, the family dies."""
    GONE = "gone"
    """The family does not exist any more."""

    @property
    def advances(self) -> bool:
        """Whether the presented generation is spent by it."""
        return self in (Rotation.ROTATE, Rotation.RECOVER)

    @property
    def is_exchange(self) -> bool:
        """Whether the caller gets a successor."""
        return self.advances or self is Rotation.REPLAY


@dataclass(frozen=True, slots=True)
class Advance:
    """The outcome of one presentation. ``generation`` is the live one where the rotation ``is_exchange``, else -1."""

    rotation: Rotation
    generation: int = -1


def judge(family: RefreshFamily, generation: int, now: datetime, grace: timedelta) -> Rotation:
    """Say what a genuine token of ``generation`` does to ``family``. Pure: every store answers the same."""
    if generation == family.generation:
        return Rotation.ROTATE
    # Whoever holds it was answered, so it was the live one when the store last was whole; all below it are spent.
    if generation > family.generation:
        return Rotation.RECOVER
    spent_at = next((spent.at for spent in family.spent if spent.generation == generation), None)
    if spent_at is None:
        return Rotation.REUSE
    age = now - spent_at
    within_grace = grace > timedelta(0) and age <= grace
    if generation == family.generation - 1:
        if within_grace or (family.unconfirmed and age <= UNCONFIRMED_REPLAY):
            return Rotation.REPLAY
        return Rotation.REUSE
    return Rotation.LATE if within_grace else Rotation.REUSE


def advanced(family: RefreshFamily, generation: int, now: datetime, *, unconfirmed: bool) -> RefreshFamily:
    """Return the family after ``generation`` was spent at ``now``."""
    return replace(
        family,
        generation=generation + 1,
        spent=(*family.spent, Spent(generation, now))[-SPENT_KEPT:],
        unconfirmed=unconfirmed,
        advanced_at=now,
    )


def parse_refresh_token(token: Secret[str]) -> PresentedToken | None:
    """Return what the token names, or None for text that cannot be one. Junk fails without I/O."""
    match = _TOKEN.fullmatch(token.reveal())
    if match is None or base62.crc(match.string[: -(base62.WIDTH_CRC32 + 1)]) != match["crc"]:
        return None
    generation = base62.decode(match["generation"])
    if generation > MAX_GENERATION or not is_id128(match["family"]) or base62.decode(match["mac"]) >= 1 << 256:
        return None
    return PresentedToken(match["family"], generation, match["mac"])


class RefreshTokenKey:
    """Computes and checks refresh tokens under the installation's key (``PASEPORT_REFRESH_KEY``, ≥ 32 bytes)."""

    def __init__(self, key: Secret[bytes]) -> None:
        self._key = key

    def token(self, family: RefreshFamily, generation: int) -> Secret[str]:
        """Return the one token of this generation of the family."""
        body = f"prt_{family.id}_{_shortest(generation)}_{self._mac(family, generation)}"
        return Secret(f"{body}_{base62.crc(body)}")

    def fits(self, presented: PresentedToken, family: RefreshFamily) -> bool:
        """Say in constant time whether the token was issued by us for this family and its client."""
        return hmac.compare_digest(self._mac(family, presented.generation), presented.mac)

    def _mac(self, family: RefreshFamily, generation: int) -> str:
        # Lengths are framed, so that no two (family, generation, client) triples read alike.
        message = b"".join(
            len(part).to_bytes(4) + part
            for part in (
                b"paseport refresh token v1",
                family.key.reveal(),
                family.id.encode(),
                generation.to_bytes(8),
                family.client_id.encode(),
            )
        )
        return base62.encode_bytes(hmac.digest(self._key.reveal(), message, hashlib.sha256))


def _shortest(number: int) -> str:
    text = base62.encode(number, 11).lstrip("0")
    return text or "0"
