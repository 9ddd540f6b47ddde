"""Opening a session and its first token family: what signing in at the app itself comes to."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.secret import Secret
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.refresh_token import RefreshTokenKey, Rotation
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.new_family import FamilyGrant, NewFamily, grant_of
from paseport_issuer.use_cases.open_session import OpenSession
from paseport_issuer.use_cases.sign_access_token import AccessToken, SignAccessToken


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What a sign-in or a refresh hands out.

    ``session_cookie`` is None where the session stays as it is. ``rotation`` tells how a refresh token was exchanged
    for these.
    """

    access_token: AccessToken
    refresh_token: Secret[str]
    session_cookie: Secret[str] | None = None
    rotation: Rotation | None = None


class IssueTokens:
    """Signs first and stores last, so that an outage leaves nothing half done and nobody signed in by accident."""

    def __init__(
        self,
        *,
        sign: SignAccessToken,
        refresh_key: RefreshTokenKey,
        families: RefreshTokenStore,
        open_session: OpenSession,
        new_family: NewFamily,
    ) -> None:
        self._sign = sign
        self._refresh_key = refresh_key
        self._families = families
        self._open_session = open_session
        self._new_family = new_family

    async def __call__(
        self, user: User, client: Client, *, amr: tuple[str, ...], caller: Caller, upgraded_hash: str | None = None
    ) -> IssuedTokens:
        """Open a session for ``user`` and return its tokens. Raises ``Unavailable``; then no session is usable.

        ``upgraded_hash`` replaces the stored hash of the password just used, in the transaction that audits the
        sign-in.
        """
        new = self._open_session.make(user, amr=amr, caller=caller)
        family = self._new_family(
            client,
            FamilyGrant(
                user_id=user.id,
                user_version=user.version,
                session_id=new.session.id,
                scope=client.scope,
                audience=client.audience,
                auth_time=new.session.auth_time,
                amr=new.session.amr,
            ),
        )
        token = await self._sign(client, grant_of(family))
        await self._open_session.store(new, user, client, caller=caller, upgraded_hash=upgraded_hash)
        await self._families.open_family(family)
        return IssuedTokens(token, self._refresh_key.token(family, family.generation), new.cookie)
