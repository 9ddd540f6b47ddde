"""Forward-auth: what a proxy asks before it lets a request pass, in front of the framework and of its frame.

There is one endpoint for each family of proxies (``proxy_requests``), and one decision behind them (``DecideRequest``).
Whatever goes wrong here is a denial.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import quote

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from paseport.clock import Clock
from paseport_shared.domain.models.denial import Denial
from paseport_shared.domain.models.host_pattern import host_fits
from paseport_shared.domain.models.policy import Asker, CredentialKind, Decision, Reason
from paseport_shared.http.client_address import TrustedProxies
from paseport_shared.http.metrics import ApiMetrics
from paseport_shared.http.problem import CHALLENGE, MEDIA_TYPE
from paseport_shared.http.request_id import new_request_id
from paseport_shared.request_context import answering

from paseport_api.handlers import proxy_requests
from paseport_api.handlers.handover import PATH as HANDOVER_PATH
from paseport_api.handlers.handover import Handover
from paseport_api.handlers.proxy_requests import (
    AUTH_REQUEST,
    EXT_AUTHZ,
    EXT_AUTHZ_PREFIX,
    FORWARD_AUTH,
    Family,
    Found,
    ReadsCredentials,
    Values,
)
from paseport_api.use_cases.decide_request import DecideRequest, Outcome
from paseport_api.use_cases.log_denials import LogDenials

_ID: Final = b"x-request-id"
_SOME_ID: Final = new_request_id()
"""As long as every other one."""
_NO_STORE: Final = (b"cache-control", b"no-store")
_RETRIED: Final = frozenset({429, 503})
"""Of denials that say when to come again."""
_ALLOWED: Final = Reason.ALLOWED.value
_COMPLAIN_EVERY_SECONDS: Final = 10.0
_SAFE_CHARACTERS: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
"""What stands in a header as it is; everything else is percent-encoded UTF-8."""
_LETS_PASS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""Methods for which a proxy may keep an answer for a moment."""
_BY_HUNDREDS: Final = frozenset({Reason.SIGN_IN_REQUIRED, Reason.CREDENTIAL_INVALID, Reason.RATE_LIMITED})
"""What strangers cause as often as they like: counted and kept with the denials, and no line in the log each."""

Headers = tuple[tuple[bytes, bytes], ...]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What a caller is told: a status, a code and a sentence that are the same for every cause of their kind."""

    status: int
    code: str
    detail: str


SIGN_IN_REQUIRED: Final = Face(401, "sign_in_required", "Sign in to continue.")
INVALID_TOKEN: Final = Face(401, "invalid_token", "The credential is not valid.")
FORBIDDEN: Final = Face(403, "forbidden", "You are not allowed to do this.")
RATE_LIMITED: Final = Face(429, "rate_limited", "Too many requests. Wait a moment and try again.")
UNAVAILABLE: Final = Face(503, "unavailable", "The service is temporarily unavailable. Try again in a moment.")
INVALID_REQUEST: Final = Face(400, "invalid_request", "The request is malformed.")

FACES: Final[Mapping[Reason, Face]] = {
    Reason.NO_RULE: FORBIDDEN,
    Reason.DENIED_BY_RULE: FORBIDDEN,
    Reason.SIGN_IN_REQUIRED: SIGN_IN_REQUIRED,
    Reason.CREDENTIAL_KIND: FORBIDDEN,
    Reason.ROLE_MISSING: FORBIDDEN,
    Reason.USER_NOT_LISTED: FORBIDDEN,
    Reason.SCOPE_MISSING: FORBIDDEN,
    Reason.NETWORK_REFUSED: FORBIDDEN,
    Reason.CREDENTIAL_INVALID: INVALID_TOKEN,
    Reason.CREDENTIALS_AMBIGUOUS: INVALID_TOKEN,
    Reason.KEY_DISABLED: INVALID_TOKEN,
    Reason.KEY_EXPIRED: INVALID_TOKEN,
    Reason.AUDIENCE_REFUSED: FORBIDDEN,
    Reason.ORIGIN_REFUSED: FORBIDDEN,
    Reason.KEY_HOST: FORBIDDEN,
    Reason.KEY_PATH: FORBIDDEN,
    Reason.KEY_METHOD: FORBIDDEN,
    Reason.KEY_NETWORK: FORBIDDEN,
    # The two that tell an operator what to repair, and a stranger nothing about the rules.
    Reason.REQUEST_UNCLEAR: Face(400, Reason.REQUEST_UNCLEAR.value, INVALID_REQUEST.detail),
    Reason.PROXY_UNTRUSTED: Face(400, Reason.PROXY_UNTRUSTED.value, INVALID_REQUEST.detail),
    Reason.RATE_LIMITED: RATE_LIMITED,
    Reason.UNAVAILABLE: UNAVAILABLE,
}
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
_PLAIN: Final = {303: 401, 401: 401}
"""What is left of a status for a proxy that knows 401 and 403 alone."""
_SHOWN: Final = {400: INVALID_REQUEST.code}
"""What ``X-Paseport-Reason`` says of a status whose code says more."""


class _Problem(msgspec.Struct, frozen=True):
    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """Where people may be led to sign in: to routed hosts that fit, over https unless this is the embedded mode."""

    hosts: tuple[str, ...]
    is_secure: bool

    def serves(self, host: str) -> bool:
        """Say whether a canonical host is a routed one."""
        return any(host_fits(pattern, host) for pattern in self.hosts)


class ForwardAuth:
    """ASGI middleware outside of everything: answers proxies, and hands on every request that is none of theirs.

    An answer that lets pass is counted and not logged: there is one for each request to any service.
    """

    def __init__(
        self,
        app: ASGIApp,
        decide: DecideRequest,
        handover: Handover,
        denials: LogDenials,
        proxies: TrustedProxies,
        credentials: ReadsCredentials,
        edge: EdgeRules,
        metrics: ApiMetrics,
        clock: Clock,
    ) -> None:
        self._app = app
        self._decide = decide
        self._handover = handover
        self._denials = denials
        self._proxies = proxies
        self._credentials = credentials
        self._edge = edge
        families = (FORWARD_AUTH, AUTH_REQUEST, EXT_AUTHZ)
        self._counters = {family.name: metrics.counter("GET", family.name) for family in families}
        self._decisions = metrics.decisions
        self._clock = clock
        self._complain_at = -math.inf
        # Few clients ask often, and of a chain of proxies each hop is compared with each network.
        self._client_of = lru_cache(maxsize=4096)(self._find_client)
        self._families = {family.name: family for family in (FORWARD_AUTH, AUTH_REQUEST)}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or leave it to the app."""
        path = scope["path"]
        family = self._families.get(path)
        if family is not None:
            return self._answer(family, cast(HTTPScope, scope), send)
        # What the proxy was asked begins behind the prefix, as it was sent and not decoded.
        if path[:11] == "/ext-authz/" and scope.get("raw_path", b"")[:11] == EXT_AUTHZ_PREFIX + b"/":
            return self._answer(EXT_AUTHZ, cast(HTTPScope, scope), send)
        if path == HANDOVER_PATH:
            return self._handover(cast(HTTPScope, scope), send)
        return self._app(scope, receive, send)

    async def _answer(self, family: Family, scope: HTTPScope, send: Send) -> None:
        started = time.perf_counter()
        request_id = new_request_id()
        body = b""
        try:
            values = family.read(scope)
            client = scope["client"]
            peer = client[0] if client else None
            asked = proxy_requests.asked(values, peer)
            outcome = None if asked is None else self._decide.recall(asked)
            headers = None if outcome is None else outcome.answers.get(family.name)
            if headers is None:
                status, headers, body = await self._decided(family, values, peer, asked, outcome, request_id)
            else:
                status = family.allowed_status
                self._decisions.note(_ALLOWED)
        except Exception:
            _log.exception("forward-auth failed", family=family.name, request_id=request_id)
            self._decisions.note(Reason.UNAVAILABLE.value)
            failed = Outcome(Decision(Reason.UNAVAILABLE))
            status, headers, body = _denied(family, failed, UNAVAILABLE, None, request_id)
        start = {"type": "http.response.start", "status": status, "headers": [*headers, (_ID, request_id.encode())]}
        await send(cast(Message, start))
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._counters[family.name](status, time.perf_counter() - started)

    async def _decided(
        self,
        family: Family,
        values: Values,
        peer: str | None,
        asked: tuple[Any, ...] | None,
        outcome: Outcome | None,
        request_id: str,
    ) -> tuple[int, Headers, bytes]:
        """Return the answer where none was made before; ``outcome`` is what was recalled, if anything was."""
        is_junk = outcome is None and asked is not None and self._credentials.is_no_key(values)
        if asked is not None and is_junk:
            asked = proxy_requests.without_text(asked)
            refusal = self._decide.recall_refusal(asked)
            if refusal is not None:
                return self._refused(family, values, peer, refusal, None, request_id)
        found = self._credentials.find(values)
        if outcome is None:
            is_from_proxy = self._proxies.trusts(peer)
            address = self._client_of(peer, proxy_requests.forwarded_for(values)) if is_from_proxy else peer
            request = proxy_requests.request_of(values, found, is_from_proxy=is_from_proxy, address=address)
            with answering(request_id):
                outcome = await self._decide(request, asked, is_junk=is_junk)
        if outcome.decision.is_allowed:
            self._decisions.note(_ALLOWED)
            headers = outcome.answers[family.name] = self._allowed(family, values, found, outcome)
            return family.allowed_status, headers, b""
        return self._refused(family, values, peer, outcome, self._location(values, outcome), request_id)

    def _refused(
        self, family: Family, values: Values, peer: str | None, outcome: Outcome, location: str | None, request_id: str
    ) -> tuple[int, Headers, bytes]:
        reason = outcome.decision.reason
        self._decisions.note(reason.value)
        self._note_denial(family, values, peer, outcome, request_id)
        return _denied(family, outcome, FACES[reason], location, request_id)

    def _find_client(self, peer: str | None, forwarded_for: bytes) -> str | None:
        return self._proxies.client_of(peer, [(b"x-forwarded-for", forwarded_for)])

    # --- who may pass -----------------------------------------------------------------------------------------------

    @staticmethod
    def _allowed(family: Family, values: Values, found: Found, outcome: Outcome) -> Headers:
        identity = identity_headers(outcome.asker)
        headers = [*_passed_on(values, found)]
        if family.answers_plainly and not _may_be_kept(values, outcome):
            headers.append((b"x-accel-expires", b"0"))
        if family.allowed_status != 204:
            headers.append((b"content-length", b"0"))
        return (*identity, *headers) if headers else identity

    # --- who may not ------------------------------------------------------------------------------------------------

    def _location(self, values: Values, outcome: Outcome) -> str | None:
        """Return where a person signs in for this host, or None for whoever cannot (FA-01, FA-24)."""
        reason, facts = outcome.decision.reason, outcome.facts
        is_signed_out = reason is Reason.SIGN_IN_REQUIRED and outcome.is_bare
        # A cookie outlives its session: who signed out and in again is somebody new here, too.
        is_signed_out |= reason is Reason.CREDENTIAL_INVALID and outcome.presented is CredentialKind.SESSION
        if not is_signed_out or facts is None or not proxy_requests.asks_for_page(values):
            return None
        is_https = proxy_requests.is_https(values)
        if (self._edge.is_secure and not is_https) or not self._edge.serves(facts.host):
            return None
        origin = proxy_requests.origin_of("https" if is_https else "http", proxy_requests.host_of(values))
        return f"{origin}{HANDOVER_PATH}?return_to={quote(proxy_requests.target_of(values), safe='')}"

    def _note_denial(self, family: Family, values: Values, peer: str | None, outcome: Outcome, request_id: str) -> None:
        decision, facts, asker = outcome.decision, outcome.facts, outcome.asker
        if decision.reason is Reason.PROXY_UNTRUSTED:
            self._complain(family, peer)
            return
        is_by_strangers = decision.reason in _BY_HUNDREDS
        if not is_by_strangers:
            _log.info(
                "request denied",
                family=family.name,
                reason=decision.reason.value,
                rule=decision.rule,
                remedy=decision.remedy,
                request_id=request_id,
            )
        if not self._denials.has_room(for_strangers=is_by_strangers):
            return
        host, path, method = proxy_requests.shown(values) if facts is None else (facts.host, facts.path, facts.method)
        self._denials.note(
            Denial(
                request_id=request_id,
                at=self._clock.now(),
                reason=decision.reason,
                rule=decision.rule,
                remedy=decision.remedy,
                host=host,
                path=path,
                method=method,
                address=peer if facts is None else facts.address,
                credential=outcome.presented,
                subject=asker.subject,
                key_id=asker.key_id,
            )
        )

    def _complain(self, family: Family, peer: str | None) -> None:
        # Kept with the denials it would drive out all others: whoever reaches this port may send it (FA-02).
        now = self._clock.monotonic()
        if now >= self._complain_at:
            self._complain_at = now + _COMPLAIN_EVERY_SECONDS
            _log.warning(
                "forward-auth is asked by a peer that is no trusted proxy",
                family=family.name,
                peer=peer,
                remedy="PASEPORT_TRUSTED_PROXIES",
            )


def identity_headers(asker: Asker) -> Headers:
    """Return the whole identity set, empty where nothing is known: what a client sent is overwritten (FA-06)."""
    return _identity_of(
        asker.username or asker.subject,
        asker.subject,
        asker.roles,
        asker.scopes,
        asker.email,
        asker.name,
        asker.kind.value,
    )


@lru_cache(maxsize=4096)
def _identity_of(
    user: str, subject: str, roles: frozenset[str], scopes: frozenset[str], email: str, name: str, method: str
) -> Headers:
    # One object for all keys of an owner that are worth the same: what is looked at often stays near the processor.
    listed = ",".join(sorted(roles))
    values = (user, subject, listed, " ".join(sorted(scopes)), email, method, user, listed, name, email)
    return tuple(
        (name, quote(value, safe=_SAFE_CHARACTERS).encode())
        for name, value in zip(proxy_requests.IDENTITY, values, strict=True)
    )


def _passed_on(values: Values, found: Found) -> Iterator[tuple[bytes, bytes]]:
    """Yield what of the request's own credentials and cookies the service may see: nothing of ours."""
    authorization, api_key, cookie = proxy_requests.own_headers(values)
    if cookie is not None:
        yield b"cookie", proxy_requests.cookies_of_others(cookie)
    if authorization is not None and not found.is_in_authorization:
        yield b"authorization", authorization
    if api_key is not None and not found.is_in_key_header:
        yield b"x-api-key", api_key


def _may_be_kept(values: Values, outcome: Outcome) -> bool:
    return not outcome.is_strict and proxy_requests.method_of(values) in _LETS_PASS


def _denied(
    family: Family, outcome: Outcome, face: Face, location: str | None, request_id: str
) -> tuple[int, Headers, bytes]:
    if location is None and face.status not in _RETRIED:
        status, lasting, before, behind = _lasting(family, face)
        return status, lasting, b"%s%s%s" % (before, request_id.encode(), behind)
    status = face.status if location is None else 303
    headers = [_NO_STORE]
    if status in _RETRIED:
        headers.append((b"retry-after", b"%d" % max(math.ceil(outcome.retry_after_seconds), 1)))
    if status == 429 and outcome.rate is not None:
        headers += [
            (b"ratelimit-limit", b"%d" % outcome.rate.limit),
            (b"ratelimit-remaining", b"%d" % outcome.rate.remaining),
            (b"ratelimit-reset", b"%d" % math.ceil(outcome.rate.reset_seconds)),
        ]
    if location is not None and not family.answers_plainly:
        headers += [(b"location", location.encode()), (b"content-length", b"0")]
        return status, tuple(headers), b""
    return _in_words(family, face, headers, location, request_id)


@lru_cache(maxsize=64)
def _lasting(family: Family, face: Face) -> tuple[int, Headers, bytes, bytes]:
    """Return what every such denial is answered; the request id belongs between the two parts of the body."""
    status, headers, body = _in_words(family, face, [_NO_STORE], None, _SOME_ID)
    before, _, behind = body.partition(_SOME_ID.encode())
    return status, headers, before, behind


def _in_words(
    family: Family, face: Face, headers: list[tuple[bytes, bytes]], location: str | None, request_id: str
) -> tuple[int, Headers, bytes]:
    status = face.status
    if family.answers_plainly:
        meant = status if location is None else 303
        headers += [
            (b"x-accel-expires", b"0"),
            (b"x-paseport-status", b"%d" % meant),
            (b"x-paseport-reason", _SHOWN.get(status, face.code).encode()),
        ]
        if location is not None:
            headers.append((b"x-paseport-location", location.encode()))
        status = _PLAIN.get(meant, 403)
    if face.status == 401:
        headers.append((b"www-authenticate", _challenge(face)))
    problem = _Problem("about:blank", _TITLES[face.status], face.status, face.detail, face.code, request_id)
    body = _encode(problem)
    headers += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    return status, tuple(headers), body


def _challenge(face: Face) -> bytes:
    # RFC 6750 §3.1: who presented nothing is told no error code.
    error = "" if face is SIGN_IN_REQUIRED else f', error="{face.code}", error_description="{face.detail}"'
    return f"{CHALLENGE}{error}".encode()
