"""API keys: everybody's own, and all of them for administrators. A key is no credential here."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from paseport.principal import Principal
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.etag import etag, expected_revision
from paseport_issuer.handlers.foreign_callers import accept_foreign_callers
from paseport_issuer.handlers.schemas.api_keys import (
    ApiKeyListResponse,
    ApiKeyResponse,
    ChangeApiKeyRequest,
    CreateApiKeyRequest,
    NewApiKeyResponse,
    RotateApiKeyRequest,
    parse_api_key_query,
)
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.change_api_key import ChangeApiKey, ChangeApiKeyCommand
from paseport_issuer.use_cases.create_api_key import CreateApiKey, CreateApiKeyCommand, NewApiKey
from paseport_issuer.use_cases.key_manager import KeyManager
from paseport_issuer.use_cases.read_api_keys import OwnedApiKey, ReadApiKeys
from paseport_issuer.use_cases.revoke_api_key import RevokeApiKey, RevokeApiKeyCommand
from paseport_issuer.use_cases.rotate_api_key import RotateApiKey, RotateApiKeyCommand

OWN = "/api/me/tokens"
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag that was read.")]
Search = Annotated[str | None, QueryParameter(description="Part of a name, a comment or a user name, taken literally.")]
Limit = Annotated[str | None, QueryParameter(description="1 to 200; 50 by default.")]
Cursor = Annotated[str | None, QueryParameter(description="The value of next on the page before.")]


# --- your own ---------------------------------------------------------------------------------------------------------


@get("/")
async def list_own_api_keys(
    request: Request[Any, Any, Any],
    api_keys: NamedDependency[ReadApiKeys],
    key_manager: NamedDependency[KeyManager],
    search: Search = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ApiKeyListResponse:
    """List your API keys, the newest first. None of them is shown again."""
    query = parse_api_key_query(dict(request.query_params))
    return ApiKeyListResponse.of(await api_keys.page_of(key_manager.user_id, query))


@post("/")
async def create_own_api_key(
    data: JSONBody[CreateApiKeyRequest],
    key_creation: NamedDependency[CreateApiKey],
    key_manager: NamedDependency[KeyManager],
) -> Response[NewApiKeyResponse]:
    """Make an API key. It is shown in this answer and never again.

    It is never worth more than you are: of its roles, only those that you hold at the moment count.
    """
    return _made(await _create(data, key_manager.user_id, key_creation, key_manager), OWN)


@get("/{key_id:str}")
async def get_own_api_key(
    key_id: FromPath[str], api_keys: NamedDependency[ReadApiKeys], key_manager: NamedDependency[KeyManager]
) -> Response[ApiKeyResponse]:
    """Return one of your API keys."""
    return _answer(await api_keys.one(key_id, key_manager.user_id))


@patch("/{key_id:str}")
async def change_own_api_key(
    key_id: FromPath[str],
    data: JSONBody[ChangeApiKeyRequest],
    key_change: NamedDependency[ChangeApiKey],
    key_manager: NamedDependency[KeyManager],
    if_match: IfMatch = None,
) -> Response[ApiKeyResponse]:
    """Change some of an API key of yours; disabled, it is refused everywhere until it is enabled again."""
    return _answer(await _change(key_id, data, key_manager.user_id, if_match, key_change, key_manager))


@delete("/{key_id:str}")
async def revoke_own_api_key(
    key_id: FromPath[str],
    key_revocation: NamedDependency[RevokeApiKey],
    key_manager: NamedDependency[KeyManager],
    if_match: IfMatch = None,
) -> None:
    """Revoke an API key of yours for good."""
    await key_revocation(RevokeApiKeyCommand(key_id, key_manager.user_id, expected_revision(if_match), key_manager))


@post("/{key_id:str}/rotate", status_code=200)
async def rotate_own_api_key(
    key_id: FromPath[str],
    data: JSONBody[RotateApiKeyRequest],
    key_rotation: NamedDependency[RotateApiKey],
    key_manager: NamedDependency[KeyManager],
) -> Response[NewApiKeyResponse]:
    """Give an API key of yours a new secret, shown in this answer and never again; the old one goes on for a while."""
    return _made(await key_rotation(RotateApiKeyCommand(key_id, key_manager.user_id, key_manager, data.overlap)))


# --- everybody's, for administrators ----------------------------------------------------------------------------------


@get("/-/tokens")
async def list_all_api_keys(
    request: Request[Any, Any, Any],
    api_keys: NamedDependency[ReadApiKeys],
    search: Search = None,
    owner: Annotated[str | None, QueryParameter(description="An id, a user name or an e-mail address.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ApiKeyListResponse:
    """Search and page through everybody's API keys, the newest first."""
    parameters = dict(request.query_params)
    query = parse_api_key_query(parameters, "owner")
    return ApiKeyListResponse.of(await api_keys.page(query, parameters.get("owner", "")))


@get("/-/tokens/{key_id:str}")
async def find_api_key(key_id: FromPath[str], api_keys: NamedDependency[ReadApiKeys]) -> Response[ApiKeyResponse]:
    """Return an API key by its id alone, for whoever has met it somewhere: it says whose it is."""
    return _answer(await api_keys.anybodys(key_id))


@get("/{user_id:uuid}/tokens")
async def list_api_keys(
    request: Request[Any, Any, Any],
    user_id: FromPath[UUID],
    api_keys: NamedDependency[ReadApiKeys],
    search: Search = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ApiKeyListResponse:
    """List a user's API keys, the newest first."""
    return ApiKeyListResponse.of(await api_keys.page_of(user_id, parse_api_key_query(dict(request.query_params))))


@post("/{user_id:uuid}/tokens")
async def create_api_key(
    user_id: FromPath[UUID],
    data: JSONBody[CreateApiKeyRequest],
    key_creation: NamedDependency[CreateApiKey],
    key_manager: NamedDependency[KeyManager],
) -> Response[NewApiKeyResponse]:
    """Make an API key for a user. It is shown in this answer and never again."""
    return _made(await _create(data, user_id, key_creation, key_manager), f"/api/users/{user_id}/tokens")


@get("/{user_id:uuid}/tokens/{key_id:str}")
async def get_api_key(
    user_id: FromPath[UUID], key_id: FromPath[str], api_keys: NamedDependency[ReadApiKeys]
) -> Response[ApiKeyResponse]:
    """Return one of a user's API keys."""
    return _answer(await api_keys.one(key_id, user_id))


@patch("/{user_id:uuid}/tokens/{key_id:str}")
async def change_api_key(
    user_id: FromPath[UUID],
    key_id: FromPath[str],
    data: JSONBody[ChangeApiKeyRequest],
    key_change: NamedDependency[ChangeApiKey],
    key_manager: NamedDependency[KeyManager],
    if_match: IfMatch = None,
) -> Response[ApiKeyResponse]:
    """Change some of a user's API key; disabled, it is refused everywhere until it is enabled again."""
    return _answer(await _change(key_id, data, user_id, if_match, key_change, key_manager))


@delete("/{user_id:uuid}/tokens/{key_id:str}")
async def revoke_api_key(
    user_id: FromPath[UUID],
    key_id: FromPath[str],
    key_revocation: NamedDependency[RevokeApiKey],
    key_manager: NamedDependency[KeyManager],
    if_match: IfMatch = None,
) -> None:
    """Revoke a user's API key for good."""
    await key_revocation(RevokeApiKeyCommand(key_id, user_id, expected_revision(if_match), key_manager))


@post("/{user_id:uuid}/tokens/{key_id:str}/rotate", status_code=200)
async def rotate_api_key(
    user_id: FromPath[UUID],
    key_id: FromPath[str],
    data: JSONBody[RotateApiKeyRequest],
    key_rotation: NamedDependency[RotateApiKey],
    key_manager: NamedDependency[KeyManager],
) -> Response[NewApiKeyResponse]:
    """Give a user's API key a new secret, shown in this answer and never again; the old one goes on for a while."""
    return _made(await key_rotation(RotateApiKeyCommand(key_id, user_id, key_manager, data.overlap)))


def provide_key_manager(principal: NamedDependency[Principal], caller: NamedDependency[Caller]) -> KeyManager:
    """Dependency ``key_manager``: the person behind the token. A machine has neither scope that leads here."""
    return KeyManager(
        UUID(principal.subject),
        caller.acting_as(principal.subject, principal.client_id),
        # A token is never worth more than its scope, whatever roles its subject has (design §3).
        is_admin="admin" in principal.scopes and ADMIN in principal.roles,
        auth_time=principal.claims.auth_time,
    )


own_api_keys_router = Router(
    OWN,
    guards=[accept_foreign_callers, require_scope("account")],
    route_handlers=[
        list_own_api_keys,
        create_own_api_key,
        get_own_api_key,
        change_own_api_key,
        revoke_own_api_key,
        rotate_own_api_key,
    ],
)

api_keys_router = Router(
    "/api/users",
    guards=[accept_foreign_callers, require_scope("admin"), require_role(ADMIN)],
    route_handlers=[
        list_all_api_keys,
        find_api_key,
        list_api_keys,
        create_api_key,
        get_api_key,
        change_api_key,
        revoke_api_key,
        rotate_api_key,
    ],
)


async def _create(
    data: CreateApiKeyRequest, owner_id: UUID, key_creation: CreateApiKey, manager: KeyManager
) -> NewApiKey:
    return await key_creation(CreateApiKeyCommand(owner_id, data.values(), manager, data.expiry()))


async def _change(
    key_id: str,
    data: ChangeApiKeyRequest,
    owner_id: UUID,
    if_match: str | None,
    key_change: ChangeApiKey,
    manager: KeyManager,
) -> OwnedApiKey:
    revision = expected_revision(if_match)
    return await key_change(ChangeApiKeyCommand(key_id, owner_id, revision, data.values(), manager))


def _made(new: NewApiKey, below: str | None = None) -> Response[NewApiKeyResponse]:
    key = new.owned.key
    location = {} if below is None else {"Location": f"{below}/{key.id}"}
    return Response(NewApiKeyResponse.made(new), headers={"ETag": etag(key.revision), **location})


def _answer(owned: OwnedApiKey) -> Response[ApiKeyResponse]:
    return Response(ApiKeyResponse.of(owned), headers={"ETag": etag(owned.key.revision)})
