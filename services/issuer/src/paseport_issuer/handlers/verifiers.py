"""Administration of registered verifiers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.etag import etag, expected_revision
from paseport_issuer.handlers.schemas.client_query import parse_client_query
from paseport_issuer.handlers.schemas.clients import RolledSecretResponse, RollSecretRequest
from paseport_issuer.handlers.schemas.verifiers import (
    ChangeVerifierRequest,
    CreatedVerifierResponse,
    CreateVerifierRequest,
    VerifierListResponse,
    VerifierResponse,
)
from paseport_issuer.use_cases.change_client import ChangeClient, ChangeClientCommand
from paseport_issuer.use_cases.create_verifier import CreateVerifier, CreateVerifierCommand
from paseport_issuer.use_cases.delete_client import DeleteClient, DeleteClientCommand
from paseport_issuer.use_cases.read_clients import ReadClients
from paseport_issuer.use_cases.roll_client_secret import (
    DeleteClientSecretCommand,
    RollClientSecret,
    RollClientSecretCommand,
)

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag that was read.")]


@get("/")
async def list_verifiers(
    request: Request[Any, Any, Any],
    verifiers: NamedDependency[ReadClients],
    search: Annotated[str | None, QueryParameter(description="Part of an id or a name, taken literally.")] = None,
    limit: Annotated[str | None, QueryParameter(description="1 to 200; 50 by default.")] = None,
    cursor: Annotated[str | None, QueryParameter(description="The value of next on the page before.")] = None,
) -> VerifierListResponse:
    """Search and page through the registered verifiers, in the order of their ids."""
    # Read from the query itself, which also shows parameters that do not exist; the arguments document it.
    page = await verifiers.page(parse_client_query(dict(request.query_params)))
    return VerifierListResponse([VerifierResponse.of(verifier) for verifier in page.items], page.next, page.total)


@post("/")
async def create_verifier(
    data: JSONBody[CreateVerifierRequest],
    verifier_creation: NamedDependency[CreateVerifier],
    admin: NamedDependency[Actor],
) -> Response[CreatedVerifierResponse]:
    """Register a verifier. Its secret is shown in this answer and never again."""
    made = await verifier_creation(CreateVerifierCommand(data.name, data.audience, admin))
    headers = {"ETag": etag(made.client.revision), "Location": f"/verifiers/v1/{made.client.client_id}"}
    return Response(CreatedVerifierResponse.created(made), headers=headers)


@get("/{verifier_id:str}")
async def get_verifier(
    verifier_id: FromPath[str], verifiers: NamedDependency[ReadClients]
) -> Response[VerifierResponse]:
    """Return one verifier."""
    return _answer(await verifiers.one(verifier_id))


@patch("/{verifier_id:str}")
async def change_verifier(
    verifier_id: FromPath[str],
    data: JSONBody[ChangeVerifierRequest],
    verifier_alteration: NamedDependency[ChangeClient],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[VerifierResponse]:
    """Change its name or its audience. It learns the same as before: what it asks for depends on neither."""
    command = ChangeClientCommand(verifier_id, expected_revision(if_match), data.values(), admin)
    return _answer(await verifier_alteration(command))


@delete("/{verifier_id:str}")
async def revoke_verifier(
    verifier_id: FromPath[str],
    verifier_deletion: NamedDependency[DeleteClient],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> None:
    """Revoke a verifier for good: its secrets end at once, and its id is never given out again."""
    await verifier_deletion(DeleteClientCommand(verifier_id, expected_revision(if_match), admin))


@post("/{verifier_id:str}/secrets")
async def roll_verifier_secret(
    verifier_id: FromPath[str],
    data: JSONBody[RollSecretRequest],
    verifier_secrets: NamedDependency[RollClientSecret],
    admin: NamedDependency[Actor],
) -> Response[RolledSecretResponse]:
    """Make a new secret, shown in this answer and never again; the one in use goes on for a while."""
    overlap = timedelta(seconds=data.previous_expires_in)
    made = await verifier_secrets(RollClientSecretCommand(verifier_id, admin, overlap=overlap))
    return Response(RolledSecretResponse.of(made), headers={"ETag": etag(made.client.revision)})


@delete("/{verifier_id:str}/secrets/{secret_id:str}")
async def delete_verifier_secret(
    verifier_id: FromPath[str],
    secret_id: FromPath[str],
    verifier_secrets: NamedDependency[RollClientSecret],
    admin: NamedDependency[Actor],
) -> None:
    """End a secret now."""
    await verifier_secrets.delete(DeleteClientSecretCommand(verifier_id, secret_id, admin))


def _answer(verifier: Client) -> Response[VerifierResponse]:
    return Response(VerifierResponse.of(verifier), headers={"ETag": etag(verifier.revision)})


verifiers_router = Router(
    "/verifiers/v1",
    guards=[require_scope("admin"), require_role(ADMIN)],
    route_handlers=[
        list_verifiers,
        create_verifier,
        get_verifier,
        change_verifier,
        revoke_verifier,
        roll_verifier_secret,
        delete_verifier_secret,
    ],
)
