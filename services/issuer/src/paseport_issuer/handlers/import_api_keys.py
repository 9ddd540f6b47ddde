"""API keys that move in from another system, for administrators."""

from __future__ import annotations

from uuid import UUID

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope

from paseport_issuer.handlers.foreign_callers import accept_foreign_callers
from paseport_issuer.handlers.schemas.import_api_keys import ImportApiKeysRequest, ImportApiKeysResponse
from paseport_issuer.use_cases.import_api_keys import ImportApiKeys, ImportApiKeysCommand
from paseport_issuer.use_cases.key_manager import KeyManager


@post(
    "/api/users/{user_id:uuid}/tokens/import",
    status_code=200,
    guards=[accept_foreign_callers, require_scope("admin"), require_role(ADMIN)],
)
async def import_api_keys(
    user_id: FromPath[UUID],
    data: JSONBody[ImportApiKeysRequest],
    key_import: NamedDependency[ImportApiKeys],
    key_manager: NamedDependency[KeyManager],
) -> ImportApiKeysResponse:
    """Take over keys that another system handed out. Repeating a request changes nothing, and completes it.

    They work where the api is given that system's pepper or salt (``PASEPORT_LEGACY_TOKEN_PEPPER``,
    ``PASEPORT_LEGACY_TOKEN_SALT``).
    """
    keys = tuple(stated.key() for stated in data.keys)
    imported = await key_import(ImportApiKeysCommand(user_id, keys, key_manager, is_rehearsal=data.dry_run))
    return ImportApiKeysResponse.of(imported, dry_run=data.dry_run)
