"""Claims about the user whom a client signed in (OIDC Core §5.3)."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.http.bearer import bearer_token

from paseport_issuer.handlers.oauth_form import is_form, read_form
from paseport_issuer.use_cases.read_user_info import ReadUserInfo


@get("/userinfo")
async def userinfo(request: Request[Any, Any, Any], user_info: NamedDependency[ReadUserInfo]) -> Response[Any]:
    """Return the claims that the access token's scope covers."""
    return Response(dict(await user_info(bearer_token(request))))


@post("/userinfo", status_code=200)
async def userinfo_by_post(request: Request[Any, Any, Any], user_info: NamedDependency[ReadUserInfo]) -> Response[Any]:
    """Return the same to a client that sends its token in the header or in a form (RFC 6750 §2.2)."""
    token = bearer_token(request)
    if is_form(request):
        in_form = (await read_form(request)).find("access_token")
        if in_form is not None and token is not None:
            raise InvalidRequest("the token is sent in more than one way")
        token = token or in_form
    return Response(dict(await user_info(token)))
