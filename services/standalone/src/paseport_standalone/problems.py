"""Refusals of what stands in front of the services, in the services' own form."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from paseport_shared.domain.errors import NotFound, UnlistedHost
from paseport_shared.http.problem import METHOD_NOT_ALLOWED, Problem, problem_of
from paseport_shared.http.request_id import RequestId
from paseport_shared.http.security_headers import SecurityHeaders

from paseport_standalone.asgi import Receive, Scope, Send

_NOT_FOUND: Final = problem_of(NotFound())
_UNLISTED_HOST: Final = problem_of(UnlistedHost())


async def send_not_found(scope: Scope, receive: Receive, send: Send, *, vary: str | None = None) -> None:
    """Say that there is nothing at this path."""
    headers = () if vary is None else (("Vary", vary),)
    await _send(replace(_NOT_FOUND, headers=headers), scope, receive, send)


async def send_method_not_allowed(scope: Scope, receive: Receive, send: Send, allowed: tuple[str, ...]) -> None:
    """Say which methods the path takes (RFC 9110 §15.5.6)."""
    await _send(replace(METHOD_NOT_ALLOWED, headers=(("Allow", ", ".join(allowed)),)), scope, receive, send)


async def send_unlisted_host(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that this host name is none of ours."""
    await _send(_UNLISTED_HOST, scope, receive, send)


async def _send(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        await problem.send(scope, send)

    await RequestId(SecurityHeaders(answer, https=False))(scope, receive, send)
