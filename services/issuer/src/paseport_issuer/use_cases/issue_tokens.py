"""Opening a session and its first token family: the last step of every sign-in."""

from __future__ import annotations

from dataclasses import dataclass

from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.refresh_token import RefreshFamily, RefreshPolicy, RefreshTokenKey, Rotation
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.session import Session, SessionPolicy, new_session_cookie
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.clock import Clock
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_access_token import AccessToken, SignAccessToken, UserGrant


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
        sessions: SessionStore,
        record: Record,
        session_policy: SessionPolicy,
        refresh_policy: RefreshPolicy,
        clock: Clock,
        randomness: Randomness,
        ids: NewIds,
    ) -> None:
        self._sign = sign
        self._refresh_key = refresh_key
        self._families = families
        self._sessions = sessions
        self._record = record
        self._session_policy = session_policy
        self._refresh_policy = refresh_policy
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def __call__(
        self, user: User, client: Client, *, amr: tuple[str, ...], caller: Caller, upgraded_hash: str | None = None
    ) -> IssuedTokens:
        """Open a session for ``user`` and return its tokens. Raises ``Unavailable``; then no session is usable.

        ``upgraded_hash`` replaces the stored hash of the password just used, in the transaction that audits the
        sign-in.
        """
        session, cookie = self._new_session(user, amr, caller)
        family = self._new_family(user, client, session)
        token = await self._sign(client, grant_of(family))

        event = self._ids.audit_event(
            caller.acting_as(str(user.id), client.client_id), "session.started", str(user.id), after={"amr": list(amr)}
        )

        async def put_on_record(transaction: RecordTransaction) -> None:
            await transaction.audit.append(event)
            if upgraded_hash is not None and user.password_hash is not None:
                await transaction.users.replace_password_hash(user.id, old=user.password_hash, new=upgraded_hash)

        await self._record.transact(put_on_record)
        await self._sessions.create(session)
        await self._families.open_family(family)
        return IssuedTokens(token, self._refresh_key.token(family, family.generation), cookie)

    def _new_session(self, user: User, amr: tuple[str, ...], caller: Caller) -> tuple[Session, Secret[str]]:
        now = self._clock.now()
        session_id = self._ids.id128()
        cookie, secret_hash = new_session_cookie(session_id, self._randomness.token_bytes(16))
        session = Session(
            id=session_id,
            secret_hash=secret_hash,
            user_id=user.id,
            created_at=now,
            auth_time=now,
            last_seen_at=now,
            expires_at=now + self._session_policy.max_lifetime,
            amr=amr,
            user_agent=caller.user_agent,
            address=caller.address,
        )
        return session, cookie

    def _new_family(self, user: User, client: Client, session: Session) -> RefreshFamily:
        now = self._clock.now()
        return RefreshFamily(
            id=self._ids.id128(),
            user_id=user.id,
            user_version=user.version,
            session_id=session.id,
            client_id=client.client_id,
            key=Secret(self._randomness.token_bytes(32)),
            scope=client.scope,
            audience=client.audience,
            auth_time=session.auth_time,
            amr=session.amr,
            generation=0,
            spent=(),
            unconfirmed=False,
            opened_at=now,
            advanced_at=now,
            expires_at=now + self._refresh_policy.max_lifetime,
        )


def grant_of(family: RefreshFamily) -> UserGrant:
    """Return what a family entitles its client to."""
    return UserGrant(
        user_id=family.user_id,
        user_version=family.user_version,
        session_id=family.session_id,
        family_id=family.id,
        scope=family.scope,
        audience=family.audience,
        auth_time=family.auth_time,
        amr=family.amr,
    )
