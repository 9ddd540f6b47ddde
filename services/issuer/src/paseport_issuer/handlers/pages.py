"""The few pages that the issuer itself shows: when something is wrong, and on the way back to a client."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from litestar import MediaType, Request, Response
from litestar.response import Redirect
from litestar.types import ExceptionHandlersMap
from paseport_shared.domain.models.authorization import AuthorizationResponse, ResponseMode
from paseport_shared.http.problem import explain
from paseport_shared.http.request_id import request_id

_STYLE: Final = (
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}"
    "main{max-width:32rem;padding:2rem}h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:.5rem 0}"
    "small{color:color-mix(in srgb,CanvasText 70%,Canvas)}button{font:inherit;padding:.5rem 1rem}"
)
_SUBMIT: Final = "document.forms[0].submit()"


@dataclass(frozen=True, slots=True)
class WayOn:
    """A path of this origin, and what the link to it says."""

    path: str
    label: str


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_digest(_STYLE)}'; frame-ancestors 'none'; base-uri 'none'"
_POSTING_POLICY: Final = f"{_POLICY}; script-src 'sha256-{_digest(_SUBMIT)}'"


def client_response(response: AuthorizationResponse) -> Response[Any]:
    """Return what takes the browser to a client with the answer to its request."""
    if response.response_mode is ResponseMode.FORM_POST:
        return _posting(response)
    return redirect(with_parameters(response.redirect_uri, dict(response.parameters)))


def redirect(url: str) -> Response[Any]:
    """Return a redirect that turns every request into a GET (RFC 9110 §15.4.4)."""
    return Redirect(url, status_code=303, headers={"Cache-Control": "no-store"})


def with_parameters(uri: str, parameters: Mapping[str, str]) -> str:
    """Return a URI with parameters added to the query that it may have (RFC 6749 §3.1.2)."""
    if not parameters:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"


def page_exception_handlers() -> ExceptionHandlersMap:
    """Return the handlers of routes that a person looks at: what is wrong is said on a page, never in a redirect."""

    def render(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        return problem_page(request, error)

    return {Exception: render}


def problem_page(request: Request[Any, Any, Any], error: Exception, way_on: WayOn | None = None) -> Response[Any]:
    """Return a page that says what is wrong, in our words alone, and where somebody can go on."""
    problem = explain(error)
    kept = {name: value for name, value in problem.headers if name != "WWW-Authenticate"}
    link = "" if way_on is None else f'<p><a href="{escape(way_on.path)}">{escape(way_on.label)}</a></p>'
    body = (
        f"<h1>This sign-in cannot go on</h1><p>{escape(problem.detail)}</p>{link}"
        f"<p><small>Request {escape(request_id(request.scope))}</small></p>"
    )
    return _page(body, _POLICY, status=problem.status, headers=kept)


def _posting(response: AuthorizationResponse) -> Response[Any]:
    """Return a page that posts the answer at once (Form Post Response Mode §2)."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in response.parameters
    )
    body = (
        f'<form method="post" action="{escape(response.redirect_uri)}">{fields}'
        "<noscript><p>Scripts are off. Go back to the application with this button.</p>"
        "<button>Continue</button></noscript></form>"
        f"<script>{_SUBMIT}</script>"
    )
    return _page(body, _POSTING_POLICY)


def _page(body: str, policy: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[Any]:
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Paseport</title><style>{_STYLE}</style><main>{body}</main></html>"
    )
    return Response(
        html.encode(),
        status_code=status,
        media_type=MediaType.HTML,
        headers={**(headers or {}), "Cache-Control": "no-store", "Content-Security-Policy": policy},
    )
