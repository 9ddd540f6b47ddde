"""An issuer's key, its tokens and a verifier that stands at a fixed moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import AccessTokenClaims, KeyStatus, PublishedKey, StaticKeySet, Verifier
from paseport.claims import encode_claims
from paseport.paserk import public_key_id
from paseport.v4_public import assemble, footer_for, signing_input

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
def user_claims(now: datetime) -> AccessTokenClaims:
    return AccessTokenClaims(
        iss=ISSUER,
        sub="0198c0de-0000-7000-8000-000000000001",
        aud=AUDIENCE,
        exp=now + timedelta(minutes=5),
        nbf=now,
        iat=now,
        jti="0198c0de-0000-7000-8000-00000000000a",
        client_id="app",
        scope="openid profile roles",
        sid="c2Vzc2lvbg",
        fid="ZmFtaWx5",
        ver=3,
        auth_time=now,
        amr=("pwd",),
    )


@pytest.fixture(scope="session")
def machine_claims(now: datetime) -> AccessTokenClaims:
    return AccessTokenClaims(
        iss=ISSUER,
        sub="nightly-report",
        aud=AUDIENCE,
        exp=now + timedelta(minutes=5),
        nbf=now,
        iat=now,
        jti="0198c0de-0000-7000-8000-00000000000b",
        client_id="nightly-report",
        scope="reports",
    )


@pytest.fixture(scope="session")
def sign(signing_key: Ed25519PrivateKey, published_key: PublishedKey) -> Callable[[bytes], str]:
    """Sign any message with the issuer's key: what only the issuer can do."""

    def signed(message: bytes) -> str:
        footer = footer_for(published_key.kid)
        return assemble(message, signing_key.sign(signing_input(message, footer)), footer)

    return signed


@pytest.fixture(scope="session")
def valid_token(sign: Callable[[bytes], str], user_claims: AccessTokenClaims) -> str:
    return sign(encode_claims(user_claims))


@pytest.fixture(scope="session")
def verifier(now: datetime, published_key: PublishedKey) -> Verifier:
    return Verifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        revocation="none",
        key_set=StaticKeySet([published_key]),
        clock=lambda: now,
    )
