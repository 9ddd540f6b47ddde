"""Authorization requests, the sign-ins they wait for, and the codes they end in (RFC 6749 §4.1, OIDC Core §3.1)."""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models import base62
from paseport_shared.domain.models.identifiers import is_id128

CODE_LIFETIME: Final = timedelta(seconds=60)
CODE_REMEMBERED: Final = timedelta(minutes=10)
"""How long after its end a code that was redeemed is still known, so that a second use is noticed (RFC 6749 §4.1.2).

At least: it is what names the family of a client without refresh tokens, so it is known while an access token may live.
"""
TRANSACTION_LIFETIME: Final = timedelta(minutes=30)
"""How long somebody may take to sign in."""

_CODE: Final = re.compile(
    rf"pac_(?P<id>[{base62.ALPHABET}]{{22}})_(?P<secret>[{base62.ALPHABET}]{{22}})_(?P<crc>[{base62.ALPHABET}]{{6}})"
)


class ResponseMode(enum.Enum):
    """How an authorization response travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2)."""

    QUERY = "query"
    FORM_POST = "form_post"


class Prompt(enum.Enum):
    """What the user must or must not be asked (OIDC Core §3.1.2.1)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every check: its client may have all of it.

    ``hinted_subject`` is the subject of an ``id_token_hint`` that we issued. ``max_age`` is in seconds.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    audience: str
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    response_mode: ResponseMode = ResponseMode.QUERY
    prompt: frozenset[Prompt] = frozenset()
    max_age: int | None = None
    login_hint: str | None = None
    hinted_subject: str | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What a browser carries to a client: a code or an error, and ``state`` and ``iss`` in both (RFC 9207)."""

    redirect_uri: str
    response_mode: ResponseMode
    parameters: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorizationTransaction:
    """A request that waits until somebody has signed in or agreed, in the browser that made it.

    ``browser_hash`` is the SHA-256 of that browser's transaction cookie.
    """

    id: str
    browser_hash: bytes = field(repr=False)
    request: AuthorizationRequest
    created_at: datetime
    expires_at: datetime
    consented_by: UUID | None = None
    """Who agreed to what the client asks for, in this transaction."""
    denied: bool = False
    """Whether somebody said that the client may not have it."""

    def is_live(self, now: datetime) -> bool:
        """Say whether the transaction may still be continued."""
        return now < self.expires_at

    def is_held_by(self, browser: Secret[str]) -> bool:
        """Say in constant time whether the cookie is that of the browser that began."""
        return is_of_browser(self.browser_hash, browser)


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """What a code stands for. It is kept under its id with the SHA-256 of its secret.

    ``family_id`` is that of the family it will open, chosen beforehand: whoever uses the code a second time names what
    the first use opened. ``redirect_uri`` and ``code_challenge`` are those of the request.
    """

    id: str
    secret_hash: bytes = field(repr=False)
    client_id: str
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    scope: tuple[str, ...]
    audience: str
    user_id: UUID
    user_version: int
    session_id: str
    family_id: str
    auth_time: datetime
    amr: tuple[str, ...]
    expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Say whether the code may still be redeemed."""
        return now < self.expires_at

    def is_presented_by(self, presented: PresentedCode) -> bool:
        """Say in constant time whether a presented code is this one."""
        return presented.code_id == self.id and hmac.compare_digest(presented.secret_hash, self.secret_hash)


@dataclass(frozen=True, slots=True)
class HeldCode:
    """A code as its store has it, and how often it has been used."""

    code: AuthorizationCode
    uses: int


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """A code that passed its grammar: ``pac_<id>_<secret>_<crc>``."""

    code_id: str
    secret_hash: bytes = field(repr=False)


class Redemption(enum.Enum):
    """What presenting a code did."""

    REDEEMED = "redeemed"
    """The first and only use."""
    REUSED = "reused"
    """It had been used before."""
    GONE = "gone"
    """Nobody knows it any more."""


def new_code(code_id: str, randomness: bytes) -> tuple[Secret[str], bytes]:
    """Return the text of a new code and the hash to keep of its secret; ``randomness`` is 16 bytes."""
    secret = base62.encode_bytes(randomness)
    body = f"pac_{code_id}_{secret}"
    return Secret(f"{body}_{base62.crc(body)}"), _hash(secret)


def parse_code(code: Secret[str]) -> PresentedCode | None:
    """Return what a code names, or None for text that cannot be one. Junk fails without I/O."""
    match = _CODE.fullmatch(code.reveal())
    if match is None or base62.crc(match.string[: -(base62.WIDTH_CRC32 + 1)]) != match["crc"]:
        return None
    if not is_id128(match["id"]):
        return None
    return PresentedCode(match["id"], _hash(match["secret"]))


def hash_of_browser(browser: Secret[str]) -> bytes:
    """Return what a transaction keeps of the cookie of its browser."""
    return hashlib.sha256(browser.reveal().encode()).digest()


def is_of_browser(browser_hash: bytes, browser: Secret[str]) -> bool:
    """Say in constant time whether a cookie is that of the browser of which the hash is kept."""
    return hmac.compare_digest(hash_of_browser(browser), browser_hash)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
