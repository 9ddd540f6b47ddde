"""Signing out goes on at the identity provider (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from typing import Final

from paseport_shared.domain.errors import AuthError
from paseport_shared.domain.models.linked_identity import UpstreamSession
from paseport_shared.domain.ports.upstream import UpstreamProviders

from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.new_ids import NewIds

SIGNED_OUT: Final = "/signed-out"


class LeaveUpstream:
    """Says where the browser ends the session that ours came out of."""

    def __init__(self, *, issuer: str, find_provider: FindProvider, upstream: UpstreamProviders, ids: NewIds) -> None:
        self._issuer = issuer
        self._find_provider = find_provider
        self._upstream = upstream
        self._ids = ids

    async def __call__(self, session: UpstreamSession | None) -> str | None:
        """Return the address, or None where there is nothing to end, or no way to.

        Never fails: here everything has ended already, and somebody who signs out must hear that.
        """
        if session is None:
            return None
        try:
            provider = await self._find_provider.by_id(session.provider_id)
            if not provider.end_upstream_session:
                return None
            return await self._upstream.end_session_url(
                provider, post_logout_redirect_uri=self._issuer + SIGNED_OUT, state=self._ids.id128()
            )
        except AuthError:
            return None
