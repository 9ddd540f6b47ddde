"""Bearer tokens in HTTP (RFC 6750), for any framework: reading the credential, and answering who is not let in.

``REFUSALS`` is the one table from error to answer. What is not in it is not a refusal but a fault: it is passed on to
whoever runs the application, and the request with it ends.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from paseport.errors import (
    AuthenticationRequired,
    AuthError,
    InsufficientRole,
    InsufficientScope,
    InvalidToken,
    Unavailable,
)
from paseport.principal import Principal
from paseport.requirements import is_scope

PRINCIPAL: Final = "paseport.principal"
"""Where the caller stands in an ASGI scope."""
CHALLENGE: Final = 'Bearer realm="paseport"'
"""RFC 6750 §3: at least one parameter follows the scheme, hence a realm that says nothing."""
MEDIA_TYPE: Final = "application/problem+json"

_log = logging.getLogger(__name__)

# Whatever the token's own grammar is, it is one word of visible ASCII. A pattern takes ten times as long to say so.
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_VERIFIED: Final = "paseport.verified"


class VerifiesTokens(Protocol):
    """What the glue needs of ``paseport.Verifier``."""

    async def verify(self, token: str | None, /) -> Principal:
        """Return the caller that the token stands for; raise an ``AuthError`` if there is none."""
        ...


class RunningVerifier(VerifiesTokens, Protocol):
    """A verifier that follows revocations between ``start`` and ``aclose``."""

    async def start(self) -> None:
        """Begin to follow."""
        ...

    async def aclose(self) -> None:
        """End what was begun. Harmless when repeated."""
        ...


# --- the credential ---------------------------------------------------------------------------------------------------


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the bearer token of a request's headers, or None where none is presented.

    Names are lower-case, as ASGI promises. ``InvalidToken`` for an ``Authorization`` that is sent twice: which of the
    two counts is what a proxy and an application disagree about. Query, body and cookies are never read (RFC 9700
    §4.3.2).
    """
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) > 1:
        raise InvalidToken("Authorization was sent more than once")
    return parse_authorization(values[0]) if values else None


def parse_authorization(value: str | bytes | None) -> str | None:
    """Return the bearer token of one ``Authorization`` header, or None where it presents none.

    For a framework that hands out single headers; WSGI servers join repeated ones with a comma, which is refused here.
    Another scheme presents no bearer token. Anything after ``Bearer`` that is not one word of visible ASCII is an
    ``InvalidToken``. The scheme's case is free (RFC 9110 §11.1).
    """
    if value is None:
        return None
    if isinstance(value, str):
        # Never lossy: what is not ASCII stays so and is refused below.
        value = value.encode("utf-8", "surrogatepass")
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    # RFC 6750 §2.1: 1*SP between scheme and token.
    token = rest.lstrip(b" ")
    if not token or token.translate(None, _VISIBLE):
        raise InvalidToken("the bearer token is not one word of visible ASCII")
    return token.decode("ascii")


async def authenticate(scope: MutableMapping[str, Any], verifier: VerifiesTokens) -> Principal:
    """Return who is calling, verifying the token once per ASGI connection and verifier; leave it in the scope.

    Raises what ``verifier`` raises. Another verifier's verdict in the same scope, of another audience perhaps, does not
    count.
    """
    known: tuple[VerifiesTokens, Principal] | None = scope.get(_VERIFIED)
    if known is not None and known[0] is verifier:
        principal = known[1]
    else:
        principal = _only_principal(await verifier.verify(bearer_token(scope["headers"])))
        scope[_VERIFIED] = (verifier, principal)
    scope[PRINCIPAL] = principal
    return principal


def _only_principal(verified: object) -> Principal:
    """Refuse what a stand-in returns that verifies nothing: None is how the glue says "nobody"."""
    if not isinstance(verified, Principal):
        raise TypeError("verify() returned no Principal")
    return verified


# --- the refusal ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """How an error is answered. ``challenge`` is what ``WWW-Authenticate`` says, if anything."""

    status: int
    title: str
    challenge: str | None = None


# One description for every cause: it must not tell a bad signature from an expired token.
_INVALID_TOKEN: Final = f'{CHALLENGE}, error="invalid_token", error_description="{InvalidToken.public}"'

REFUSALS: Final[Mapping[type[AuthError], Row]] = {
    # RFC 6750 §3.1: who presented nothing is told no error code.
    AuthenticationRequired: Row(401, "Unauthorized", CHALLENGE),
    InvalidToken: Row(401, "Unauthorized", _INVALID_TOKEN),
    InsufficientScope: Row(403, "Forbidden", f'{CHALLENGE}, error="insufficient_scope"'),
    # No other token of the same subject would help, so nothing is asked for.
    InsufficientRole: Row(403, "Forbidden"),
    Unavailable: Row(503, "Service Unavailable"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that refuses. ``headers`` are all that it needs but ``Content-Length``; ``body`` is JSON (RFC 9457)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """Return all headers as ASGI wants them."""
        headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in self.headers]
        return [*headers, (b"content-length", str(len(self.body)).encode("ascii"))]


def refuse(error: AuthError) -> Refusal:
    """Return the answer to an error, and log why. An error without a row is a fault and raised again.

    The answer depends on the error's class and on what the operation requires: nothing that the client sent is in it,
    nor which check failed.
    """
    row = next((REFUSALS[cls] for cls in type(error).__mro__ if cls in REFUSALS), None)
    if row is None:
        raise error
    log = _log.warning if row.status == 503 else _log.info
    log("refused with %d %s: %s", row.status, error.code, error.reason)
    problem = {
        "type": "about:blank",
        "title": row.title,
        "status": row.status,
        "detail": error.public,
        "code": error.code,
    }
    return Refusal(row.status, tuple(_headers(error, row)), json.dumps(problem).encode("ascii"))


def _headers(error: AuthError, row: Row) -> Iterable[tuple[str, str]]:
    yield "Content-Type", MEDIA_TYPE
    yield "Cache-Control", "no-store"
    if row.challenge is not None:
        yield "WWW-Authenticate", row.challenge + _required(error)
    if isinstance(error, Unavailable):
        yield "Retry-After", str(max(math.ceil(error.retry_after.total_seconds()), 1))


def _required(error: AuthError) -> str:
    # An application may raise the error itself: what is no list of scopes does not get into a header.
    if isinstance(error, InsufficientScope) and all(map(is_scope, error.required.split(" "))):
        return f', scope="{error.required}"'
    return ""
