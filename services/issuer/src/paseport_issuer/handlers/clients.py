"""Administration of OAuth clients."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.etag import etag, expected_revision
from paseport_issuer.handlers.schemas.client_query import parse_client_query
from paseport_issuer.handlers.schemas.clients import (
    ChangeClientRequest,
    ClientListResponse,
    ClientResponse,
    CreateClientRequest,
    CreatedClientResponse,
    ReplaceClientRequest,
    RolledSecretResponse,
    RollSecretRequest,
)
from paseport_issuer.use_cases.change_client import ChangeClient, ChangeClientCommand
from paseport_issuer.use_cases.create_client import CreateClient, CreateClientCommand, NewSecret
from paseport_issuer.use_cases.delete_client import DeleteClient, DeleteClientCommand
from paseport_issuer.use_cases.read_clients import ReadClients
from paseport_issuer.use_cases.roll_client_secret import (
    DeleteClientSecretCommand,
    RollClientSecret,
    RollClientSecretCommand,
)

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag that was read.")]


@get("/")
async def list_clients(
    request: Request[Any, Any, Any],
    clients: NamedDependency[ReadClients],
    search: Annotated[str | None, QueryParameter(description="Part of an id or a name, taken literally.")] = None,
    limit: Annotated[str | None, QueryParameter(description="1 to 200; 50 by default.")] = None,
    cursor: Annotated[str | None, QueryParameter(description="The value of next on the page before.")] = None,
) -> ClientListResponse:
    """Search and page through the clients, those of the installation included, in the order of their ids."""
    # Read from the query itself, which also shows parameters that do not exist; the arguments document it.
    page = await clients.page(parse_client_query(dict(request.query_params)))
    return ClientListResponse([ClientResponse.of(client) for client in page.items], page.next, page.total)


@post("/")
async def create_client(
    data: JSONBody[CreateClientRequest], creation: NamedDependency[CreateClient], admin: NamedDependency[Actor]
) -> Response[CreatedClientResponse]:
    """Create a client. Its secret, where it has one, is shown in this answer and never again."""
    made = await creation(CreateClientCommand(data.client(), admin))
    client = made.client if isinstance(made, NewSecret) else made
    headers = {"ETag": etag(client.revision), "Location": f"/clients/v1/{client.client_id}"}
    return Response(CreatedClientResponse.created(made), headers=headers)


@get("/{client_id:str}")
async def get_client(client_id: FromPath[str], clients: NamedDependency[ReadClients]) -> Response[ClientResponse]:
    """Return one client."""
    return _answer(await clients.one(client_id))


@put("/{client_id:str}")
async def replace_client(
    client_id: FromPath[str],
    data: JSONBody[ReplaceClientRequest],
    alteration: NamedDependency[ChangeClient],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[ClientResponse]:
    """Replace everything of a client that administrators decide. Disabling ends what it could do next."""
    command = ChangeClientCommand(client_id, expected_revision(if_match), data.values(), admin)
    return _answer(await alteration(command))


@patch("/{client_id:str}")
async def change_client(
    client_id: FromPath[str],
    data: JSONBody[ChangeClientRequest],
    alteration: NamedDependency[ChangeClient],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[ClientResponse]:
    """Change some of it. Disabling ends what it could do next."""
    command = ChangeClientCommand(client_id, expected_revision(if_match), data.values(), admin)
    return _answer(await alteration(command))


@delete("/{client_id:str}")
async def delete_client(
    client_id: FromPath[str],
    deletion: NamedDependency[DeleteClient],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> None:
    """Delete a client for good: its id is never given out again."""
    await deletion(DeleteClientCommand(client_id, expected_revision(if_match), admin))


@post("/{client_id:str}/secrets")
async def roll_client_secret(
    client_id: FromPath[str],
    data: JSONBody[RollSecretRequest],
    secrets: NamedDependency[RollClientSecret],
    admin: NamedDependency[Actor],
) -> Response[RolledSecretResponse]:
    """Make a new secret, shown in this answer and never again; the one in use goes on for a while."""
    made = await secrets(RollClientSecretCommand(client_id, admin, overlap=timedelta(seconds=data.previous_expires_in)))
    return Response(RolledSecretResponse.of(made), headers={"ETag": etag(made.client.revision)})


@delete("/{client_id:str}/secrets/{secret_id:str}")
async def delete_client_secret(
    client_id: FromPath[str],
    secret_id: FromPath[str],
    secrets: NamedDependency[RollClientSecret],
    admin: NamedDependency[Actor],
) -> None:
    """End a secret now."""
    await secrets.delete(DeleteClientSecretCommand(client_id, secret_id, admin))


def _answer(client: Client) -> Response[ClientResponse]:
    return Response(ClientResponse.of(client), headers={"ETag": etag(client.revision)})


clients_router = Router(
    "/clients/v1",
    guards=[require_scope("admin"), require_role(ADMIN)],
    route_handlers=[
        list_clients,
        create_client,
        get_client,
        replace_client,
        change_client,
        delete_client,
        roll_client_secret,
        delete_client_secret,
    ],
)
