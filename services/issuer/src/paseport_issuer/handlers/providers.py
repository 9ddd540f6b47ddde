"""Administration of identity providers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from paseport.secret import Secret
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.provider_presets import PRESETS
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.etag import etag, expected_revision
from paseport_issuer.handlers.fresh_sign_in import require_recent_sign_in
from paseport_issuer.handlers.paths import backchannel_logout_path
from paseport_issuer.handlers.schemas.providers import (
    ChangeProviderRequest,
    CreateProviderRequest,
    FindingsResponse,
    PresetListResponse,
    PresetResponse,
    ProviderListResponse,
    ProviderResponse,
    ReplaceProviderRequest,
    TryProviderRequest,
    secret_of,
)
from paseport_issuer.use_cases.read_providers import ReadProviders
from paseport_issuer.use_cases.register_provider import (
    ChangeProviderCommand,
    RegisterProvider,
    RegisterProviderCommand,
)

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag that was read.")]


@get("/")
async def list_providers(providers: NamedDependency[ReadProviders]) -> ProviderListResponse:
    """List the identity providers, disabled ones too."""
    items = [_response(provider, providers) for provider in await providers.all()]
    return ProviderListResponse(items, None, len(items))


@get("/presets", sync_to_thread=False)
def list_presets() -> PresetListResponse:
    """List what is known about widespread providers."""
    return PresetListResponse([PresetResponse.of(preset) for preset in PRESETS])


@post("/", guards=[require_recent_sign_in])
async def create_provider(
    data: JSONBody[CreateProviderRequest],
    provider_registration: NamedDependency[RegisterProvider],
    providers: NamedDependency[ReadProviders],
    admin: NamedDependency[Actor],
) -> Response[ProviderResponse]:
    """Register a provider. One that is enabled has to answer."""
    command = RegisterProviderCommand(data.values(), Secret(data.client_secret), admin)
    provider = await provider_registration(command)
    response = _answer(provider, providers)
    response.headers["Location"] = f"/auth/v1/providers/{provider.id}"
    return response


@post("/test", status_code=200)
async def try_provider(
    data: JSONBody[TryProviderRequest], providers: NamedDependency[ReadProviders]
) -> FindingsResponse:
    """Try the connection to a provider that is not registered, and say in words what is wrong."""
    return FindingsResponse.of(await providers.try_out(data.values(), secret_of(data.client_secret)))


@get("/{provider_id:uuid}")
async def get_provider(
    provider_id: FromPath[UUID], providers: NamedDependency[ReadProviders]
) -> Response[ProviderResponse]:
    """Return one provider."""
    return _answer(await providers.one(provider_id), providers)


@post("/{provider_id:uuid}/test", status_code=200)
async def try_registered_provider(
    provider_id: FromPath[UUID], providers: NamedDependency[ReadProviders]
) -> FindingsResponse:
    """Try the connection to a registered provider, its credentials included."""
    return FindingsResponse.of(await providers.try_registered(provider_id))


@put("/{provider_id:uuid}", guards=[require_recent_sign_in])
async def replace_provider(
    provider_id: FromPath[UUID],
    data: JSONBody[ReplaceProviderRequest],
    provider_registration: NamedDependency[RegisterProvider],
    providers: NamedDependency[ReadProviders],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[ProviderResponse]:
    """Replace everything of a provider that can change."""
    command = ChangeProviderCommand(
        provider_id, expected_revision(if_match), data.values(), secret_of(data.client_secret), admin
    )
    return _answer(await provider_registration.change(command), providers)


@patch("/{provider_id:uuid}", guards=[require_recent_sign_in])
async def change_provider(
    provider_id: FromPath[UUID],
    data: JSONBody[ChangeProviderRequest],
    provider_registration: NamedDependency[RegisterProvider],
    providers: NamedDependency[ReadProviders],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[ProviderResponse]:
    """Change some of it."""
    command = ChangeProviderCommand(
        provider_id, expected_revision(if_match), data.values(), secret_of(data.client_secret), admin
    )
    return _answer(await provider_registration.change(command), providers)


@delete("/{provider_id:uuid}", guards=[require_recent_sign_in])
async def deactivate_provider(
    provider_id: FromPath[UUID],
    provider_registration: NamedDependency[RegisterProvider],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> None:
    """Disable a provider. It stays, because identities and the audit log name it, and can be enabled again."""
    command = ChangeProviderCommand(provider_id, expected_revision(if_match), {"enabled": False}, None, admin)
    await provider_registration.change(command)


def _answer(provider: IdentityProvider, providers: ReadProviders) -> Response[ProviderResponse]:
    return Response(_response(provider, providers), headers={"ETag": etag(provider.revision)})


def _response(provider: IdentityProvider, providers: ReadProviders) -> ProviderResponse:
    logout = providers.issuer + backchannel_logout_path(provider.name)
    return ProviderResponse.of(provider, providers.redirect_uri(provider), logout)


providers_router = Router(
    "/auth/v1/providers",
    guards=[require_scope("admin"), require_role(ADMIN)],
    route_handlers=[
        list_providers,
        list_presets,
        create_provider,
        try_provider,
        get_provider,
        try_registered_provider,
        replace_provider,
        change_provider,
        deactivate_provider,
    ],
)
