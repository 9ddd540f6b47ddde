"""An issuer that a test has in its hands."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from uuid import UUID, uuid4

from paseport import Verifier
from paseport.claims import Claims
from paseport.grammar import HEADER
from paseport.key_set import KeyStatus
from paseport.revocation import Revocation, RevocationKind
from paseport.subject import SubjectState

from paseport_testkit.fake_issuer.clock import TravelClock
from paseport_testkit.fake_issuer.endpoints import Endpoints
from paseport_testkit.fake_issuer.feed import FakeFeed
from paseport_testkit.fake_issuer.forgeries import FORGERIES, Bench
from paseport_testkit.fake_issuer.http_server import HttpServer
from paseport_testkit.fake_issuer.keys import KeyRing, SigningKey
from paseport_testkit.fake_issuer.tokens import (
    DEFAULT_LIFETIME,
    DEFAULT_SCOPES,
    machine_claims,
    message_of,
    new_id,
    read_token,
    user_claims,
)

DEFAULT_AUDIENCE: Final = "https://service.example"
DEFAULT_ROLES: Final = ("User",)
DEFAULT_CLIENT: Final = "app"
PAGE_SIZE: Final = 500
HEARD_WITHIN: Final = timedelta(seconds=10)
# Longer than any clock of a test travels: what was revoked stays so, as it does for as long as a token can live.
_REVOKED_FOR: Final = timedelta(days=3650)
_EXPIRED_SINCE: Final = timedelta(minutes=1)
_NOT_YET_FOR: Final = timedelta(hours=1)

User = SubjectState | UUID | str
"""A user as ``add_user`` returned it, or its id."""
_Result = TypeVar("_Result")


class FakeIssuer:
    """A Paseport issuer on a free loopback port: real keys, real tokens, the real protocol, state that a test changes.

    It answers what verifiers ask: the key document, ``/verifiers/v1/feed`` and ``/verifiers/v1/principals`` with the
    credential ``client_id`` and ``client_secret``. Nobody signs in here: ``mint_token`` hands out tokens.

    ``revoke``, ``set_roles``, ``disable`` and whatever else verifiers have to hear of may be called from a test of any
    kind. Called in a running event loop they return something to await; called elsewhere they block. Either way all
    verifiers that follow this issuer have taken note afterwards; ``NotHeard`` is raised where one
    has not within ``heard_within``.
    """

    def __init__(
        self,
        audience: str = DEFAULT_AUDIENCE,
        *,
        clock: TravelClock | None = None,
        page_size: int = PAGE_SIZE,
        heard_within: timedelta = HEARD_WITHIN,
    ) -> None:
        self.audience = audience
        self.clock = clock or TravelClock()
        self.client_id = f"verifier-{secrets.token_hex(4)}"
        self.client_secret = secrets.token_urlsafe(32)
        self._keys = KeyRing()
        self._stranger = KeyRing().active
        self._users: dict[UUID, SubjectState] = {}
        self._feed = FakeFeed(self.clock, page_size, heard_within)
        self._endpoints = Endpoints(self._keys, self._users, self._feed, self.client_id, self.client_secret)
        self._server = HttpServer(self._endpoints)
        self._url: str | None = None
        # Tokens that are born revoked belong to this family, or carry this jti. Every verifier knows both from the
        # first page it reads, so nobody has to wait until it hears of them.
        self._revoked_family = new_id()
        self._revoked_token = str(uuid4())
        self._feed.revoke(self._revocation(RevocationKind.FAMILY, self._revoked_family))
        self._feed.revoke(self._revocation(RevocationKind.TOKEN, self._revoked_token))
        # Every feed names API keys that were changed, which says nothing of a token: a follower has to expect it.
        self._feed.revoke(self._revocation(RevocationKind.API_KEY, new_id(), 2))

    def start(self) -> None:
        """Begin to answer."""
        self._url = self._server.start()

    def stop(self) -> None:
        """Hang up on everybody."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The issuer's name, which is its address (``iss``). ``RuntimeError`` before it was started."""
        if self._url is None:
            message = "the fake issuer was not started"
            raise RuntimeError(message)
        return self._url

    def verifier(self, **options: Any) -> Verifier:
        """Return a verifier of this issuer's tokens that reads this issuer's clock: ``async with`` starts it.

        ``options`` are those of ``paseport.Verifier`` and win over what the issuer would set. With ``redis`` or
        ``revocation`` among them no credential is passed.
        """
        wiring: dict[str, Any] = {"issuer": self.url, "audience": self.audience, "clock": self.clock}
        if not options.keys() & {"redis", "revocation"}:
            wiring |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return Verifier(**(wiring | options))

    # Users

    def add_user(self, *, roles: Iterable[str] = DEFAULT_ROLES, username: str | None = None) -> SubjectState:
        """Create a user. It gets a name of its own unless it is given one."""
        user_id = uuid4()
        user = SubjectState(
            user_id=user_id,
            username=username or f"user-{user_id.hex[:8]}",
            roles=frozenset(roles),
            enabled=True,
            version=1,
            revision=1,
        )
        self._do(lambda: self._users.__setitem__(user_id, user))
        return user

    def user(self, user: User) -> SubjectState:
        """Return what the issuer knows of a user now. ``LookupError`` for one that it does not know."""
        return self._do(lambda: self._user(user))

    def set_roles(self, user: User, roles: Iterable[str]) -> Awaitable[None]:
        """Give a user these roles and no others. Verifiers have heard of it afterwards."""
        wanted = frozenset(roles)
        return self._tell(lambda: self._store(replace(self._user(user), roles=wanted)))

    def disable(self, user: User) -> Awaitable[None]:
        """Disable a user: every token it has is refused. Verifiers have heard of it afterwards."""
        return self._tell(lambda: self._end_tokens(replace(self._user(user), enabled=False)))

    # Tokens

    def mint_token(
        self,
        subject: User | None = None,
        *,
        roles: Iterable[str] | None = None,
        scopes: Iterable[str] | None = None,
        audience: str | None = None,
        client_id: str = DEFAULT_CLIENT,
        expired: bool = False,
        not_yet: bool = False,
        revoked: bool = False,
        machine: bool = False,
        session: str | None = None,
        lifetime: timedelta = DEFAULT_LIFETIME,
        **claims: object,
    ) -> str:
        """Return a signed access token.

        Of ``subject``, or of a new user with ``roles`` (("User",) unless given); of the client itself with
        ``machine=True``. ``scopes`` are openid, profile and roles unless given, and none for a machine; without scope
        ``roles`` a caller has no roles. Every token has a session of its own unless ``session`` names one.

        ``expired``, ``not_yet`` and ``revoked`` make one that is good in all else. ``claims`` are written over those of
        the token under their names on the wire (``sid=``, ``auth_time=``, your own); None takes one away.
        """
        now = self.clock.now()
        issued_at = now - lifetime - _EXPIRED_SINCE if expired else now
        if machine:
            if subject is not None or roles is not None or session is not None:
                message = "a machine's token has no subject but its client_id, no roles and no session"
                raise ValueError(message)
            told = machine_claims(
                issuer=self.url,
                audience=audience or self.audience,
                client_id=client_id,
                now=issued_at,
                scopes=() if scopes is None else scopes,
                lifetime=lifetime,
            )
        else:
            told = user_claims(
                self._subject_of_token(subject, roles),
                issuer=self.url,
                audience=audience or self.audience,
                client_id=client_id,
                now=issued_at,
                scopes=DEFAULT_SCOPES if scopes is None else scopes,
                lifetime=lifetime,
                session=session,
            )
        if not_yet:
            told = replace(told, not_before=now + _NOT_YET_FOR)
        if revoked:
            told = (
                replace(told, token_id=self._revoked_token)
                if machine
                else replace(told, family_id=self._revoked_family)
            )
        return self._do(lambda: self._keys.active).sign(message_of(told, claims))

    def forged_token(self, kind: str) -> str:
        """Return a token that must be refused, of one of the kinds of ``FORGERIES``, at its best in all else.

        ``LookupError`` names the kinds.
        """
        forgery = FORGERIES.get(kind)
        if forgery is None:
            message = f"no kind of forgery is {kind!r}; the kinds are {', '.join(FORGERIES)}"
            raise LookupError(message)
        return forgery.make(self._bench())

    def claims(self, token: str) -> Claims:
        """Return what a token says, good or not: ``claims(token).session_id`` and so on."""
        return read_token(token)

    # Revocation

    def revoke(
        self,
        token: str | None = None,
        *,
        session: str | None = None,
        family: str | None = None,
        user: User | None = None,
        jti: str | None = None,
        key: str | None = None,
    ) -> Awaitable[None]:
        """Revoke one thing. Verifiers have heard of it afterwards.

        A token; or a session, a family, all tokens of a user so far, a ``jti``, a key (``kid``). Each of these can be
        named by a token too: ``revoke(session=token)`` ends the session that the token belongs to.
        """
        named = {"token": token, "session": session, "family": family, "user": user, "jti": jti, "key": key}
        given = [name for name, value in named.items() if value is not None]
        if len(given) != 1:
            message = f"name one thing to revoke, not {len(given)}"
            raise ValueError(message)
        if key is not None:
            return self.revoke_key(_named(key, "key_id"))
        if user is not None:
            revoked = _named(user, "subject") if isinstance(user, str) else user
            return self._tell(lambda: self._end_tokens(self._user(revoked)))
        kind, subject = {
            "token": (RevocationKind.TOKEN, _named(token, "token_id")),
            "jti": (RevocationKind.TOKEN, _named(jti, "token_id")),
            "session": (RevocationKind.SESSION, _named(session, "session_id")),
            "family": (RevocationKind.FAMILY, _named(family, "family_id")),
        }[given[0]]
        return self._tell(lambda: self._feed.revoke(self._revocation(kind, subject)))

    def rotate_key(self) -> str:
        """Sign with another key from now on, which verifiers know already; return its ``kid``. Old tokens stay good."""
        return self._do(self._keys.rotate).kid

    def revoke_key(self, kid: str | None = None) -> Awaitable[None]:
        """Revoke a key, the one that signs unless named; another one signs then. Verifiers have heard of it afterwards.

        ``LookupError`` for a key that is not this issuer's.
        """

        def revoke() -> None:
            revoked = kid or self._keys.active.kid
            self._keys.revoke(revoked)
            self._feed.revoke(self._revocation(RevocationKind.KEY, revoked))

        return self._tell(revoke)

    # What goes wrong

    @contextlib.contextmanager
    def outage(self, of: Literal["everything", "feed"] = "everything") -> Iterator[None]:
        """Be away: hang up on whoever connects. Of the ``feed`` alone: take its requests and never answer them.

        A verifier refuses everybody (503) five seconds later; ``clock.elapse(timedelta(seconds=6))`` makes it so at
        once. What is revoked meanwhile is heard when the outage is over: ``heard()``.
        """
        self._do(lambda: self._begin_outage(of))
        try:
            yield
        finally:
            self._do(self._end_outage)

    def start_new_epoch(self) -> Awaitable[None]:
        """Lose every position, as a change of the Redis primary does. Verifiers have read all again afterwards."""
        return self._tell(self._feed.forget_readers)

    def everybody_changed(self) -> Awaitable[None]:
        """Tell verifiers that their copies of all users are old. They have heard of it afterwards."""
        return self._tell(lambda: self._feed.subject_changed(None, None))

    def heard(self) -> Awaitable[None]:
        """Wait until all verifiers that follow this issuer have taken note of everything so far."""
        return self._tell(lambda: None)

    # In the server's event loop

    def _do(self, work: Callable[[], _Result]) -> _Result:
        """Do ``work`` where all state lives, in the server's loop, and return what it returns."""

        async def working() -> _Result:
            return work()

        return self._server.run(working)

    def _tell(self, work: Callable[[], object]) -> Awaitable[None]:
        """Do ``work`` and return when verifiers have heard of it, or what to await for that."""
        self._do(work)
        hearing = self._server.submit(self._feed.heard)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            hearing.result()
            return _Done()
        # A coroutine, so that Python itself warns about one that nobody awaits.
        return _awaited(hearing)

    def _subject_of_token(self, subject: User | None, roles: Iterable[str] | None) -> SubjectState:
        if subject is None:
            return self.add_user(roles=DEFAULT_ROLES if roles is None else roles)
        if roles is not None:
            message = "roles are for a new user; set_roles changes those of one that exists"
            raise ValueError(message)
        return self.user(subject)

    def _user(self, user: User) -> SubjectState:
        user_id = user.user_id if isinstance(user, SubjectState) else UUID(str(user))
        known = self._users.get(user_id)
        if known is None:
            message = f"this issuer has no user {user_id}"
            raise LookupError(message)
        return known

    def _store(self, state: SubjectState) -> None:
        stored = replace(state, revision=state.revision + 1)
        self._users[state.user_id] = stored
        self._feed.subject_changed(str(stored.user_id), stored.revision)

    def _end_tokens(self, state: SubjectState) -> None:
        version = state.version + 1
        self._store(replace(state, version=version))
        self._feed.revoke(self._revocation(RevocationKind.USER, str(state.user_id), version))

    def _revocation(self, kind: RevocationKind, subject: str, min_version: int | None = None) -> Revocation:
        now = self.clock.now()
        return Revocation(kind, subject, min_version, now, now + _REVOKED_FOR)

    def _bench(self) -> Bench:
        now = self.clock.now()
        user = self.add_user()
        claims = user_claims(user, issuer=self.url, audience=self.audience, client_id=DEFAULT_CLIENT, now=now)
        return Bench(
            user=claims,
            machine=machine_claims(issuer=self.url, audience=self.audience, client_id="nightly-report", now=now),
            now=now,
            active=self._key(KeyStatus.ACTIVE),
            retired=self._key(KeyStatus.RETIRED),
            revoked=self._key(KeyStatus.REVOKED),
            stranger=self._stranger,
        )

    def _key(self, status: KeyStatus) -> SigningKey:
        return self._do(lambda: self._keys.first(status))

    def _begin_outage(self, of: Literal["everything", "feed"]) -> None:
        self._feed.silence(True)
        if of == "everything":
            self._endpoints.is_down = True
            self._server.hang_up()

    def _end_outage(self) -> None:
        self._endpoints.is_down = False
        self._feed.silence(False)


class _Done:
    """Something to await that happened already."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


async def _awaited(hearing: Future[None]) -> None:
    await asyncio.wrap_future(hearing)


def _named(value: str | None, claim: str) -> str:
    """Return what a token says under ``claim`` where a token names it, the value itself otherwise."""
    if value is None or not value.startswith(HEADER):
        return value or ""
    said: str | None = getattr(read_token(value), claim)
    if said is None:
        message = f"the token has no {claim}"
        raise ValueError(message)
    return said
