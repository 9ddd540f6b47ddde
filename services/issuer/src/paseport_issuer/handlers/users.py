"""User administration."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from paseport.secret import Secret
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.domain.models.user import User
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_issuer.handlers.etag import etag, expected_revision
from paseport_issuer.handlers.fresh_sign_in import require_recent_sign_in
from paseport_issuer.handlers.schemas.external_sign_in import OwnIdentitiesResponse
from paseport_issuer.handlers.schemas.user_query import Cursor, parse_user_query
from paseport_issuer.handlers.schemas.users import (
    ChangeUserRequest,
    CreateUserRequest,
    PasswordResetResponse,
    ReplaceUserRequest,
    UserListResponse,
    UserResponse,
)
from paseport_issuer.use_cases.change_user import ChangeUser, ChangeUserCommand
from paseport_issuer.use_cases.create_user import CreateUser, CreateUserCommand
from paseport_issuer.use_cases.delete_user import DeleteUser, DeleteUserCommand
from paseport_issuer.use_cases.issue_password_reset import IssuePasswordReset
from paseport_issuer.use_cases.read_own_identities import ReadOwnIdentities
from paseport_issuer.use_cases.read_users import ReadUsers
from paseport_issuer.use_cases.unlink_identity import UnlinkIdentity

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag that was read.")]


@get("/")
async def list_users(
    request: Request[Any, Any, Any],
    users: NamedDependency[ReadUsers],
    search: Annotated[
        str | None, QueryParameter(description="Part of a name or an e-mail address, taken literally.")
    ] = None,
    role: Annotated[str | None, QueryParameter(description="Only users with this role.")] = None,
    status: Annotated[str | None, QueryParameter(description="active or disabled.")] = None,
    sort: Annotated[
        str | None, QueryParameter(description="username, email or created_at; - before it reverses.")
    ] = None,
    limit: Annotated[str | None, QueryParameter(description="1 to 200; 50 by default.")] = None,
    cursor: Annotated[str | None, QueryParameter(description="The value of next on the page before.")] = None,
) -> UserListResponse:
    """Search and page through the users."""
    # Read from the query itself, which also shows parameters that do not exist; the arguments document it.
    query = parse_user_query(dict(request.query_params))
    page = await users.page(query)
    order = f"{'-' if query.descending else ''}{query.sort}"
    following = Cursor(order, *page.next).encode() if page.next else None
    return UserListResponse([UserResponse.of(user) for user in page.items], following, page.total)


@post("/")
async def create_user(
    data: JSONBody[CreateUserRequest], create: NamedDependency[CreateUser], admin: NamedDependency[Actor]
) -> Response[UserResponse]:
    """Create a user. Without a password the account has none until a reset link is used."""
    password = None if data.password is None else Secret(data.password)
    user = await create(
        CreateUserCommand(
            data.username,
            data.email,
            data.display_name,
            frozenset(data.roles),
            password,
            admin,
            email_verified=data.email_verified,
        )
    )
    return _answer(user, Location=f"/users/v1/{user.id}")


@get("/{user_id:uuid}")
async def get_user(user_id: FromPath[UUID], users: NamedDependency[ReadUsers]) -> Response[UserResponse]:
    """Return one user."""
    return _answer(await users.one(user_id))


@put("/{user_id:uuid}")
async def replace_user(
    user_id: FromPath[UUID],
    data: JSONBody[ReplaceUserRequest],
    change: NamedDependency[ChangeUser],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[UserResponse]:
    """Replace everything of a user that administrators decide. Disabling signs the user out everywhere."""
    return _answer(await change(ChangeUserCommand(user_id, expected_revision(if_match), data.change(), admin)))


@patch("/{user_id:uuid}")
async def change_user(
    user_id: FromPath[UUID],
    data: JSONBody[ChangeUserRequest],
    change: NamedDependency[ChangeUser],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> Response[UserResponse]:
    """Change some of it. Disabling signs the user out everywhere."""
    return _answer(await change(ChangeUserCommand(user_id, expected_revision(if_match), data.change(), admin)))


@delete("/{user_id:uuid}")
async def delete_user(
    user_id: FromPath[UUID],
    remove: NamedDependency[DeleteUser],
    admin: NamedDependency[Actor],
    if_match: IfMatch = None,
) -> None:
    """Delete a user: personal data is erased, the audit log keeps the id."""
    await remove(DeleteUserCommand(user_id, expected_revision(if_match), admin))


@post("/{user_id:uuid}/password-reset")
async def issue_password_reset(
    user_id: FromPath[UUID], reset: NamedDependency[IssuePasswordReset], admin: NamedDependency[Actor]
) -> PasswordResetResponse:
    """Make a one-time link with which the user sets a new password within 30 minutes; an earlier one is void."""
    return PasswordResetResponse.of(await reset(user_id, admin))


@get("/{user_id:uuid}/identities")
async def list_identities(
    user_id: FromPath[UUID], own_identities: NamedDependency[ReadOwnIdentities]
) -> OwnIdentitiesResponse:
    """List the accounts at identity providers with which a user can sign in."""
    return OwnIdentitiesResponse.of(await own_identities(user_id))


@delete("/{user_id:uuid}/identities/{identity_id:uuid}", guards=[require_recent_sign_in])
async def unlink_identity(
    user_id: FromPath[UUID],
    identity_id: FromPath[UUID],
    unlink: NamedDependency[UnlinkIdentity],
    admin: NamedDependency[Actor],
) -> None:
    """Unlink one of them, the last one too: a reset link makes up for it."""
    await unlink.of_user(identity_id, user_id, admin)


def _answer(user: User, **headers: str) -> Response[UserResponse]:
    return Response(UserResponse.of(user), headers={"ETag": etag(user.revision), **headers})


users_router = Router(
    "/users/v1",
    guards=[require_scope("admin"), require_role(ADMIN)],
    route_handlers=[
        list_users,
        create_user,
        get_user,
        replace_user,
        change_user,
        delete_user,
        issue_password_reset,
        list_identities,
        unlink_identity,
    ],
)
