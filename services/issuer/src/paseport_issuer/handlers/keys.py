"""Rotation of the keys that sign."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.schemas.signing_keys import (
    KeyListResponse,
    KeyVersionResponse,
    PublishKeyRequest,
    RevokedKeyResponse,
    RevokeKeyRequest,
)
from paseport_issuer.use_cases.rotate_signing_keys import KeyRotations


@get("/")
async def list_keys(rotations: NamedDependency[KeyRotations]) -> KeyListResponse:
    """Return every version of both keys with the step that it may take, oldest first."""
    items = [
        KeyVersionResponse.of(name, state)
        for name, rotation in rotations.named().items()
        for state in await rotation.states()
    ]
    return KeyListResponse(items)


@post("/{key:str}/publish", status_code=200)
async def publish_key(
    key: FromPath[str],
    data: JSONBody[PublishKeyRequest],
    rotations: NamedDependency[KeyRotations],
    admin: NamedDependency[Actor],
) -> KeyVersionResponse:
    """Publish a version that is to sign: verifiers learn it. One that is published already is returned as it is."""
    return KeyVersionResponse.of(key, await rotations.of(key).publish(admin, create=data.create))


@post("/{key:str}/versions/{version:int}/activate", status_code=200)
async def activate_key(
    key: FromPath[str],
    version: FromPath[int],
    rotations: NamedDependency[KeyRotations],
    admin: NamedDependency[Actor],
) -> KeyVersionResponse:
    """Let a published version sign once every verifier can know it; the one before retires."""
    return KeyVersionResponse.of(key, await rotations.of(key).activate(version, admin))


@post("/{key:str}/versions/{version:int}/retire", status_code=200)
async def retire_key(
    key: FromPath[str],
    version: FromPath[int],
    rotations: NamedDependency[KeyRotations],
    admin: NamedDependency[Actor],
) -> KeyVersionResponse:
    """Take a version whose tokens have all expired out of the key document."""
    return KeyVersionResponse.of(key, await rotations.of(key).retire(version, admin))


@post("/{key:str}/versions/{version:int}/revoke", status_code=200)
async def revoke_key(
    key: FromPath[str],
    version: FromPath[int],
    data: JSONBody[RevokeKeyRequest],
    rotations: NamedDependency[KeyRotations],
    admin: NamedDependency[Actor],
) -> RevokedKeyResponse:
    """Refuse everything that a version has signed, at once, the caller's own token too."""
    done = await rotations.of(key).revoke(version, admin, replacing=data.replace)
    return RevokedKeyResponse.after(key, done)


keys_router = Router(
    "/keys/v1",
    guards=[require_scope("admin"), require_role(ADMIN)],
    route_handlers=[list_keys, publish_key, activate_key, retire_key, revoke_key],
)
