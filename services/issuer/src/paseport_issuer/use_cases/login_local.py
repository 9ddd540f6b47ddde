"""Signing in with a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidCredentials, UnknownSignIn
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.external_sign_in import PendingLink
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.password_hasher import PasswordCheck, PasswordHasher
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.complete_external_sign_in import upstream_session
from paseport_issuer.use_cases.find_held_session import find_held_session
from paseport_issuer.use_cases.issue_tokens import IssuedTokens, IssueTokens
from paseport_issuer.use_cases.limit_attempts import LimitAttempts
from paseport_issuer.use_cases.open_session import OpenSession
from paseport_issuer.use_cases.pending_links import PendingLinks
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions

_AMR: Final = ("pwd",)
"""RFC 8176 §2."""


@dataclass(frozen=True, slots=True)
class TransactionOfBrowser:
    """A sign-in transaction as a browser names it, with the secret that binds it to that browser."""

    transaction_id: str
    browser: Secret[str] | None
    link_id: str | None = None
    """The pending link that the sign-in is to prove the account for."""


@dataclass(frozen=True, slots=True)
class LoginLocalCommand:
    """A sign-in attempt.

    ``replaced_session`` is the browser's session cookie of before, if it has one. ``transaction`` is the authorization
    request that waits for it, where there is one.
    """

    login: str
    password: Secret[str]
    caller: Caller
    replaced_session: Secret[str] | None = None
    transaction: TransactionOfBrowser | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody signed in for the transaction ``transaction_id``, which can go on: its client will get the tokens."""

    transaction_id: str
    cookie: Secret[str]


class LoginLocal:
    """One answer and one amount of work for unknown, disabled, passwordless and wrong (LG-01, LG-02)."""

    def __init__(
        self,
        *,
        client: Client,
        record: Record,
        hasher: PasswordHasher,
        limits: LimitAttempts,
        issue: IssueTokens,
        open_session: OpenSession,
        transactions: SignInTransactions,
        pending_links: PendingLinks,
        sessions: SessionStore,
        revoke: RevokeAccess,
        clock: Clock,
    ) -> None:
        self._client = client
        self._record = record
        self._hasher = hasher
        self._limits = limits
        self._issue = issue
        self._open_session = open_session
        self._transactions = transactions
        self._pending_links = pending_links
        self._sessions = sessions
        self._revoke = revoke
        self._clock = clock

    async def __call__(self, command: LoginLocalCommand) -> IssuedTokens | SignedIn:
        """Return the tokens of a new session, or, where a transaction waits for it, the session alone.

        Raises ``InvalidCredentials`` whatever is wrong, ``UnknownTransaction``, ``TooManyAttempts``, ``Overloaded``
        while all hashing threads are busy, and ``Unavailable``; for a pending link also what ``PendingLinks`` raises.
        """
        waiting = command.transaction
        pending = None
        if waiting is not None:
            await self._transactions.get(waiting.transaction_id, waiting.browser)
            pending = await self._pending(waiting)
        user = await self._find(command.login)
        counter = await self._limits.on_account(command.login, user.id if user else None)
        check = await self._hasher.verify(command.password, user.password_hash if user else None)
        if user is None or user.disabled or check is PasswordCheck.MISMATCH:
            raise InvalidCredentials(_reason(user, check))
        if pending is not None and user.id != pending.user_id:
            raise InvalidCredentials(f"user {user.id} is not whom the link waits for")

        # Here, not at the end: what fails from now on is no guess, and must not lock out whoever tries again.
        await self._limits.forgive(counter)
        upgraded = None
        if check is PasswordCheck.MATCH_OUTDATED:
            upgraded = await self._hasher.hash(command.password)
        signed_in: IssuedTokens | SignedIn
        if waiting is None:
            signed_in = await self._issue(user, self._client, amr=_AMR, caller=command.caller, upgraded_hash=upgraded)
        else:
            upstream = None
            if pending is not None:
                user = await self._pending_links.complete(pending, command.caller)
                upstream = upstream_session(pending.provider_id, pending.identity)
            new = self._open_session.make(user, amr=_AMR, caller=command.caller, upstream=upstream)
            await self._open_session.store(new, user, self._client, caller=command.caller, upgraded_hash=upgraded)
            signed_in = SignedIn(waiting.transaction_id, new.cookie)
        await self._end_replaced(command)
        return signed_in

    async def _pending(self, waiting: TransactionOfBrowser) -> PendingLink | None:
        if waiting.link_id is None:
            return None
        pending = await self._pending_links.get(waiting.link_id, waiting.browser)
        if pending.transaction_id != waiting.transaction_id:
            raise UnknownSignIn("the link waits in another transaction")
        return pending

    async def _find(self, login: str) -> User | None:
        async def find(transaction: RecordTransaction) -> User | None:
            return await transaction.users.find_by_login(login)

        return await self._record.transact(find)

    async def _end_replaced(self, command: LoginLocalCommand) -> None:
        """End the browser's earlier session: its cookie is overwritten, nobody could sign it out any more (LG-18)."""
        session = await find_held_session(self._sessions, command.replaced_session, self._clock.now())
        if session is not None:
            actor = command.caller.acting_as(str(session.user_id), self._client.client_id)
            await self._revoke.session(session, actor)


def _reason(user: User | None, check: PasswordCheck) -> str:
    if user is None:
        return "unknown user"
    if user.password_hash is None:
        return f"user {user.id} has no password"
    return f"wrong password for user {user.id}" if check is PasswordCheck.MISMATCH else f"user {user.id} is disabled"
