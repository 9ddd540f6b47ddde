"""From an access token to the caller it stands for."""

from __future__ import annotations

from paseport.errors import AuthenticationRequired, InvalidToken
from paseport.find_subject import FindSubject
from paseport.identifiers import parse_uuid
from paseport.principal import Principal
from paseport.revocation_list import RevocationList
from paseport.token_verifier import TokenVerifier


class AuthenticateBearer:
    """Verify the token, ask whether it was revoked, look up who it is today. Any doubt refuses."""

    def __init__(
        self,
        verifier: TokenVerifier,
        revocations: RevocationList,
        find_subject: FindSubject,
    ) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._find_subject = find_subject

    async def __call__(self, token: str | None) -> Principal:
        """Return the caller.

        Raises ``AuthenticationRequired`` without a token, ``InvalidToken`` whatever is wrong with it, and
        ``Unavailable`` when a key, the revocation feed or the subject's state cannot be had.
        """
        if token is None:
            raise AuthenticationRequired("no bearer token")
        claims = await self._verifier.verify(token)
        self._revocations.check(claims)
        user_id = parse_uuid(claims.subject)
        if user_id is None:
            return Principal(claims, username="", roles=frozenset())

        state = await self._find_subject(user_id)
        if state is None:
            raise InvalidToken("subject is unknown")
        if not state.enabled:
            raise InvalidToken("subject is disabled or deleted")
        if claims.user_version is None or claims.user_version < state.version:
            raise InvalidToken("user version is too old")
        # A token is never worth more than its scope: without `roles` the caller holds none (design §3).
        roles = state.roles if "roles" in claims.scope else frozenset[str]()
        return Principal(claims, state.username, roles)
