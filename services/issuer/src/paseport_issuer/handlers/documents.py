"""The public documents of an issuer: its keys, and what works here (design §3 "Key documents")."""

from __future__ import annotations

from datetime import timedelta

from paseport_shared.domain.ports.key_document import KeyDocument
from paseport_shared.http.documents import PublicDocument

from paseport_issuer.handlers.discovery import DiscoveryDocument
from paseport_issuer.handlers.schemas.keys import JwksResponse, KeyDocumentResponse
from paseport_issuer.handlers.schemas.oauth import Metadata

PASERK = "/.well-known/paserk.json"


def public_documents(
    issuer: str, *, access_keys: KeyDocument, id_keys: KeyDocument, max_age: timedelta
) -> dict[str, PublicDocument]:
    """Return the documents by path; served while every backend is down (TE-24)."""
    metadata = DiscoveryDocument(issuer)
    return {
        PASERK: PublicDocument(
            "key_document",
            "Return the keys that check access tokens, as PASERK.",
            KeyDocumentResponse,
            access_keys.render,
            max_age,
        ),
        "/.well-known/jwks.json": PublicDocument(
            "jwks_document",
            "Return the keys that check ID tokens, as a JWK Set (RFC 7517 §5).",
            JwksResponse,
            id_keys.render,
            max_age,
        ),
        "/.well-known/openid-configuration": PublicDocument(
            "openid_configuration",
            "Return what works here (OIDC Discovery §4).",
            Metadata,
            metadata.render,
            max_age,
        ),
        "/.well-known/oauth-authorization-server": PublicDocument(
            "authorization_server_metadata",
            "Return the same to clients that know no OpenID Connect (RFC 8414 §3).",
            Metadata,
            metadata.render,
            max_age,
        ),
    }
