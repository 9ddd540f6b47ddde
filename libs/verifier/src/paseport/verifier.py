"""One call from token to claims, for a service that wants nothing else."""

import ipaddress
from datetime import timedelta
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import urlsplit

import httpx

from paseport.claims import Claims
from paseport.clock import Clock, SystemClock
from paseport.http_key_document import HttpKeyDocument
from paseport.key_set import KeySet, RemoteKeySet, StaticKeySet
from paseport.token_verifier import TokenVerifier

KEY_DOCUMENT_PATH: Final = "/.well-known/paserk.json"

# Compared as plain strings, because callers without a type checker pass other things than the Literal allows.
_REVOCATION_MODES: Final[frozenset[str]] = frozenset({"none"})


class Verifier:
    """Verifies the access tokens of one issuer for one audience.

    Keys come from ``{issuer}/.well-known/paserk.json`` over a client of its own, or from ``key_set``. An issuer is
    https; http is accepted on a loopback host only. ``revocation="none"`` has to be said: a token stays good until
    ``exp``, whatever happens to its session or user meanwhile. Use it as an async context manager, or call ``aclose``.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        revocation: Literal["none"],
        key_set: KeySet | None = None,
        max_lifetime: timedelta = timedelta(hours=1),
        clock: Clock | None = None,
    ) -> None:
        """Configure it; opens no connection. ``ValueError`` says which argument cannot be used and why."""
        if revocation not in _REVOCATION_MODES:
            raise ValueError(
                'revocation must be "none": in this version live revocation is read only by Paseport\'s own api; '
                "elsewhere a token is good until it expires"
            )
        _require_safe_issuer(issuer)
        if not audience:
            raise ValueError("audience must not be empty")
        if max_lifetime <= timedelta(0):
            raise ValueError("max_lifetime must be positive")
        self._own_client: httpx.AsyncClient | None = None
        self._own_key_set: RemoteKeySet | None = None
        if key_set is None:
            self._own_client = httpx.AsyncClient()
            self._own_key_set = RemoteKeySet(HttpKeyDocument(issuer + KEY_DOCUMENT_PATH, self._own_client))
        self._tokens = TokenVerifier(
            key_set or self._own_key_set or StaticKeySet(()),
            issuer=issuer,
            audience=audience,
            max_lifetime=max_lifetime,
            clock=clock or SystemClock(),
        )

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token that is good now.

        Raises ``InvalidToken`` (answer 401) or ``Unavailable`` (answer 503, never allow). Grammar, key, signature
        and claims are checked in this order; which one failed is in ``reason``, for the log.
        """
        return await self._tokens.verify(token)

    async def aclose(self) -> None:
        """Close what it opened itself. A ``key_set`` that was passed in is left alone."""
        if self._own_key_set is not None:
            await self._own_key_set.aclose()
        if self._own_client is not None:
            await self._own_client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _require_safe_issuer(issuer: str) -> None:
    """Refuse an issuer whose key document could be read or replaced on the way (RFC 8414 §2 and §6.2)."""
    url = urlsplit(issuer)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("issuer must be an https URL")
    if url.query or url.fragment or url.username is not None or issuer.endswith(("/", "?", "#")):
        raise ValueError("issuer must not end in a slash nor have a query, a fragment or credentials")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("issuer must be https: keys fetched over http could be anybody's")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
