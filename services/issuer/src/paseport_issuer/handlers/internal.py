"""What the api and the command line ask on the internal port, each with a credential of its own."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from litestar import MediaType, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, QueryParameter
from paseport.revocation import FeedPosition
from paseport.secret import Secret
from paseport_shared.api_key_state import encode_answer
from paseport_shared.domain.errors import AuthenticationRequired, InvalidToken, NotFound
from paseport_shared.http.bearer import bearer_token

from paseport_issuer.handlers.schemas.internal import (
    ApiKeyRequest,
    FeedResponse,
    HandoverRequest,
    HandoverResponse,
    InternalPrincipalResponse,
    PrincipalRequest,
    SessionUseRequest,
)
from paseport_issuer.handlers.schemas.login import TokenResponse
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.hand_over_session import HandOverSession
from paseport_issuer.use_cases.mint_cli_token import MintCliToken
from paseport_issuer.use_cases.read_feed import MAX_WAIT_SECONDS, ReadFeed
from paseport_issuer.use_cases.resolve_api_key import ResolveApiKey
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


@post("/internal/v1/api-keys", guards=[require_service_secret], status_code=200)
async def resolve_api_key(data: JSONBody[ApiKeyRequest], known_keys: NamedDependency[ResolveApiKey]) -> Response[bytes]:
    """Return what decisions need of a key that the directory lacks, digests included: for the api alone."""
    find, name = data.asked(known_keys)
    key = await find(name)
    if key is None:
        raise NotFound("no such key")
    return Response(encode_answer(key), media_type=MediaType.JSON)


@post("/internal/v1/handover", guards=[require_service_secret], status_code=200)
async def redeem_handover(
    data: JSONBody[HandoverRequest], hand_over: NamedDependency[HandOverSession]
) -> HandoverResponse:
    """Use up a ticket that a browser brought to a routed host, and return the session behind it."""
    return HandoverResponse.of(await hand_over.redeem(data.ticket, data.host, data.binding))


@post("/internal/v1/session-use", guards=[require_service_secret], status_code=204)
async def note_session_use(data: JSONBody[SessionUseRequest], hand_over: NamedDependency[HandOverSession]) -> None:
    """Note that a session was in use at a routed host. One that is not live any more is ignored."""
    await hand_over.note_use(data.session_id)


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
