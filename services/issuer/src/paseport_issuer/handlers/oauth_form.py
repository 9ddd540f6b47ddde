"""Forms that clients send to the OAuth endpoints (RFC 6749 §3.2, appendix B), and how they authenticate in them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from litestar import Request
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidClient, InvalidRequest
from paseport_shared.domain.models.client import ClientAuthMethod

from paseport_issuer.use_cases.authenticate_client import ClientCredentials

MAX_FIELDS: Final = 100
MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_REPEATABLE: Final = frozenset({"resource"})
"""RFC 8707 §2. Everything else stands in a request once (RFC 6749 §3.2)."""


class OAuthForm:
    """The parameters of one request. One without a value counts as left out (RFC 6749 §3.2)."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def find(self, name: str) -> str | None:
        """Return a parameter's value, or None."""
        values = self._values.get(name, ())
        return values[0] if values else None

    def get(self, name: str) -> str:
        """Return a parameter's value. Raises ``InvalidRequest`` where it is missing."""
        value = self.find(name)
        if value is None:
            raise InvalidRequest(f"{name} is missing")
        return value

    def all(self, name: str) -> Sequence[str]:
        """Return every value of a parameter that may be repeated."""
        return self._values.get(name, ())


def is_form(request: Request[Any, Any, Any]) -> bool:
    """Say whether the body of a request is a form, whatever its charset parameter says (TE-01)."""
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower() == MEDIA_TYPE


async def read_form(request: Request[Any, Any, Any]) -> OAuthForm:
    """Return the form of a request. Raises ``InvalidRequest`` for another content type and repeated parameters."""
    if not is_form(request):
        raise InvalidRequest("the body is no form")
    values = parse_parameters(await request.body())
    for name, given in values.items():
        if len(given) > 1 and name not in _REPEATABLE:
            raise InvalidRequest("a parameter is repeated")
    return OAuthForm({name: [value for value in given if value] for name, given in values.items()})


def parse_parameters(text: bytes) -> dict[str, list[str]]:
    """Return parameters with all their values, empty ones too. Raises ``InvalidRequest``."""
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS, separator="&"
        )
    except ValueError as error:
        raise InvalidRequest("the parameters are not readable, or too many") from error
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def client_credentials(request: Request[Any, Any, Any], form: OAuthForm) -> ClientCredentials:
    """Return how a client says who it is. Raises ``InvalidClient`` and ``InvalidRequest``.

    One way at a time (RFC 6749 §2.3). A secret in the query is not looked for: it would be in every log.
    """
    headers = [value for name, value in request.scope["headers"] if name == b"authorization"]
    client_id, secret = form.find("client_id"), form.find("client_secret")
    if headers:
        if secret is not None or len(headers) > 1:
            raise InvalidRequest("the client authenticates in more than one way")
        credentials = basic_credentials(headers[0])
        if client_id not in (None, credentials.client_id):
            raise InvalidRequest("client_id is not that of the Authorization header")
        return credentials
    if client_id is None:
        raise InvalidClient("no client is named")
    if secret is not None:
        return ClientCredentials(client_id, ClientAuthMethod.POST, Secret(secret))
    return ClientCredentials(client_id, ClientAuthMethod.NONE)


def basic_credentials(header: bytes) -> ClientCredentials:
    """Return the credentials of HTTP Basic, whose halves are form-encoded (RFC 6749 §2.3.1).

    Raises ``InvalidClient``.
    """
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        raise InvalidClient("another scheme than Basic")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClient("the Authorization header is not readable") from error
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise InvalidClient("the Authorization header has no secret")
    return ClientCredentials(unquote_plus(client_id), ClientAuthMethod.BASIC, Secret(unquote_plus(secret)))
