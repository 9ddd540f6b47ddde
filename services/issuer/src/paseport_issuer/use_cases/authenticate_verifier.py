"""Which registered verifier is asking."""

from __future__ import annotations

from contextlib import suppress

from paseport_shared.domain.errors import InvalidClient, Unavailable
from paseport_shared.domain.models.client import Client

from paseport_issuer.use_cases.authenticate_client import AuthenticateClient, ClientCredentials
from paseport_issuer.use_cases.limit_attempts import LimitAttempts


class AuthenticateVerifier:
    """Authenticates verifiers as clients are (one answer for every cause), and counts what is refused."""

    def __init__(self, authenticate: AuthenticateClient, limits: LimitAttempts) -> None:
        self._authenticate = authenticate
        self._limits = limits

    async def __call__(self, credentials: ClientCredentials | None, address: str | None) -> Client:
        """Return the verifier; ``credentials`` is None where none can be read.

        Raises ``InvalidClient``, ``Unavailable``, and ``TooManyAttempts`` in place of the former where an address goes
        on with wrong ones.
        """
        try:
            if credentials is None:
                raise InvalidClient("no credential that could be read")
            return await self._authenticate(credentials)
        except InvalidClient:
            # Without its counter the answer is the same: the limit spares us work, it guards no secret.
            with suppress(Unavailable):
                await self._limits.on_refused_credential(address)
            raise
