"""Tokens for clients that act for themselves (RFC 6749 §4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paseport_shared.domain.errors import InvalidScope, UnauthorizedClient
from paseport_shared.domain.models.client import SCOPES, Client, GrantType
from paseport_shared.domain.models.scope import parse_scope

from paseport_issuer.use_cases.requested_access import audience_of
from paseport_issuer.use_cases.sign_access_token import AccessToken, SignAccessToken


@dataclass(frozen=True, slots=True)
class MachineTokenCommand:
    """What a client that has authenticated asks for. ``resources`` as in RFC 8707."""

    client: Client
    scope: str | None
    resources: Sequence[str]


class IssueMachineToken:
    """There is no session, no family and no refresh token: a client that needs another one asks again (§4.4.3)."""

    def __init__(self, issuer: str, sign: SignAccessToken) -> None:
        self._issuer = issuer
        self._sign = sign

    async def __call__(self, command: MachineTokenCommand) -> AccessToken:
        """Return an access token whose subject is the client.

        Raises ``UnauthorizedClient``, ``InvalidScope``, ``InvalidTarget`` and ``Unavailable``. Every scope there is is
        about a user, so a machine holds none of them.
        """
        client = command.client
        if client.is_public or not client.may_use(GrantType.CLIENT_CREDENTIALS):
            raise UnauthorizedClient("the client is not registered for client credentials")
        asked = parse_scope(command.scope or "")
        if asked is None or not set(SCOPES).isdisjoint(asked):
            raise InvalidScope("scope is malformed, or is about a user")
        audience = audience_of(client, self._issuer, command.resources)
        return await self._sign.for_machine(client, (), audience)
