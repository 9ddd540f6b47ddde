"""A browser's sign-in, as a routed host knows it: handed over once, then a cookie of that host alone (design §1, §4).

The cookie ``__Host-paseport-edge`` is ``pse_<sid>_<uid>_<version>_<end>_<mac>_<crc>``, all base62. Its MAC binds it to
one host. It proves which session it is; whether that session lives is asked of the session store and the feed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models import base62
from paseport_shared.domain.models.identifiers import is_id128

_COUNTER: Final = 11
_COOKIE: Final = re.compile(
    rf"pse_(?P<sid>[{base62.ALPHABET}]{{22}})_(?P<uid>[{base62.ALPHABET}]{{22}})_(?P<version>[{base62.ALPHABET}]{{11}})"
    rf"_(?P<end>[{base62.ALPHABET}]{{11}})_(?P<mac>[{base62.ALPHABET}]{{43}})_(?P<crc>[{base62.ALPHABET}]{{6}})"
)


@dataclass(frozen=True, slots=True)
class HandoverTicket:
    """What a browser carries from the issuer to a routed host: once, within 30 s (``Expiring``).

    ``binding`` is the SHA-256 (hex) of a secret that the routed host has put into this browser before.
    """

    id: str
    host: str
    binding: str = field(repr=False)
    session_id: str
    user_id: UUID
    user_version: int
    created_at: datetime
    expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Say whether it is still good."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class EdgeSession:
    """A session at the issuer, for one routed host. ``expires_at`` is in whole seconds."""

    session_id: str
    user_id: UUID
    user_version: int
    host: str
    expires_at: datetime


class EdgeCookieKey:
    """Seals and opens edge cookies under one key of the installation (≥ 32 bytes)."""

    def __init__(self, key: Secret[bytes]) -> None:
        self._key = key

    def seal(self, session: EdgeSession) -> Secret[str]:
        """Return the cookie of a session."""
        body = (
            f"pse_{session.session_id}_{base62.encode_bytes(session.user_id.bytes)}"
            f"_{base62.encode(session.user_version, _COUNTER)}"
            f"_{base62.encode(int(session.expires_at.timestamp()), _COUNTER)}"
        )
        body = f"{body}_{self._mac(body, session.host)}"
        return Secret(f"{body}_{base62.crc(body)}")

    def open(self, cookie: str, host: str, now: datetime) -> EdgeSession | None:
        """Return the session of a cookie that was sealed for this host and has not ended, else None. Costs no I/O."""
        match = _COOKIE.fullmatch(cookie)
        if match is None or base62.crc(cookie[: -(base62.WIDTH_CRC32 + 1)]) != match["crc"]:
            return None
        body = cookie[: match.start("mac") - 1]
        if not is_id128(match["sid"]) or not is_id128(match["uid"]):
            return None
        if not hmac.compare_digest(self._mac(body, host), match["mac"]):
            return None
        expires_at = datetime.fromtimestamp(base62.decode(match["end"]), UTC)
        if now >= expires_at:
            return None
        user_id = UUID(int=base62.decode(match["uid"]))
        return EdgeSession(match["sid"], user_id, base62.decode(match["version"]), host, expires_at)

    def _mac(self, body: str, host: str) -> str:
        message = f"paseport edge cookie v1\n{host}\n{body}".encode()
        return base62.encode_bytes(hmac.digest(self._key.reveal(), message, hashlib.sha256))
