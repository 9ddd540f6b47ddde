"""The way to Vault: one address, a few threads and connections, every request within its deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
from paseport.secret import Secret
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from paseport_shared.adapters.vault.answers import VaultFailed, check_status
from paseport_shared.threads.worker_pool import WorkerPool

MAX_ANSWER_BYTES: Final = 1024 * 1024
"""A key with a thousand versions has about 200 KiB."""
_CHUNK_BYTES: Final = 16 * 1024

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """Where Vault is. ``ca_bundle`` is a PEM file that takes the place of the built-in authorities."""

    url: str
    namespace: str | None = None
    ca_bundle: Path | None = None

    @property
    def path(self) -> str:
        """Where Vault's own paths begin, if not at the root."""
        return urlsplit(self.url).path.rstrip("/")


class Wire:
    """One request's way to Vault, and what hvac's API classes take for their adapter.

    hvac writes paths and bodies. Its own adapters count a timeout for each read anew, read without bound, take settings
    from the environment and put Vault's words into exceptions.
    """

    def __init__(
        self, pool: urllib3.HTTPConnectionPool, address: VaultAddress, token: Secret[str] | None, deadline: float
    ) -> None:
        self._pool = pool
        self._address = address
        self._token = token
        self._deadline = deadline

    def get(self, url: str, **options: Any) -> bytes:
        """Send a GET."""
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> bytes:
        """Send a POST."""
        return self._send("POST", url, **options)

    def login(self, url: str, *, use_token: bool, **options: Any) -> bytes:
        """Send a request that answers with a token. The token is for the caller to keep, whatever ``use_token`` is."""
        return self._send("POST", url, **options)

    def _send(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        wrap_ttl: None = None,
        raise_exception: bool = True,
    ) -> bytes:
        """Return the body of an answer that arrived whole. Raises ``VaultRefused`` and ``VaultFailed``.

        Without ``raise_exception`` every status is an answer.
        """
        request = f"{method} {url}"
        query = f"?{urlencode(params)}" if params else ""
        try:
            response = self._pool.urlopen(
                method,
                self._address.path + url + query,
                body=None if json is None else msgspec.json.encode(json),
                headers=self._headers(),
                # Connecting and waiting together.
                timeout=urllib3.Timeout(total=max(0.001, self._remaining())),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                body = self._read(response, request)
            finally:
                # One that was read to its end has given its connection back already; any other takes it along.
                response.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise VaultFailed(f"no answer from Vault to {request}: {type(error).__name__}") from error
        except ValueError:
            # Python's words about a header that it does not write repeat it.
            raise VaultFailed(f"{request} is not sent: the token or the namespace is no header's value") from None
        if raise_exception:
            check_status(response.status, body, request)
        return body

    def _headers(self) -> dict[str, str]:
        headers = {
            # A small answer that unpacks to a large one would pass the bound on its size.
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            # Vault itself asks for it, where it is set up to, against requests that others are tricked into.
            "X-Vault-Request": "true",
        }
        if self._token is not None:
            headers["X-Vault-Token"] = self._token.reveal()
        if self._address.namespace is not None:
            headers["X-Vault-Namespace"] = self._address.namespace
        return headers

    def _read(self, response: urllib3.BaseHTTPResponse, request: str) -> bytes:
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise VaultFailed(f"the answer to {request} is too large")
            if self._remaining() <= 0:
                raise VaultFailed(f"the answer to {request} drips")
        return bytes(body)

    def _remaining(self) -> float:
        return self._deadline - time.monotonic()


class VaultTransport:
    """Sends requests on ``workers`` threads; ``queue`` callers may wait for one. Belongs to one event loop."""

    def __init__(self, address: VaultAddress, *, workers: int, queue: int) -> None:
        if address.ca_bundle is not None and not address.ca_bundle.is_file():
            raise ValueError(f"there is no CA bundle at {address.ca_bundle}")
        self.pool = WorkerPool(workers, queue, "vault")
        self._address = address
        self._connections = _open_pool(address, connections=workers)

    async def send(
        self,
        request: Callable[[Wire], bytes],
        answer: type[_Answer],
        *,
        token: Secret[str] | None,
        seconds: float,
    ) -> _Answer:
        """Return what Vault answers to ``request`` within so many seconds.

        Raises ``VaultRefused``, ``VaultFailed``, ``Overloaded``, and ``Unavailable`` once this is closed. A caller who
        goes away earlier leaves a thread behind that ends at the same deadline.
        """
        wire = Wire(self._connections, self._address, token, time.monotonic() + seconds)
        body = await self.pool.run(partial(request, wire))
        try:
            return msgspec.json.decode(body, type=answer)
        except (ValueError, RecursionError) as error:
            raise VaultFailed(f"Vault's answer is not readable as {answer.__name__}") from error

    def close(self) -> None:
        """Send nothing more."""
        self.pool.close()
        self._connections.close()


def _open_pool(address: VaultAddress, *, connections: int) -> urllib3.HTTPConnectionPool:
    """Return connections that know no proxy, no netrc, no cookie and no authority but those named here.

    The token goes to Vault and nowhere else. urllib3 itself, because what ``requests`` adds to it is what must be
    turned off, and takes as long as Vault takes to sign.
    """
    options: dict[str, Any] = {"maxsize": connections}
    if urlsplit(address.url).scheme == "https":
        options |= {"cert_reqs": "CERT_REQUIRED", "ca_certs": str(address.ca_bundle or DEFAULT_CA_BUNDLE_PATH)}
    return urllib3.connection_from_url(address.url, **options)
