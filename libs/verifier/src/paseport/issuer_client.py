"""Requests to the issuer, with a credential."""

from __future__ import annotations

import base64
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote_plus

import httpx
import msgspec

from paseport.deadline import Deadline
from paseport.errors import Unavailable
from paseport.secret import Secret

DEADLINE_SECONDS: Final = 2.0
MAX_CONNECTIONS: Final = 16
# A page of a snapshot has about 2 MiB; what is larger is not the issuer.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
COMPLAIN_EVERY_SECONDS: Final = 10.0
_UNAUTHORIZED: Final = 401

_log = logging.getLogger(__name__)

_Wire = TypeVar("_Wire")


def open_http_client(
    base_url: str,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """Return a client for the issuer at ``base_url``; its owner closes it.

    Bounded in connections; whoever asks has a ``Deadline``. It follows no redirect and takes no proxy from the
    environment: the credential goes to the issuer and nowhere else. Whom to trust may come from there
    (``SSL_CERT_FILE``, ``SSL_CERT_DIR``, as for OpenSSL), or with ``ssl_context``. One process passes a ``transport``
    that calls the issuer's app directly.
    """
    # Made here: without `trust_env` httpx would not look at these two either. A transport has its own, or needs none.
    tls = True if transport is not None else ssl_context or httpx.create_ssl_context()
    return httpx.AsyncClient(
        base_url=base_url,
        transport=transport,
        verify=tls,
        # Its own timeouts count each read anew: an answer that drips would never be late, and one that waited while
        # this process stood still would be.
        timeout=httpx.Timeout(None),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        follow_redirects=False,
        trust_env=False,
    )


def basic_credential(client_id: str, client_secret: Secret[str]) -> str:
    """Return the ``Authorization`` of a client (RFC 6749 §2.3.1: both parts are form-encoded first)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer that arrived whole."""

    status: int
    body: bytes

    def read_as(self, wire: type[_Wire]) -> _Wire:
        """Return the body as ``wire``. Raises ``Unavailable`` for anything else: half an answer is none."""
        try:
            return msgspec.json.decode(self.body, type=wire)
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"the issuer's answer {self.status} is not readable as {wire.__name__}") from error


class IssuerClient:
    """Speaks to one issuer; ``headers`` gives what each request carries, the credential among it.

    A credential that is refused is the one failure that does not pass by itself, so the log says so, at most once in
    ten seconds, and with it what to do: ``remedy``.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        headers: Callable[[], Mapping[str, str]],
        *,
        remedy: str = "check the credential",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._headers = headers
        self._remedy = remedy
        self._monotonic = monotonic
        self._complain_at: float | None = None

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        statuses: frozenset[int] = frozenset({200}),
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Answer:
        """Return the answer to a GET. Raises ``Unavailable`` for any status but ``statuses``, and when it is late."""
        return await self._send("GET", path, params, None, statuses, deadline_seconds)

    async def post(self, path: str, body: msgspec.Struct, *, statuses: frozenset[int] = frozenset({200})) -> Answer:
        """Return the answer to a POST of JSON. Raises ``Unavailable`` as ``get`` does."""
        return await self._send("POST", path, None, msgspec.json.encode(body), statuses, DEADLINE_SECONDS)

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        statuses: frozenset[int],
        deadline_seconds: float,
    ) -> Answer:
        headers = {"Accept": "application/json", **self._headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with (
                Deadline(deadline_seconds),
                self._client.stream(method, path, params=params, content=body, headers=headers) as response,
            ):
                answer = Answer(response.status_code, await _read_bounded(response))
        except Unavailable:
            raise
        # Whatever a transport raises, and within one process whatever the other app raises, is no answer.
        except Exception as error:
            raise Unavailable(f"the issuer did not answer {method} {path}: {error!r}") from error
        if answer.status not in statuses:
            if answer.status == _UNAUTHORIZED:
                self._complain(method, path)
            raise Unavailable(f"the issuer answered {answer.status} to {method} {path}")
        return answer

    def _complain(self, method: str, path: str) -> None:
        now = self._monotonic()
        if self._complain_at is None or now >= self._complain_at:
            self._complain_at = now + COMPLAIN_EVERY_SECONDS
            _log.error(
                "the issuer refuses the credential of this service (401 to %s %s), and does until it is changed: %s",
                method,
                path,
                self._remedy,
            )


async def _read_bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Unavailable("the issuer's answer is too large")
    return bytes(body)
