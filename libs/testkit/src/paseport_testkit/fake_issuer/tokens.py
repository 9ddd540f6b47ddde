"""What the tokens of a fake issuer say."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from paseport.claims import Claims
from paseport.claims_json import decode_claims, encode_claims
from paseport.grammar import parse_token
from paseport.subject import SubjectState

DEFAULT_SCOPES: Final = ("openid", "profile", "roles")
DEFAULT_LIFETIME: Final = timedelta(minutes=5)
_ID_BYTES: Final = 16


def user_claims(
    user: SubjectState,
    *,
    issuer: str,
    audience: str,
    client_id: str,
    now: datetime,
    scopes: Iterable[str] = DEFAULT_SCOPES,
    lifetime: timedelta = DEFAULT_LIFETIME,
    session: str | None = None,
) -> Claims:
    """Return the claims of a token that a user's client is given now, in a session of its own unless it is named."""
    return Claims(
        issuer=issuer,
        subject=str(user.user_id),
        audience=audience,
        expires_at=now + lifetime,
        not_before=now,
        issued_at=now,
        token_id=str(uuid4()),
        client_id=client_id,
        scope=tuple(scopes),
        session_id=session or new_id(),
        family_id=new_id(),
        user_version=user.version,
        auth_time=now,
        amr=("pwd",),
    )


def machine_claims(
    *,
    issuer: str,
    audience: str,
    client_id: str,
    now: datetime,
    scopes: Iterable[str] = (),
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> Claims:
    """Return the claims of a token that a client gets for itself (``client_credentials``): its subject is its id."""
    return Claims(
        issuer=issuer,
        subject=client_id,
        audience=audience,
        expires_at=now + lifetime,
        not_before=now,
        issued_at=now,
        token_id=str(uuid4()),
        client_id=client_id,
        scope=tuple(scopes),
    )


def message_of(claims: Claims, changes: Mapping[str, object] | None = None) -> bytes:
    """Write claims as a message, some of them changed under their names on the wire; None takes one away."""
    if not changes:
        return encode_claims(claims)
    wire = {**json.loads(encode_claims(claims)), **changes}
    return json.dumps(
        {name: value for name, value in wire.items() if value is not None}, separators=(",", ":")
    ).encode()


def read_token(token: str) -> Claims:
    """Return what a token says, whether or not it is good. Raises ``paseport.InvalidToken`` for what is no token."""
    parsed = parse_token(token)
    return decode_claims(parsed.message, parsed.kid)


def new_id() -> str:
    """Return the id of a session or family: 128 random bits."""
    return secrets.token_urlsafe(_ID_BYTES)
