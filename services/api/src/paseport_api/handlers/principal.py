"""Who is calling, as every decision of this service sees it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request
from paseport.principal import Principal
from paseport_shared.http.bearer import provide_principal, require_bearer
from paseport_shared.http.route import get_often

from paseport_api.handlers.schemas.principal import PrincipalResponse

PATH: Final = "/api/principal"

_encode: Final = msgspec.json.Encoder().encode


@get_often(PATH, guards=[require_bearer], tags=["principal"], summary="Who am I, as services see me")
async def principal(request: Request[Any, Any, Any]) -> PrincipalResponse:
    """Subject, client, scopes and live roles of the caller, and when the token ends."""
    return PrincipalResponse.of(provide_principal(request))


def render(caller: Principal) -> bytes:
    """Return the same for the hot path."""
    return _encode(PrincipalResponse.of(caller))
