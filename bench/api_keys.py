"""API keys to measure with, each made from its number: who stores them and who shows them need not talk."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import SystemClock
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.api_key import (
    ID_BYTES,
    PREFIX,
    SECRET_BYTES,
    ApiKey,
    ApiKeyPeppers,
    ApiKeySecret,
    new_api_key,
    new_api_key_id,
    parse_api_key,
)
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory

from bench.http import request
from bench.verify_server import USERS, user_id

ROUTED_HOST: Final = "app.example.com"
"""What is asked about."""
ADDRESS: Final = "203.0.113.7"
"""Of the one client."""
PEPPER: Final = hashlib.sha256(b"pepper of the bench").hexdigest()
LIMIT: Final = 1_000_000
"""Requests of one key in an hour: counted each time, and never used up here."""

_PEPPER_VERSION: Final = 1
_PEPPERS: Final = ApiKeyPeppers({_PEPPER_VERSION: Secret(PEPPER.encode())})
_UNKNOWN: Final = 1 << 62
_PATHS: Final = 50
_PAGE: Final = 1000


def key_id(number: int) -> str:
    """Return the id of the key with this number."""
    return new_api_key_id(_randomness(number, ID_BYTES))


def key_text(number: int) -> str:
    """Return the text of the key with this number."""
    return new_api_key(key_id(number), _randomness(number, SECRET_BYTES)).reveal()


def unknown_text(number: int) -> str:
    """Return the text of a key that fits the grammar and that nobody made."""
    return key_text(_UNKNOWN + number)


def junk_text(number: int) -> str:
    """Return the text of a key with a checksum that does not fit."""
    text = key_text(number)
    others = base62.ALPHABET.replace(text[-1], "")
    return text[:-1] + others[number % len(others)]


def api_key(number: int, now: datetime, *, is_strict: bool = False) -> ApiKey:
    """Return the key as it is stored: with what people give a key, a limit included."""
    presented = parse_api_key(key_text(number))
    assert presented is not None
    digest = _PEPPERS.digest(presented, _PEPPER_VERSION)
    assert digest is not None
    return ApiKey(
        id=presented.id,
        owner_id=user_id(number % USERS),
        name=f"key {number:07}",
        roles=frozenset({"User"}),
        scopes=("reports",),
        hosts=(ROUTED_HOST, "*.internal.example.com"),
        rate_limit=RateLimit(LIMIT, timedelta(hours=1), is_strict),
        secrets=(ApiKeySecret(digest, _PEPPER_VERSION, now),),
        expires_at=now + timedelta(days=90),
        created_at=now,
        updated_at=now,
    )


async def put_keys(directory: ApiKeyDirectory, numbers: range, *, is_strict: bool = False) -> None:
    """Store keys page by page, as the issuer does when it loads the directory."""
    now = SystemClock().now()
    for first in range(0, len(numbers), _PAGE):
        await directory.put([api_key(number, now, is_strict=is_strict) for number in numbers[first : first + _PAGE]])


def asks_about(number: int) -> str:
    """Return one of the paths that are asked about."""
    return f"/reports/{number % _PATHS:02}?page={number}"


def forward_auth(credential: str, target: str) -> bytes:
    """Return what Traefik or Caddy asks before it lets a request pass."""
    facts = {
        "Host": "api.internal",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": ROUTED_HOST,
        "X-Forwarded-Uri": target,
        "X-Forwarded-For": ADDRESS,
    }
    return request("GET", "/forward-auth", {**facts, "Authorization": f"Bearer {credential}"})


def routed(credential: str, target: str) -> bytes:
    """Return a request to the service behind a proxy."""
    return request("GET", target, {"Host": ROUTED_HOST, "Authorization": f"Bearer {credential}"})


def _randomness(number: int, size: int) -> bytes:
    return hashlib.blake2b(b"%s%d" % (PREFIX.encode(), number), digest_size=size).digest()
