"""Revoking a token that a client no longer needs (RFC 7009)."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.secret import Secret
from paseport_shared.domain.errors import UnauthorizedClient
from paseport_shared.domain.models.client import Client

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_token import FindToken, FoundRefreshToken
from paseport_issuer.use_cases.revoke_access import RevokeAccess


@dataclass(frozen=True, slots=True)
class RevokeTokenCommand:
    """A token as a client that has authenticated presents it."""

    token: Secret[str]
    client: Client
    caller: Caller


class RevokeToken:
    """A refresh token takes its whole family with it, an access token only itself (RFC 7009 §2.1)."""

    def __init__(self, find_token: FindToken, revoke: RevokeAccess) -> None:
        self._find_token = find_token
        self._revoke = revoke

    async def __call__(self, command: RevokeTokenCommand) -> None:
        """End the token; what is no token (any more) is nothing to end.

        Raises ``UnauthorizedClient`` for a token of another client, and ``Unavailable``: then nothing has ended for
        certain, and the client tries again.
        """
        found = await self._find_token(command.token)
        client_id = command.client.client_id
        if found is None:
            return
        if isinstance(found, FoundRefreshToken):
            family = found.family
            if family.client_id != client_id:
                raise UnauthorizedClient(f"the refresh token was issued to {family.client_id}")
            actor = command.caller.acting_as(str(family.user_id), client_id)
            await self._revoke.family(family.user_id, family.id, actor, "refresh_token.revoked")
            return
        if found.client_id != client_id:
            raise UnauthorizedClient(f"the access token was issued to {found.client_id}")
        await self._revoke.access_token(found, command.caller.acting_as(found.subject, client_id))
