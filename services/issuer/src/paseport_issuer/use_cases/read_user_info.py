"""Claims about the user whom an access token stands for (OIDC Core §5.3)."""

from __future__ import annotations

from collections.abc import Mapping

from paseport.authenticate_bearer import AuthenticateBearer
from paseport_shared.domain.errors import InsufficientScope, InvalidToken, NotFound
from paseport_shared.domain.models.client import OPENID, api_audience, userinfo_audience
from paseport_shared.domain.models.id_token import UserClaim
from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.user_claims import claims_for


class ReadUserInfo:
    """``authenticate`` takes tokens of any audience; which of them count here is this use case's rule."""

    def __init__(self, issuer: str, authenticate: AuthenticateBearer, record: Record) -> None:
        self._audiences = frozenset({userinfo_audience(issuer), api_audience(issuer)})
        self._authenticate = authenticate
        self._record = record

    async def __call__(self, token: str | None) -> Mapping[str, UserClaim]:
        """Return ``sub`` and what the token's scope covers.

        Raises what ``AuthenticateBearer`` raises, and ``InsufficientScope`` without ``openid`` (TE-23).
        """
        principal = await self._authenticate(token)
        claims = principal.claims
        if claims.audience not in self._audiences:
            raise InvalidToken("the token is for another audience")
        user_id = parse_uuid(claims.subject)
        if user_id is None:
            raise InvalidToken("the token stands for no user")
        if OPENID not in claims.scope:
            raise InsufficientScope(OPENID)

        async def get(transaction: RecordTransaction) -> User:
            return await transaction.users.get(user_id)

        try:
            user = await self._record.transact(get)
        except NotFound as error:
            raise InvalidToken("the user was deleted") from error
        return {"sub": claims.subject, **claims_for(user, claims.scope)}
