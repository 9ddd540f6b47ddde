"""The published verification keys."""

from __future__ import annotations

from datetime import timedelta

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import SkipValidation
from paseport_shared.domain.ports.key_document import KeyDocument

from paseport_issuer.handlers.schemas.keys import JwksResponse, KeyDocumentResponse

_JWKS = ResponseSpec(JwksResponse, generate_examples=False, description="The keys that check ID tokens.")
_SHAPE = ResponseSpec(KeyDocumentResponse, generate_examples=False, description="The keys that check access tokens.")


@get("/.well-known/paserk.json", media_type=MediaType.JSON, responses={200: _SHAPE})
async def key_document(
    keys: NamedDependency[SkipValidation[KeyDocument]], key_document_max_age: NamedDependency[timedelta]
) -> Response[bytes]:
    """Return the keys that check access tokens, as PASERK; served while every backend is down."""
    return _cacheable(await keys.render(), key_document_max_age)


@get("/.well-known/jwks.json", media_type=MediaType.JSON, responses={200: _JWKS})
async def jwks_document(
    key_set: NamedDependency[SkipValidation[KeyDocument]], key_document_max_age: NamedDependency[timedelta]
) -> Response[bytes]:
    """Return the keys that check ID tokens, as a JWK Set (RFC 7517 §5); served while every backend is down."""
    return _cacheable(await key_set.render(), key_document_max_age)


def _cacheable(document: bytes, max_age: timedelta) -> Response[bytes]:
    return Response(
        document,
        media_type=MediaType.JSON,
        headers={"Cache-Control": f"public, max-age={int(max_age.total_seconds())}"},
    )
