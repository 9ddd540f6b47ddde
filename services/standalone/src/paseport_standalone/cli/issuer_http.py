"""HTTP to an issuer: of this machine, or of anywhere. Every function raises ``CommandFailed``."""

from __future__ import annotations

import ssl
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from paseport_shared.domain.models.redirect_uri import is_loopback_address

from paseport_standalone.cli.errors import NOT_RUNNING, USAGE, CommandFailed, FieldError
from paseport_standalone.ports import HOST
from paseport_standalone.settings import find_authority_file

_TIMEOUT_SECONDS: Final = 10.0

Wire = TypeVar("Wire")


class _Problem(msgspec.Struct, frozen=True):
    code: str
    detail: str | None = None
    title: str | None = None
    errors: tuple[FieldError, ...] = ()
    not_before: str | None = None


class _OAuthError(msgspec.Struct, frozen=True):
    error: str
    error_description: str | None = None


def issuer_url(text: str) -> str:
    """Return an issuer as it calls itself: an origin, https unless it is on this machine."""
    url = text.removesuffix("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    is_here = host == "localhost" or is_loopback_address(host)
    is_origin = host and "@" not in parts.netloc and url == f"{parts.scheme}://{parts.netloc}"
    if not is_origin or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        raise CommandFailed("usage", "--issuer takes an address such as https://auth.example.com.", exit_code=USAGE)
    return url


def open_issuer(url: str) -> httpx.Client:
    """Return a client of the issuer at ``url``. No redirect takes a secret elsewhere."""
    if urlsplit(url).scheme == "http":
        return open_here(url)
    return httpx.Client(base_url=url, verify=_authorities(), timeout=_TIMEOUT_SECONDS, follow_redirects=False)


def open_here(url: str) -> httpx.Client:
    """Return a client of a port of this machine.

    It connects to the address itself: ``localhost`` may also be ``::1``, where another program may listen. No proxy and
    no redirect takes the secret elsewhere.
    """
    parts = urlsplit(url)
    return httpx.Client(
        base_url=f"http://{HOST}:{parts.port or 80}",
        headers={"Host": parts.netloc},
        # It speaks no TLS, so nobody has to be trusted: reading whom the system trusts takes longer than the request.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        follow_redirects=False,
    )


def answer(
    http: httpx.Client,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    json: dict[str, object] | None = None,
) -> httpx.Response:
    """Send a request and return its success; a refusal fails with the issuer's own words."""
    response = _send(http, http.build_request(method, path, params=params, json=json, headers=headers))
    if response.is_success:
        return response
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError as error:
        raise _unexpected(response) from error
    raise CommandFailed(
        problem.code,
        problem.detail or problem.title or problem.code,
        advice=None if problem.not_before is None else f"It can from {problem.not_before} on.",
        errors=problem.errors,
        retry_after=_seconds(response.headers.get("Retry-After")),
    )


def oauth_answer(http: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    """Send a form to an OAuth endpoint; a refusal fails with the code of RFC 6749 §5.2."""
    response = _send(http, http.build_request("POST", path, data=form))
    if response.is_success:
        return response
    try:
        refusal = msgspec.json.decode(response.content, type=_OAuthError)
    except msgspec.DecodeError as error:
        raise _unexpected(response) from error
    raise CommandFailed(refusal.error, refusal.error_description or refusal.error)


def read(response: httpx.Response, wire: type[Wire]) -> Wire:
    """Return what an answer says."""
    try:
        return msgspec.json.decode(response.content, type=wire)
    except msgspec.DecodeError as error:
        raise CommandFailed(
            "unexpected_answer", f"The issuer's answer cannot be read: {error}. Do both come from one installation?"
        ) from error


def _authorities() -> ssl.SSLContext:
    """Trust who signs for everybody, who signs for this machine, and whom SSL_CERT_FILE or SSL_CERT_DIR names."""
    named = find_authority_file()
    context = httpx.create_ssl_context(trust_env=False)
    # Those of the operating system, where an operator installs their own authority for browsers as well; OpenSSL reads
    # both variables here, and passes over a file that it cannot read.
    context.load_default_certs()
    if named is not None:
        try:
            context.load_verify_locations(named)
        except OSError as error:
            raise CommandFailed(
                "usage", f"SSL_CERT_FILE names no certificates in PEM: {named}", exit_code=USAGE
            ) from error
    return context


def _send(http: httpx.Client, request: httpx.Request) -> httpx.Response:
    try:
        return http.send(request)
    except httpx.HTTPError as error:
        if (refusal := _refused_certificate(error)) is not None:
            raise CommandFailed(
                "untrusted_certificate",
                f"The certificate of {http.base_url} is not trusted: {refusal.verify_message}.",
                advice="If an authority of your own signed it, name that one's certificate: SSL_CERT_FILE=ca.pem",
                exit_code=NOT_RUNNING,
            ) from error
        raise CommandFailed(
            "issuer_unreachable",
            f"The issuer at {http.base_url} did not answer: {type(error).__name__}.",
            advice="Is it running? For the one on this machine see `paseport doctor`.",
            exit_code=NOT_RUNNING,
        ) from error


def _seconds(header: str | None) -> int | None:
    return int(header) if header is not None and header.isascii() and header.isdigit() else None


def _refused_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _unexpected(response: httpx.Response) -> CommandFailed:
    request = response.request
    return CommandFailed(
        "unexpected_answer", f"The issuer answered {response.status_code} to {request.method} {request.url.path}."
    )
