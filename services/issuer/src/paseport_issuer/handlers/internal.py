"""What the api and the command line ask on the internal port, each with a credential of its own."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from litestar import get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, QueryParameter
from paseport.revocation import FeedPosition
from paseport.secret import Secret
from paseport_shared.domain.errors import AuthenticationRequired, InvalidToken, NotFound
from paseport_shared.http.bearer import bearer_token

from paseport_issuer.handlers.schemas.internal import FeedResponse, InternalPrincipalResponse, PrincipalRequest
from paseport_issuer.handlers.schemas.login import TokenResponse
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.mint_cli_token import MintCliToken
from paseport_issuer.use_cases.read_feed import MAX_WAIT_SECONDS, ReadFeed
from paseport_issuer.use_cases.resolve_subject import ResolveSubject

_Position = Annotated[int | None, QueryParameter(ge=0, le=2**63 - 1)]


def require_service_secret(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: only the api."""
    _require(connection, connection.app.state.service_secret)


def require_cli_secret(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: only the command line of this installation (embedded mode has such a secret, production has none)."""
    _require(connection, connection.app.state.cli_secret)


@post("/internal/v1/principals", guards=[require_service_secret], status_code=200)
async def resolve_principal(
    data: JSONBody[PrincipalRequest], resolve: NamedDependency[ResolveSubject]
) -> InternalPrincipalResponse:
    """Return roles and state of a subject that a read model lacks."""
    state = await resolve.resolve(data.subject)
    if state is None:
        raise NotFound("no such subject")
    return InternalPrincipalResponse.of(state)


@get("/internal/v1/feed", guards=[require_service_secret])
async def read_feed(
    feed: NamedDependency[ReadFeed],
    epoch: _Position = None,
    seq: _Position = None,
    wait: Annotated[float, QueryParameter(ge=0, le=MAX_WAIT_SECONDS)] = 0.0,
    page: Annotated[str | None, QueryParameter(max_length=64)] = None,
) -> FeedResponse:
    """Return the changes after a position, waiting for the first one; without a position all revocations, in pages."""
    position = None if epoch is None or seq is None else FeedPosition(epoch, seq)
    return FeedResponse.of(await feed(position, wait, page))


@post("/internal/v1/cli-token", guards=[require_cli_secret], status_code=200)
async def mint_cli_token(mint: NamedDependency[MintCliToken], caller: NamedDependency[Caller]) -> TokenResponse:
    """Return a 60 s access token of the built-in account ``cli``."""
    return TokenResponse.of(await mint(caller))


def _require(connection: ASGIConnection[Any, Any, Any, Any], secret: Secret[str] | None) -> None:
    presented = bearer_token(connection)
    if presented is None:
        raise AuthenticationRequired("no credential on the internal port")
    if secret is None or not hmac.compare_digest(presented.encode(), secret.reveal().encode()):
        raise InvalidToken("wrong credential on the internal port")
