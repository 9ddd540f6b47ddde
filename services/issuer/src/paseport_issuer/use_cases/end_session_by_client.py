"""Signing out at the request of a client (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.id_token import IdTokenHint
from paseport_shared.domain.models.linked_identity import UpstreamSession
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.id_token_reader import IdTokenReader
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.authorize import BrowserCookies
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_client import FindClient
from paseport_issuer.use_cases.find_held_session import find_held_session
from paseport_issuer.use_cases.revoke_access import RevokeAccess

_MAX_STATE = 2_048


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """What a client asks for, as its browser carries it. ``confirmed``: the person said yes on our own page."""

    id_token_hint: str | None
    client_id: str | None
    post_logout_redirect_uri: str | None
    state: str | None
    confirmed: bool
    cookies: BrowserCookies
    caller: Caller


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Nobody is signed in any more. ``redirect_uri`` is where the client wants the browser, if it may say so.

    ``upstream`` is the session at an identity provider that the ended one came out of.
    """

    redirect_uri: str | None
    state: str | None
    upstream: UpstreamSession | None = None


@dataclass(frozen=True, slots=True)
class ConfirmationNeeded:
    """Nothing has ended. ``client`` asks for it, if one is known to."""

    client: Client | None


class EndSessionByClient:
    """A link must not sign anybody out: without an ID token of the very session somebody has to confirm (TE-25)."""

    def __init__(
        self,
        *,
        find_client: FindClient,
        id_tokens: IdTokenReader,
        sessions: SessionStore,
        revoke: RevokeAccess,
        clock: Clock,
    ) -> None:
        self._find_client = find_client
        self._id_tokens = id_tokens
        self._sessions = sessions
        self._revoke = revoke
        self._clock = clock

    async def __call__(self, request: LogoutRequest) -> SignedOut | ConfirmationNeeded:
        """End the browser's session and its online families. Raises ``Unavailable``: then it has not ended.

        The browser is sent to a client only where a valid hint or a confirmed page says which client it is, and only to
        a URI that this client has registered (§3).
        """
        hint = None if request.id_token_hint is None else await self._id_tokens.read_hint(request.id_token_hint)
        is_bad_hint = request.id_token_hint is not None and hint is None
        client = await self._client_of(request, hint)
        is_bad_target = request.post_logout_redirect_uri is not None and (
            client is None or request.post_logout_redirect_uri not in client.post_logout_redirect_uris
        )
        session = await find_held_session(self._sessions, request.cookies.session, self._clock.now())
        is_meant = hint is not None and session is not None and _is_about(hint, session)
        if not request.confirmed and (is_bad_hint or is_bad_target or (session is not None and not is_meant)):
            return ConfirmationNeeded(client)
        if session is not None:
            actor = request.caller.acting_as(str(session.user_id), client.client_id if client else "bff")
            await self._revoke.session(session, actor)
        if is_bad_hint or is_bad_target or request.post_logout_redirect_uri is None or hint is None:
            return SignedOut(None, None, None if session is None else session.upstream)
        state = request.state if request.state is not None and len(request.state) <= _MAX_STATE else None
        return SignedOut(request.post_logout_redirect_uri, state)

    async def _client_of(self, request: LogoutRequest, hint: IdTokenHint | None) -> Client | None:
        """Return the client that both hint and ``client_id`` name, where both are there (§2)."""
        if hint is not None and request.client_id not in (None, hint.client_id):
            return None
        client_id = hint.client_id if hint is not None else request.client_id
        client = None if client_id is None else await self._find_client(client_id)
        return None if client is None or client.disabled else client


def _is_about(hint: IdTokenHint, session: Session) -> bool:
    """Say whether an ID token was issued in this session; one of an offline family names its user alone."""
    if hint.session_id is not None:
        return hint.session_id == session.id
    return hint.subject == str(session.user_id)
