"""Opening a session: what every sign-in comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.linked_identity import UpstreamSession
from paseport_shared.domain.models.session import Session, SessionPolicy, new_session_cookie
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.new_ids import NewIds


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session and the cookie that its browser will hold."""

    session: Session
    cookie: Secret[str]


class OpenSession:
    """Makes sessions, and stores them once they are on record."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        record: Record,
        policy: SessionPolicy,
        clock: Clock,
        randomness: Randomness,
        ids: NewIds,
    ) -> None:
        self._sessions = sessions
        self._record = record
        self._policy = policy
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    def make(
        self,
        user: User,
        *,
        amr: tuple[str, ...],
        caller: Caller,
        auth_time: datetime | None = None,
        upstream: UpstreamSession | None = None,
    ) -> NewSession:
        """Return a session that begins now, and is known to nobody yet.

        ``auth_time`` is when the user was last asked for a credential, if not now; ``upstream`` is the session at an
        identity provider that this one comes out of.
        """
        now = self._clock.now()
        session_id = self._ids.id128()
        cookie, secret_hash = new_session_cookie(session_id, self._randomness.token_bytes(16))
        session = Session(
            id=session_id,
            secret_hash=secret_hash,
            user_id=user.id,
            created_at=now,
            auth_time=auth_time or now,
            last_seen_at=now,
            expires_at=now + self._policy.max_lifetime,
            amr=amr,
            user_agent=caller.user_agent,
            address=caller.address,
            upstream=upstream,
        )
        return NewSession(session, cookie)

    async def store(
        self, new: NewSession, user: User, client: Client, *, caller: Caller, upgraded_hash: str | None = None
    ) -> None:
        """Put the sign-in on record, then the session in force. Raises ``Unavailable``; then it is not usable.

        ``client`` is where somebody signed in. ``upgraded_hash`` replaces the stored hash of the password just used.
        """
        actor = caller.acting_as(str(user.id), client.client_id)
        event = self._ids.audit_event(actor, "session.started", str(user.id), after={"amr": list(new.session.amr)})

        async def put_on_record(transaction: RecordTransaction) -> None:
            await transaction.audit.append(event)
            if upgraded_hash is not None and user.password_hash is not None:
                await transaction.users.replace_password_hash(user.id, old=user.password_hash, new=upgraded_hash)

        await self._record.transact(put_on_record)
        await self._sessions.create(new.session)
