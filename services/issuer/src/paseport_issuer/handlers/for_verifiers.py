"""What registered verifiers ask on the public port: the api's two questions, with a credential of their own."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from paseport.find_subject import FindSubject
from paseport_shared.domain.errors import InvalidClient, NotFound
from paseport_shared.http.client_address import client_address

from paseport_issuer.handlers.internal import read_feed
from paseport_issuer.handlers.oauth_form import basic_credentials
from paseport_issuer.handlers.schemas.internal import PrincipalRequest, PrincipalResponse
from paseport_issuer.use_cases.authenticate_client import ClientCredentials
from paseport_issuer.use_cases.authenticate_verifier import AuthenticateVerifier

_BY_CREDENTIAL: Final = [{"basic": list[str]()}]


async def require_verifier(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: only registered verifiers, by HTTP Basic and in no other way. One answer for every other caller."""
    authenticate: AuthenticateVerifier = connection.app.state.authenticate_verifier
    await authenticate(_credentials(connection), client_address(connection))


read_verifier_feed = get(
    "/verifiers/v1/feed", guards=[require_verifier], operation_id="read_verifier_feed", security=_BY_CREDENTIAL
)(read_feed.fn)
"""The api's feed, word for word."""


@post("/verifiers/v1/principals", guards=[require_verifier], status_code=200, security=_BY_CREDENTIAL)
async def read_verifier_principal(
    data: JSONBody[PrincipalRequest], subjects: NamedDependency[FindSubject]
) -> PrincipalResponse:
    """Return roles and state of a subject.

    Unlike the api, which has looked into the read model before it asks, a verifier has nothing else to look into.
    """
    state = await subjects(data.subject)
    if state is None:
        raise NotFound("no such subject")
    return PrincipalResponse.of(state)


def _credentials(connection: ASGIConnection[Any, Any, Any, Any]) -> ClientCredentials | None:
    headers = [value for name, value in connection.scope["headers"] if name == b"authorization"]
    if len(headers) != 1:
        return None
    try:
        return basic_credentials(headers[0])
    except InvalidClient:
        return None
