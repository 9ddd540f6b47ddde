"""Ending sessions and families so that their access tokens die too."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import timedelta
from uuid import UUID

from paseport.claims import Claims
from paseport.clock import Clock
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.authorization import HeldCode
from paseport_shared.domain.models.pending import PendingEntry
from paseport_shared.domain.models.refresh_token import RefreshFamily
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.authorization_code_store import AuthorizationCodeStore
from paseport_shared.domain.ports.pending_record import PendingRecord
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.new_ids import NewIds


class RevokeAccess:
    """Publishes a revocation before it removes what is revoked.

    The order makes every call safe to repeat: while something is left to remove, the caller finds it and publishes
    again, so no access token outlives an answer of success. None of this waits for the database (design §5): the
    record hears of it through ``PendingRecord``.
    """

    def __init__(
        self,
        *,
        sessions: SessionStore,
        families: RefreshTokenStore,
        codes: AuthorizationCodeStore,
        publisher: RevocationPublisher,
        pending: PendingRecord,
        token_lifetime: timedelta,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._sessions = sessions
        self._families = families
        self._codes = codes
        self._publisher = publisher
        self._pending = pending
        self._token_lifetime = token_lifetime
        self._clock = clock
        self._ids = ids

    async def session(self, session: Session, actor: Actor) -> None:
        """End one session: its online families and all their access tokens."""
        revocation = self._of(RevocationKind.SESSION, session.id)
        await self._put_in_force([revocation], actor, "session.ended", session.user_id)
        await self._families.revoke_session(session.user_id, session.id)
        await self._sessions.end(session.id)

    async def everything_of(self, user_id: UUID, actor: Actor) -> None:
        """End all sessions and families of a user, on all devices, offline ones too."""
        now = self._clock.now()
        seen = self._all_of(
            await self._sessions.list_for_user(user_id, now), await self._families.list_for_user(user_id, now)
        )
        await self._put_in_force(seen, actor, "user.signed_out_everywhere", user_id)
        removed = self._all_of(await self._sessions.end_all(user_id), await self._families.revoke_all(user_id))
        # A sign-in that finished between the look and the removal lost its session too, so its token must die.
        known = {revocation.subject for revocation in seen}
        late = [revocation for revocation in removed if revocation.subject not in known]
        if late:
            await self._put_in_force(late, actor, "user.signed_out_everywhere", user_id)

    async def reused_family(self, family: RefreshFamily, actor: Actor) -> None:
        """Kill a family of which somebody holds a copy, and nothing else of the user's (RFC 9700 §4.14.2)."""
        await self.family(family.user_id, family.id, actor, "refresh_token.reused")

    async def family(self, user_id: UUID, family_id: str, actor: Actor, action: str) -> None:
        """End one family with its access tokens, audited as ``action``. It need not have been opened (yet)."""
        await self._put_in_force([self._of(RevocationKind.FAMILY, family_id)], actor, action, user_id)
        await self._families.revoke_family(family_id)

    async def client_of(self, user_id: UUID, client_id: str, actor: Actor) -> None:
        """End all that one client has of a user: its codes, its families in every session, and those without one.

        A client that may not refresh has access tokens of a family that was never opened: its codes tell which.
        """
        families = await self._families.list_for_user(user_id, self._clock.now())
        known = {family.id for family in families if family.client_id == client_id}
        known |= _families_of(await self._codes.list_for_client(user_id, client_id))
        await self._end_families(known, user_id, actor)
        # As with everything: what was opened between the look and the removal dies with its access token. Codes go
        # first: whoever redeems one opens its family and then looks whether the code is still there.
        removed = _families_of(await self._codes.revoke_client(user_id, client_id))
        removed |= {family.id for family in await self._families.revoke_client(user_id, client_id)}
        await self._end_families(removed - known, user_id, actor)

    async def access_token(self, claims: Claims, actor: Actor) -> None:
        """End one access token and nothing else (RFC 7009 §2)."""
        await self._put_in_force(
            [self._of(RevocationKind.TOKEN, claims.token_id)], actor, "access_token.revoked", claims.subject
        )

    async def presented_by_stranger(self, family: RefreshFamily, actor: Actor) -> None:
        """Audit that a client presented another client's token, and end nothing: it may be a stranger's (TE-10)."""
        event = self._ids.audit_event(
            actor, "refresh_token.presented_by_stranger", str(family.user_id), after={"family": family.id}
        )
        await self._pending.append(PendingEntry(event, ()))

    async def user_version(self, user_id: UUID, min_version: int) -> None:
        """Put in force a user revocation that is on record already, then remove what it killed."""
        await self._publisher.publish(self.older_than(user_id, min_version))
        await self._families.revoke_all(user_id)
        await self._sessions.end_all(user_id)

    def older_than(self, user_id: UUID, min_version: int) -> Revocation:
        """Return the revocation of all of a user's tokens below ``min_version``."""
        return self._of(RevocationKind.USER, str(user_id), min_version)

    def _of(self, kind: RevocationKind, subject: str, min_version: int | None = None) -> Revocation:
        now = self._clock.now()
        # Twice the token's life: a token signed just before the removal is covered, clocks may differ by a leeway.
        return Revocation(kind, subject, min_version, recorded_at=now, expires_at=now + 2 * self._token_lifetime)

    def _all_of(self, sessions: Sequence[Session], families: Sequence[RefreshFamily]) -> list[Revocation]:
        return [
            *(self._of(RevocationKind.SESSION, session.id) for session in sessions),
            *(self._of(RevocationKind.FAMILY, family.id) for family in families),
        ]

    async def _end_families(self, family_ids: Set[str], user_id: UUID, actor: Actor) -> None:
        if family_ids:
            revocations = [self._of(RevocationKind.FAMILY, family_id) for family_id in sorted(family_ids)]
            await self._put_in_force(revocations, actor, "client.signed_out", user_id)

    async def _put_in_force(
        self, revocations: Sequence[Revocation], actor: Actor, action: str, target: UUID | str
    ) -> None:
        if revocations:
            await self._publisher.publish(*revocations)
        event = self._ids.audit_event(
            actor,
            action,
            str(target),
            after={"revoked": [f"{revocation.kind.value}:{revocation.subject}" for revocation in revocations]},
        )
        await self._pending.append(PendingEntry(event, tuple(revocations)))


def _families_of(codes: Sequence[HeldCode]) -> set[str]:
    return {held.code.family_id for held in codes if held.uses}
