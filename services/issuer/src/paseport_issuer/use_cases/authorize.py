"""The authorization endpoint: from a request to a code, by way of a sign-in and a consent (RFC 6749 §4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from paseport.clock import Clock
from paseport.find_subject import FindSubject
from paseport.secret import Secret
from paseport.subject import SubjectState
from paseport_shared.domain.errors import AuthorizationRefused, UnknownTransaction
from paseport_shared.domain.models.authorization import (
    CODE_LIFETIME,
    AuthorizationCode,
    AuthorizationRequest,
    AuthorizationResponse,
    AuthorizationTransaction,
    Prompt,
    new_code,
)
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.authorization_code_store import AuthorizationCodeStore
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.check_authorization_request import CheckAuthorizationRequest, Parameters, Recipient
from paseport_issuer.use_cases.find_client import FindClient
from paseport_issuer.use_cases.find_held_session import find_held_session
from paseport_issuer.use_cases.limit_attempts import LimitAttempts
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions


@dataclass(frozen=True, slots=True)
class BrowserCookies:
    """What a browser holds: its session, and the secret of its transactions. ``address`` is where it is."""

    session: Secret[str] | None
    browser: Secret[str] | None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class SignInNeeded:
    """Somebody has to say who they are first. ``browser`` is the secret that the browser must keep."""

    transaction: AuthorizationTransaction
    browser: Secret[str]


@dataclass(frozen=True, slots=True)
class ConsentNeeded:
    """Who is signed in has to agree first."""

    transaction: AuthorizationTransaction
    browser: Secret[str]


Outcome = AuthorizationResponse | SignInNeeded | ConsentNeeded


@dataclass(frozen=True, slots=True)
class _SignedIn:
    session: Session
    state: SubjectState


class Authorize:
    """Decides what a request needs, each time it comes by: nothing that a browser could change is believed."""

    def __init__(
        self,
        *,
        issuer: str,
        check: CheckAuthorizationRequest,
        find_client: FindClient,
        transactions: SignInTransactions,
        limits: LimitAttempts,
        codes: AuthorizationCodeStore,
        sessions: SessionStore,
        find_subject: FindSubject,
        record: Record,
        clock: Clock,
        randomness: Randomness,
        ids: NewIds,
    ) -> None:
        self._issuer = issuer
        self._check = check
        self._find_client = find_client
        self._transactions = transactions
        self._limits = limits
        self._codes = codes
        self._sessions = sessions
        self._find_subject = find_subject
        self._record = record
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def __call__(self, parameters: Parameters, cookies: BrowserCookies) -> Outcome:
        """Answer a new request.

        Raises ``RequestNotForClient``, ``TooManyAttempts`` and ``Unavailable``; all else is told to the client.
        """
        recipient = await self._check.recipient(parameters)
        try:
            request = await self._check(recipient, parameters)
            return await self._decide(recipient.client, request, None, cookies)
        except AuthorizationRefused as refused:
            return self._refusal(recipient, refused)

    async def resume(self, transaction_id: str, cookies: BrowserCookies) -> Outcome:
        """Go on with a request that has waited. Raises ``UnknownTransaction`` and ``Unavailable``."""
        transaction = await self._transactions.get(transaction_id, cookies.browser)
        request = transaction.request
        client = await self._find_client(request.client_id)
        if client is None or client.disabled:
            raise UnknownTransaction("the client was removed or disabled meanwhile")
        try:
            if transaction.denied:
                raise AuthorizationRefused("access_denied", "the user did not agree")
            return await self._decide(client, request, transaction, cookies)
        except AuthorizationRefused as refused:
            recipient = Recipient(client, request.redirect_uri, request.response_mode, request.state)
            return self._refusal(recipient, refused)

    async def who_waits(
        self, transaction_id: str, cookies: BrowserCookies
    ) -> tuple[AuthorizationTransaction, Client, Session | None]:
        """Return a transaction, its client, and the session of its browser, for the page that asks.

        Raises ``UnknownTransaction`` and ``Unavailable``.
        """
        transaction = await self._transactions.get(transaction_id, cookies.browser)
        client = await self._find_client(transaction.request.client_id)
        if client is None or client.disabled:
            raise UnknownTransaction("the client was removed or disabled meanwhile")
        signed_in = await self._signed_in(cookies.session)
        return transaction, client, None if signed_in is None else signed_in.session

    # --- what is needed -------------------------------------------------------------------------------------------

    async def _decide(
        self,
        client: Client,
        request: AuthorizationRequest,
        transaction: AuthorizationTransaction | None,
        cookies: BrowserCookies,
    ) -> Outcome:
        is_silent = Prompt.NONE in request.prompt
        signed_in = await self._signed_in(cookies.session)
        if signed_in is None or self._must_sign_in(request, signed_in.session, transaction):
            if is_silent:
                raise AuthorizationRefused("login_required", "nobody is signed in as the request asks")
            return SignInNeeded(*await self._waiting(request, transaction, cookies))
        if request.hinted_subject not in (None, str(signed_in.session.user_id)):
            # Somebody has just signed in, and it is not who was hinted at: asking again would never end.
            raise AuthorizationRefused("login_required", "somebody else than hinted at is signed in")
        if await self._must_consent(client, request, signed_in.session, transaction):
            if is_silent:
                raise AuthorizationRefused("consent_required", "the user has not agreed yet")
            return ConsentNeeded(*await self._waiting(request, transaction, cookies))
        return await self._code_response(request, signed_in)

    async def _signed_in(self, cookie: Secret[str] | None) -> _SignedIn | None:
        """Return whose session a browser has, None unless both may be used today."""
        now = self._clock.now()
        session = await find_held_session(self._sessions, cookie, now)
        if session is None:
            return None
        state = await self._find_subject(session.user_id)
        if state is None or not state.enabled or not await self._sessions.touch(session.id, now):
            return None
        return _SignedIn(session, state)

    def _must_sign_in(
        self, request: AuthorizationRequest, session: Session, transaction: AuthorizationTransaction | None
    ) -> bool:
        if transaction is not None and session.auth_time >= transaction.created_at:
            return False  # it is what the request has waited for
        if not request.prompt.isdisjoint({Prompt.LOGIN, Prompt.SELECT_ACCOUNT}):
            return True
        if request.max_age is not None and self._is_older(session.auth_time, request.max_age):
            return True
        return request.hinted_subject not in (None, str(session.user_id))

    def _is_older(self, auth_time: datetime, seconds: int) -> bool:
        # The claim has whole seconds, so they are what counts: the client compares them too (OIDC Core §3.1.3.7).
        return self._clock.now() - auth_time.replace(microsecond=0) > timedelta(seconds=seconds) or seconds == 0

    async def _must_consent(
        self,
        client: Client,
        request: AuthorizationRequest,
        session: Session,
        transaction: AuthorizationTransaction | None,
    ) -> bool:
        has_agreed = transaction is not None and transaction.consented_by == session.user_id
        if _may_be_anybody(client, request.redirect_uri):
            # Typing the password for it is an answer too.
            has_signed_in = transaction is not None and session.auth_time >= transaction.created_at
            return not (has_agreed or (client.first_party and has_signed_in))
        if client.first_party:
            return False
        if Prompt.CONSENT in request.prompt:
            return not has_agreed

        async def find(record: RecordTransaction) -> Consent | None:
            return await record.consents.find(session.user_id, client.client_id)

        consent = await self._record.transact(find)
        return consent is None or not consent.covers(request.scope)

    async def _waiting(
        self, request: AuthorizationRequest, transaction: AuthorizationTransaction | None, cookies: BrowserCookies
    ) -> tuple[AuthorizationTransaction, Secret[str]]:
        browser = self._transactions.browser(cookies.browser)
        if transaction is None:
            await self._limits.on_waiting(cookies.address)
            transaction = await self._transactions.begin(request, browser)
        return transaction, browser

    # --- what the client is told ----------------------------------------------------------------------------------

    async def _code_response(self, request: AuthorizationRequest, signed_in: _SignedIn) -> AuthorizationResponse:
        session = signed_in.session
        code_id = self._ids.id128()
        text, secret_hash = new_code(code_id, self._randomness.token_bytes(16))
        await self._codes.put(
            AuthorizationCode(
                id=code_id,
                secret_hash=secret_hash,
                client_id=request.client_id,
                redirect_uri=request.redirect_uri,
                code_challenge=request.code_challenge,
                nonce=request.nonce,
                scope=request.scope,
                audience=request.audience,
                user_id=session.user_id,
                user_version=signed_in.state.version,
                session_id=session.id,
                family_id=self._ids.id128(),
                auth_time=session.auth_time,
                amr=session.amr,
                expires_at=self._clock.now() + CODE_LIFETIME,
            )
        )
        recipient_parameters = (("code", text.reveal()), *self._closing(request.state))
        return AuthorizationResponse(request.redirect_uri, request.response_mode, recipient_parameters)

    def _refusal(self, recipient: Recipient, refused: AuthorizationRefused) -> AuthorizationResponse:
        parameters = (("error", refused.error), ("error_description", refused.description))
        return AuthorizationResponse(
            recipient.redirect_uri, recipient.response_mode, (*parameters, *self._closing(recipient.state))
        )

    def _closing(self, state: str | None) -> tuple[tuple[str, str], ...]:
        """Return what every answer ends with (RFC 6749 §4.1.2, RFC 9207 §2)."""
        issuer = (("iss", self._issuer),)
        return issuer if state is None else (("state", state), *issuer)


def _may_be_anybody(client: Client, redirect_uri: str) -> bool:
    """Say whether any program on the person's machine could be asking under this client's name (RFC 8252 §8.6).

    Then no request is granted without the person, however often the client was allowed before (RFC 6749 §10.2). An
    https address is reached by whom it belongs to alone.
    """
    return client.is_public and not redirect_uri.startswith("https://")
