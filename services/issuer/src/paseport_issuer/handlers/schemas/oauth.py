"""The OAuth endpoints on the wire (RFC 6749 §5.1, RFC 7662 §2.2, RFC 8414 §2, OIDC Discovery §3)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType
from paseport.claims import Claims
from paseport.secret import Secret
from paseport_shared.domain.models.scope import format_scope

from paseport_issuer.use_cases.find_token import FoundRefreshToken
from paseport_issuer.use_cases.sign_access_token import AccessToken


class ClientTokenResponse(msgspec.Struct, frozen=True):
    """A successful answer of the token endpoint (RFC 6749 §5.1, OIDC Core §3.1.3.3)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | UnsetType = UNSET
    id_token: str | UnsetType = UNSET

    @staticmethod
    def of(token: AccessToken, refresh_token: Secret[str] | None, id_token: str | None) -> ClientTokenResponse:
        """Return the answer for these tokens."""
        return ClientTokenResponse(
            token.value,
            "Bearer",
            int(token.expires_in.total_seconds()),
            format_scope(token.scope),
            UNSET if refresh_token is None else refresh_token.reveal(),
            id_token or UNSET,
        )


class IntrospectionResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token is worth now (RFC 7662 §2.2). Times are seconds since 1970."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    nbf: int | None = None
    auth_time: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None
    sid: str | None = None

    @staticmethod
    def of(found: Claims | FoundRefreshToken | None, issuer: str) -> IntrospectionResponse:
        """Return the answer; about a token that is not active it says nothing else."""
        if found is None:
            return IntrospectionResponse(active=False)
        if isinstance(found, FoundRefreshToken):
            family = found.family
            return IntrospectionResponse(
                active=True,
                scope=format_scope(family.scope),
                client_id=family.client_id,
                token_type="refresh_token",
                exp=int(family.expires_at.timestamp()),
                iat=int(family.advanced_at.timestamp()),
                auth_time=int(family.auth_time.timestamp()),
                sub=str(family.user_id),
                iss=issuer,
                sid=family.session_id,
            )
        return IntrospectionResponse(
            active=True,
            scope=format_scope(found.scope),
            client_id=found.client_id,
            token_type="Bearer",
            exp=int(found.expires_at.timestamp()),
            iat=int(found.issued_at.timestamp()),
            nbf=int(found.not_before.timestamp()),
            auth_time=None if found.auth_time is None else int(found.auth_time.timestamp()),
            sub=found.subject,
            aud=found.audience,
            iss=found.issuer,
            jti=found.token_id,
            sid=found.session_id,
        )


class WaitingClient(msgspec.Struct, frozen=True):
    """Who waits for a sign-in or a consent."""

    client_id: str
    name: str
    first_party: bool


class TransactionResponse(msgspec.Struct, frozen=True):
    """What the pages of a sign-in transaction show. ``host`` is where the browser goes in the end."""

    client: WaitingClient
    scope: list[str]
    host: str
    login_hint: str | None
    username: str | None
    """Who is signed in in this browser."""


class ConsentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the client may have what it asks for."""

    approve: bool


class LogoutConfirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the address of the sign-out page says, sent back by whoever confirms it."""

    id_token_hint: Annotated[str, msgspec.Meta(max_length=8_192)] | None = None
    client_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    post_logout_redirect_uri: Annotated[str, msgspec.Meta(max_length=2_048)] | None = None
    state: Annotated[str, msgspec.Meta(max_length=2_048)] | None = None


class Metadata(msgspec.Struct, frozen=True):
    """What works here, for clients that read it (OIDC Discovery §3, RFC 8414 §2)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    revocation_endpoint: str
    introspection_endpoint: str
    end_session_endpoint: str
    scopes_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...]
    response_modes_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    subject_types_supported: tuple[str, ...]
    id_token_signing_alg_values_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    revocation_endpoint_auth_methods_supported: tuple[str, ...]
    introspection_endpoint_auth_methods_supported: tuple[str, ...]
    code_challenge_methods_supported: tuple[str, ...]
    prompt_values_supported: tuple[str, ...]
    acr_values_supported: tuple[str, ...]
    claims_supported: tuple[str, ...]
    claim_types_supported: tuple[str, ...] = ("normal",)
    claims_parameter_supported: bool = False
    request_parameter_supported: bool = False
    request_uri_parameter_supported: bool = False
    authorization_response_iss_parameter_supported: bool = True
