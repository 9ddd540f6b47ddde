"""Redeeming an authorization code once (RFC 6749 §4.1.3, OIDC Core §3.1.3)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport.secret import Secret
from paseport_shared.domain.errors import AlreadyExists, InvalidAuthorizationCode, NotFound, UnauthorizedClient
from paseport_shared.domain.models import pkce
from paseport_shared.domain.models.authorization import AuthorizationCode, Redemption, parse_code
from paseport_shared.domain.models.client import OFFLINE_ACCESS, OPENID, Client, GrantType
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.models.pending import PendingEntry
from paseport_shared.domain.models.refresh_token import RefreshFamily, RefreshTokenKey
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.authorization_code_store import AuthorizationCodeStore
from paseport_shared.domain.ports.pending_record import PendingRecord
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.new_family import FamilyGrant, NewFamily, grant_of
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.sign_access_token import AccessToken, SignAccessToken
from paseport_issuer.use_cases.sign_id_token import SignIdToken


@dataclass(frozen=True, slots=True)
class RedeemCodeCommand:
    """A code as a client presents it; ``client`` has authenticated."""

    code: Secret[str]
    redirect_uri: str | None
    code_verifier: str | None
    client: Client
    caller: Caller


@dataclass(frozen=True, slots=True)
class ClientTokens:
    """What a client gets. Without ``refresh_token``: it is not registered for refreshing."""

    access_token: AccessToken
    refresh_token: Secret[str] | None = None
    id_token: str | None = None


class RedeemCode:
    """Read, check, sign, then use up: an outage consumes nothing, and of a hundred callers one gets tokens.

    What is wrong about a code burns it, because its rightful client makes no mistakes: but only once the client that it
    was issued to has authenticated, or anybody could burn anybody's codes (TE-09).
    """

    def __init__(
        self,
        *,
        codes: AuthorizationCodeStore,
        families: RefreshTokenStore,
        sessions: SessionStore,
        record: Record,
        pending: PendingRecord,
        sign: SignAccessToken,
        sign_id_token: SignIdToken,
        new_family: NewFamily,
        refresh_key: RefreshTokenKey,
        revoke: RevokeAccess,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._codes = codes
        self._families = families
        self._sessions = sessions
        self._record = record
        self._pending = pending
        self._sign = sign
        self._sign_id_token = sign_id_token
        self._new_family = new_family
        self._refresh_key = refresh_key
        self._revoke = revoke
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: RedeemCodeCommand) -> ClientTokens:
        """Return the tokens of a new family in the session that the code is from.

        Raises ``InvalidAuthorizationCode`` whatever is wrong, ``UnauthorizedClient``, and ``Unavailable``. A code that
        was used before also takes back what its first use gave (RFC 6749 §4.1.2).
        """
        if not command.client.may_use(GrantType.AUTHORIZATION_CODE):
            raise UnauthorizedClient("the client is not registered for authorization codes")
        code = await self._code_of(command)
        await self._check(code, command)
        user = await self._user_of(code, command.client)

        family = self._new_family(command.client, _grant_of(code), code.family_id)
        grant = grant_of(family)
        access_token = await self._sign(command.client, grant)
        id_token = None
        if OPENID in code.scope:
            id_token = await self._sign_id_token(
                command.client, user, grant, access_token=access_token, nonce=code.nonce
            )

        attempt = self._ids.id128()
        try:
            refresh_token = await self._redeem(code, family, command, attempt)
        except Unavailable:
            # Nobody got anything for it (P7). Where this is not heard either, the code stays used.
            with suppress(Unavailable):
                await self._codes.give_back(code.id, attempt)
            raise
        return ClientTokens(access_token, refresh_token, id_token)

    async def _redeem(
        self, code: AuthorizationCode, family: RefreshFamily, command: RedeemCodeCommand, attempt: str
    ) -> Secret[str] | None:
        """Use the code up for a family, and return its refresh token where the client is registered for one."""
        await self._use_up(code, command, attempt)
        await self._note(code, command)
        # Without a refresh token nothing looks like a family; its id alone is in the access token, to be revoked by.
        refresh_token = None
        if command.client.may_use(GrantType.REFRESH_TOKEN):
            opened = await self._open(family)
            refresh_token = self._refresh_key.token(opened, opened.generation)
        held = await self._codes.find(code.id)
        if held is None:
            # Consent was withdrawn after it was looked at, and perhaps before there was a family to end (TE-15).
            await self._take_back(code, command, "client.signed_out")
            raise InvalidAuthorizationCode("the user withdrew their consent meanwhile")
        if held.uses > 1:
            # Somebody came while the family was being opened, and may have found nothing to end. These tokens are worth
            # nothing any more, as if they had come a moment earlier (TE-08).
            await self._take_back(code, command)
        return refresh_token

    async def _open(self, family: RefreshFamily) -> RefreshFamily:
        try:
            await self._families.open_family(family)
        except AlreadyExists as error:
            # By an attempt that was given back: nobody has its token, whose key is another one.
            opened = await self._families.find_family(family.id, self._clock.now())
            if opened is None:
                raise InvalidAuthorizationCode("its family has ended") from error
            return opened
        return family

    async def _code_of(self, command: RedeemCodeCommand) -> AuthorizationCode:
        presented = parse_code(command.code)
        if presented is None:
            raise InvalidAuthorizationCode("not an authorization code")
        held = await self._codes.find(presented.code_id)
        if held is None or not held.code.is_presented_by(presented):
            raise InvalidAuthorizationCode("unknown code")
        code = held.code
        if code.client_id != command.client.client_id:
            raise InvalidAuthorizationCode(f"client {command.client.client_id} presented a code of {code.client_id}")
        if held.uses:
            # Raises; what is used already costs no signature.
            await self._use_up(code, command, self._ids.id128())
        return code

    async def _check(self, code: AuthorizationCode, command: RedeemCodeCommand) -> None:
        """Refuse what does not belong together, and burn the code for it."""
        problem = None
        if not code.is_live(self._clock.now()):
            problem = "the code has expired"
        elif command.redirect_uri != code.redirect_uri:
            problem = "redirect_uri is not that of the request"
        elif not _is_proven(code, command.code_verifier):
            problem = "the code verifier does not fit"
        elif await self._sessions.find(code.session_id, self._clock.now()) is None:
            problem = "the session has ended"
        if problem is not None:
            await self._use_up(code, command, self._ids.id128())
            raise InvalidAuthorizationCode(problem)

    async def _user_of(self, code: AuthorizationCode, client: Client) -> User:
        """Return the user, who still is who signed in and still allows what the code is for."""

        async def get(transaction: RecordTransaction) -> tuple[User, Consent | None]:
            user = await transaction.users.get(code.user_id)
            if client.first_party:
                return user, None
            return user, await transaction.consents.find(code.user_id, code.client_id)

        try:
            user, consent = await self._record.transact(get)
        except NotFound as error:
            raise InvalidAuthorizationCode("the user was deleted") from error
        if user.disabled or user.version != code.user_version:
            raise InvalidAuthorizationCode("the user was disabled or given a new password")
        if not client.first_party and (consent is None or not consent.covers(code.scope)):
            raise InvalidAuthorizationCode("the user withdrew their consent")
        return user

    async def _use_up(self, code: AuthorizationCode, command: RedeemCodeCommand, attempt: str) -> None:
        redemption = await self._codes.redeem(code.id, attempt)
        if redemption is Redemption.REDEEMED:
            return
        if redemption is Redemption.REUSED:
            await self._take_back(code, command)
        raise InvalidAuthorizationCode(f"{redemption.value}: the code of family {code.family_id}")

    async def _take_back(
        self, code: AuthorizationCode, command: RedeemCodeCommand, action: str = "authorization_code.reused"
    ) -> None:
        actor = command.caller.acting_as(str(code.user_id), command.client.client_id)
        await self._revoke.family(code.user_id, code.family_id, actor, action)

    async def _note(self, code: AuthorizationCode, command: RedeemCodeCommand) -> None:
        event = self._ids.audit_event(
            command.caller.acting_as(str(code.user_id), command.client.client_id),
            "client.signed_in",
            str(code.user_id),
            after={"family": code.family_id, "scope": list(code.scope)},
        )
        await self._pending.append(PendingEntry(event, ()))


def _grant_of(code: AuthorizationCode) -> FamilyGrant:
    return FamilyGrant(
        user_id=code.user_id,
        user_version=code.user_version,
        session_id=None if OFFLINE_ACCESS in code.scope else code.session_id,
        scope=code.scope,
        audience=code.audience,
        auth_time=code.auth_time,
        amr=code.amr,
    )


def _is_proven(code: AuthorizationCode, verifier: str | None) -> bool:
    """Say whether the presenter is who asked. A verifier without a challenge is a downgrade (RFC 9700 §4.8.2)."""
    if code.code_challenge is None:
        return verifier is None
    return verifier is not None and pkce.fits(verifier, code.code_challenge)
