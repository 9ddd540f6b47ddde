"""An issuer's key, its tokens and a verifier that stands at a fixed moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import Claims, KeyStatus, PublishedKey, StaticKeySet
from paseport.claims_json import encode_claims
from paseport.paserk import public_key_id
from paseport.token_cache import TokenCache
from paseport.token_verifier import TokenVerifier
from paseport.v4_public import assemble, footer_for, signing_input
from paseport_shared.adapters.memory.clock import ManualClock

ISSUER = "https://auth.example.com"
AUDIENCE = "https://auth.example.com/api"


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"a seed that signs nothing real!!")


@pytest.fixture(scope="session")
def published_key(signing_key: Ed25519PrivateKey) -> PublishedKey:
    public_key = signing_key.public_key().public_bytes_raw()
    return PublishedKey(kid=public_key_id(public_key), public_key=public_key, status=KeyStatus.ACTIVE)


@pytest.fixture(scope="session")
def user_claims(now: datetime, published_key: PublishedKey) -> Claims:
    return Claims(
        issuer=ISSUER,
        subject="0198c0de-0000-7000-8000-000000000001",
        audience=AUDIENCE,
        expires_at=now + timedelta(minutes=5),
        not_before=now,
        issued_at=now,
        token_id="0198c0de-0000-7000-8000-00000000000a",
        client_id="app",
        scope=("openid", "profile", "roles"),
        session_id="c2Vzc2lvbg",
        family_id="ZmFtaWx5",
        user_version=3,
        auth_time=now,
        amr=("pwd",),
        key_id=published_key.kid,
    )


@pytest.fixture(scope="session")
def machine_claims(now: datetime, published_key: PublishedKey) -> Claims:
    return Claims(
        issuer=ISSUER,
        subject="nightly-report",
        audience=AUDIENCE,
        expires_at=now + timedelta(minutes=5),
        not_before=now,
        issued_at=now,
        token_id="0198c0de-0000-7000-8000-00000000000b",
        client_id="nightly-report",
        scope=("reports",),
        key_id=published_key.kid,
    )


@pytest.fixture(scope="session")
def sign(signing_key: Ed25519PrivateKey, published_key: PublishedKey) -> Callable[[bytes], str]:
    """Sign any message with the issuer's key: what only the issuer can do."""

    def signed(message: bytes) -> str:
        footer = footer_for(published_key.kid)
        return assemble(message, signing_key.sign(signing_input(message, footer)), footer)

    return signed


@pytest.fixture(scope="session")
def valid_token(sign: Callable[[bytes], str], user_claims: Claims) -> str:
    return sign(encode_claims(user_claims))


@pytest.fixture(scope="session")
def verifier(now: datetime, published_key: PublishedKey) -> TokenVerifier:
    return TokenVerifier(
        StaticKeySet([published_key]),
        issuer=ISSUER,
        audience=AUDIENCE,
        max_lifetime=timedelta(hours=1),
        cache=TokenCache(),
        clock=ManualClock(now),
    )
