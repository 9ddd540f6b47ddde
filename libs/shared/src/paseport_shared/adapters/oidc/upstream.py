"""One provider as it stands: its metadata, its keys, and the requests that it gets."""

from __future__ import annotations

from typing import Any

from paseport.clock import Clock

from paseport_shared.adapters.oidc import id_token
from paseport_shared.adapters.oidc.calls import ProviderCalls
from paseport_shared.adapters.oidc.fetched import FRESH_SECONDS, Fetched
from paseport_shared.adapters.oidc.keys import STRANGER_PAUSE_SECONDS, ProviderKeys, UsableKey, read_keys
from paseport_shared.adapters.oidc.metadata import ProviderMetadata, UnusableMetadata, metadata_url, read_metadata
from paseport_shared.adapters.oidc.signed_token import parse_token
from paseport_shared.domain.errors import ProviderUnavailable
from paseport_shared.domain.ports.outbound import OutboundHttp


class Upstream:
    """An OpenID provider, as its issuer says it is. Belongs to one event loop; callers set the deadline.

    Methods raise ``Unavailable`` where it does not answer as it should.
    """

    def __init__(
        self,
        http: OutboundHttp,
        clock: Clock,
        issuer: str,
        *,
        deadline_seconds: float,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self.issuer = issuer
        self.fresh_seconds = fresh_seconds
        self.calls = ProviderCalls(http)
        self._metadata = Fetched(
            self.fetch_metadata, clock, deadline_seconds=deadline_seconds, fresh_seconds=fresh_seconds
        )
        self._keys = ProviderKeys(
            self._fetch_keys, clock, deadline_seconds=deadline_seconds, fresh_seconds=fresh_seconds
        )

    async def metadata(self, *, from_stranger: bool = False) -> ProviderMetadata:
        """Return its metadata, which may be ``fresh_seconds`` old."""
        return await self._metadata.get(pause_seconds=STRANGER_PAUSE_SECONDS if from_stranger else 0.0)

    async def read_token(
        self, token: str, types: frozenset[str], *, max_bytes: int = id_token.MAX_BYTES, from_stranger: bool = False
    ) -> tuple[str, dict[str, Any]]:
        """Return the algorithm and the claims of a token that it signed. Raises ``ProviderAnswerRefused``."""
        metadata = await self.metadata(from_stranger=from_stranger)
        parsed = parse_token(token, metadata.algorithms, types, max_bytes=max_bytes)
        await self._keys.check_signature(parsed, from_stranger=from_stranger)
        return parsed.algorithm, parsed.read_claims()

    async def fetch_metadata(self) -> ProviderMetadata:
        """Ask for the metadata."""
        document = await self.calls.get_object(metadata_url(self.issuer), "the metadata")
        try:
            return read_metadata(document, self.issuer)
        except UnusableMetadata as error:
            raise ProviderUnavailable(f"the metadata: {error}") from error

    async def _fetch_keys(self) -> tuple[UsableKey, ...]:
        # Another document may name another place by now: a provider that moves its keys says so there.
        metadata = await self.metadata()
        return read_keys(await self.calls.get_object(metadata.jwks_uri, "the key set"))
