"""One call from token to caller, for a service that wants nothing else."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.clock import Clock, SystemClock
from paseport.errors import AuthenticationRequired, Unavailable
from paseport.feed import RevocationFeed
from paseport.find_subject import FindSubject
from paseport.follow_revocations import HEARTBEAT_SECONDS, RETRY_SECONDS, FollowRevocations
from paseport.http_key_document import HttpKeyDocument
from paseport.issuer_client import IssuerClient, basic_credential, open_http_client
from paseport.issuer_feed import LONG_POLL_SECONDS, PUBLIC_PATH, IssuerFeed
from paseport.issuer_subjects import PUBLIC_PATH as PRINCIPALS_PATH
from paseport.issuer_subjects import IssuerSubjects
from paseport.key_set import KeySet, RemoteKeySet
from paseport.principal import Principal
from paseport.revocation_list import FeedState, RevocationList
from paseport.secret import Secret
from paseport.subject import SubjectDirectory, SubjectSource, SubjectState
from paseport.subject_copies import SubjectCopies
from paseport.token_cache import TOKENS_KEPT, TokenCache
from paseport.token_verifier import TokenVerifier

if TYPE_CHECKING:
    from paseport.redis.settings import RedisSettings

KEY_DOCUMENT_PATH: Final = "/.well-known/paserk.json"
_REMEDY: Final = (
    "check client_id and client_secret; `paseport verifiers list` shows whether the verifier was revoked, "
    "`paseport verifiers roll-secret` makes a new secret"
)

_log = logging.getLogger(__name__)


class Verifier:
    """Verifies the access tokens of one issuer for one audience, follows what was revoked and who holds which role.

    - ``issuer``: its URL, as in ``iss``. https; http on a loopback host only. ``audience``: yours, as in ``aud``.
    - ``client_id``, ``client_secret``: of a verifier registered with ``paseport verifiers create``. Revocations and
      roles come from the issuer over HTTP.
    - ``redis``: ``redis://user:password@host:port/db``, ``rediss://…``, or ``RedisSettings`` with Sentinels. They come
      from there; with a credential as well, the issuer is asked where Redis does not answer.
    - ``revocation="none"``: neither. A token stays good until ``exp`` whatever happens meanwhile, and nobody has roles.
      It has to be said.
    - ``key_set``: keys of your own choice (``StaticKeySet``) instead of ``{issuer}/.well-known/paserk.json``.
    - ``on_stale="allow"``: once the feed was heard, go on without it instead of refusing everybody after 5 s. Tokens
      that were revoked meanwhile are accepted then, and the log says so.
    - ``max_lifetime`` bounds ``exp`` - ``iat``; ``cached_tokens`` how many verified ones are remembered (about 1 KiB
      each); ``ssl_context`` is for an issuer with a certificate of a private authority.

    One per process, used by one event loop. ``async with`` it, or ``start`` and ``aclose`` it; the first ``verify``
    starts it otherwise. What was closed may be started again.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        redis: str | RedisSettings | None = None,
        revocation: Literal["none"] | None = None,
        key_set: KeySet | None = None,
        on_stale: Literal["deny", "allow"] = "deny",
        max_lifetime: timedelta = timedelta(hours=1),
        cached_tokens: int = TOKENS_KEPT,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Configure it; opens no connection. ``ValueError`` says which argument cannot be used and why."""
        _require_safe_issuer(issuer)
        _require_one_source(client_id, client_secret, has_redis=redis is not None, revocation=revocation)
        if not audience:
            raise ValueError("audience must not be empty")
        if max_lifetime <= timedelta(0):
            raise ValueError("max_lifetime must be positive")
        # Compared as a plain string, because callers without a type checker pass other things than the Literal allows.
        if str(on_stale) not in ("deny", "allow"):
            raise ValueError('on_stale must be "deny" or "allow"')
        self._issuer = issuer
        self._audience = audience
        self._credential = (
            None if client_id is None or client_secret is None else basic_credential(client_id, Secret(client_secret))
        )
        self._redis = redis
        self._key_set = key_set
        self._max_lifetime = max_lifetime
        self._ssl_context = ssl_context
        self._clock = clock or SystemClock()
        self._cache = TokenCache(cached_tokens)
        self._follows = revocation != "none"
        self._trusts_stale = on_stale == "allow"
        self._starting = asyncio.Lock()
        self._opened: AsyncExitStack | None = None
        self._is_closed = False
        self._revocations: RevocationList | None = None
        # Only there while all that it needs is: whoever comes while it is being started must not pass half of it.
        self._decide: _Decide | None = None

    @property
    def feed(self) -> FeedState | None:
        """How current the copy of the revocations is, for a health check.

        None with ``revocation="none"``, and while it is not started.
        """
        return None if self._revocations is None else self._revocations.state()

    async def verify(self, token: str | None) -> Principal:
        """Return the caller that a token stands for now.

        Raises ``AuthenticationRequired`` (401) without a token, ``InvalidToken`` (401) for one that is not acceptable,
        and ``Unavailable`` (503, never let in) when nobody can say. Why, stands in ``reason``, for the log.
        """
        if not token:
            raise AuthenticationRequired("no bearer token")
        if self._opened is None and not self._is_closed:
            await self.start()
        if self._decide is None:
            raise Unavailable("the verifier is closed")
        return await self._decide(token)

    async def start(self) -> None:
        """Open connections and hear what is revoked. Repeating it is harmless.

        Returns also where nobody answers yet: until somebody does, ``verify`` raises ``Unavailable``.
        """
        async with self._starting:
            if self._opened is not None:
                return
            async with AsyncExitStack() as stack:
                decide, revocations = await self._open(stack)
                self._opened = stack.pop_all()
            self._decide, self._revocations = decide, revocations
            self._is_closed = False

    async def aclose(self) -> None:
        """Stop following and close every connection it opened. A ``key_set`` that was passed in is left alone."""
        async with self._starting:
            opened, self._opened = self._opened, None
            self._is_closed = True
            self._decide = self._revocations = None
            if opened is not None:
                await opened.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _open(self, stack: AsyncExitStack) -> tuple[_Decide, RevocationList | None]:
        http = await stack.enter_async_context(open_http_client(self._issuer, ssl_context=self._ssl_context))
        key_set = self._key_set
        if key_set is None:
            key_set = await stack.enter_async_context(
                aclosing(
                    RemoteKeySet(
                        HttpKeyDocument(self._issuer + KEY_DOCUMENT_PATH, http), monotonic=self._clock.monotonic
                    )
                )
            )
        tokens = TokenVerifier(
            key_set,
            issuer=self._issuer,
            audience=self._audience,
            max_lifetime=self._max_lifetime,
            clock=self._clock,
            cache=self._cache,
        )
        if not self._follows:
            return _WithoutRevocation(tokens), None

        feeds: list[tuple[RevocationFeed, float]] = []
        directory: SubjectDirectory | None = None
        source: SubjectSource = _NoSource()
        if self._redis is not None:
            # An extra: most verifiers do without it.
            from paseport.redis.verifier_side import open_redis

            feed, directory = await open_redis(stack, self._redis)
            feeds.append((feed, HEARTBEAT_SECONDS))
        if self._credential is not None:
            credential = {"Authorization": self._credential}
            client = IssuerClient(http, lambda: credential, remedy=_REMEDY)
            feeds.append((IssuerFeed(client, PUBLIC_PATH), LONG_POLL_SECONDS))
            source = IssuerSubjects(client, PRINCIPALS_PATH)

        revocations = RevocationList(self._clock, trust_stale=self._trusts_stale)
        subjects = SubjectCopies(FindSubject(directory, source, self._clock), self._clock)
        revocations.listen(subjects)
        follow = FollowRevocations(feeds, revocations, self._clock)
        # Whoever comes meanwhile waits, and need not be told to come back.
        with suppress(Unavailable):
            await follow.step()
        await stack.enter_async_context(_in_background(follow))
        return AuthenticateBearer(tokens, revocations, subjects, self._clock), revocations


_Decide = Callable[[str], Awaitable[Principal]]
"""From a token to its caller, with everything that was asked for."""


class _WithoutRevocation:
    """What ``revocation="none"`` asks for: the token itself, and nothing else."""

    def __init__(self, tokens: TokenVerifier) -> None:
        self._tokens = tokens

    async def __call__(self, token: str) -> Principal:
        return Principal(self._tokens.recall(token) or await self._tokens.verify(token))


@asynccontextmanager
async def _in_background(follow: FollowRevocations) -> AsyncIterator[None]:
    task = asyncio.create_task(_keep_following(follow), name="paseport-revocations")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _keep_following(follow: FollowRevocations) -> None:
    while True:
        try:
            await follow()
        # A fault of ours ends no service. Meanwhile the copy grows old, and then nobody is let in. A cancellation that
        # this task was not told of got out of something that it waited for, and is such a fault.
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            _log.exception("following the revocation feed failed and begins again")
            await asyncio.sleep(RETRY_SECONDS)


class _NoSource:
    """A ``SubjectSource`` for verifiers that know nobody to ask."""

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        raise Unavailable("the directory does not know the subject, and there is no credential to ask the issuer with")


def _require_one_source(
    client_id: str | None, client_secret: str | None, *, has_redis: bool, revocation: str | None
) -> None:
    if (client_id is None) != (client_secret is None) or client_id == "" or client_secret == "":
        raise ValueError("client_id and client_secret belong together")
    follows = client_id is not None or has_redis
    if revocation not in (None, "none"):
        raise ValueError('revocation must be "none" or left out')
    if follows and revocation is not None:
        raise ValueError('revocation="none" contradicts client_id or redis: choose one')
    if not follows and revocation is None:
        raise ValueError(
            "say where revocations come from: client_id and client_secret of a registered verifier "
            '(paseport verifiers create), redis, or revocation="none", which accepts tokens until they expire'
        )


def _require_safe_issuer(issuer: str) -> None:
    """Refuse an issuer whose key document could be read or replaced on the way (RFC 8414 §2 and §6.2)."""
    url = urlsplit(issuer)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("issuer must be an https URL")
    if url.query or url.fragment or url.username is not None or issuer.endswith(("/", "?", "#")):
        raise ValueError("issuer must not end in a slash nor have a query, a fragment or credentials")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("issuer must be https: keys fetched over http could be anybody's")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
