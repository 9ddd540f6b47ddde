"""May this request pass? What a proxy asks, from the facts of a request to the decision.

Everything that decides stands here, in the order in which it is looked at. Nothing is guessed: what cannot be read in
one way only, what nobody can say now and what goes wrong in here is denied (FA-07).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.clock import Clock
from paseport.errors import InvalidToken, Unavailable
from paseport.principal import Principal
from paseport.revocation_list import RevocationList
from paseport_shared.domain.errors import UnclearRequest
from paseport_shared.domain.models.policy import (
    ANONYMOUS,
    Access,
    Asker,
    CredentialKind,
    Decision,
    Policy,
    Reason,
    Rule,
)
from paseport_shared.domain.models.rate_limit import LocalRates, RateLimit, RateVerdict
from paseport_shared.domain.models.request_facts import (
    RequestFacts,
    canonical_host,
    canonical_method,
    canonical_path,
)
from paseport_shared.domain.ports.policies import Policies
from paseport_shared.domain.ports.shared_rates import SharedRates

from paseport_api.use_cases.authenticate_api_key import AuthenticateApiKey, KnownKey
from paseport_api.use_cases.authenticate_edge_session import AuthenticateEdgeSession
from paseport_api.use_cases.bad_credentials import BadCredentials
from paseport_api.use_cases.note_session_uses import NoteSessionUses
from paseport_api.use_cases.record_key_uses import RecordKeyUses

LOOK_AGAIN_SECONDS: Final = 1.0
"""A backstop, as for tokens: what changes is heard of, and everything else is looked at anew after so long."""
KEPT: Final = 8_192
"""Decisions of a moment ago, some 3 KiB each."""
REFUSALS_KEPT: Final = 1_024
"""Refusals of a moment ago, by where and from which address, whatever was presented there."""
_MINUTE: Final = timedelta(minutes=1)
_UNLIMITED: Final = 0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as it came. ``NONE`` is one that cannot be any of ours: no word, or in a form of somebody else's."""

    kind: CredentialKind
    text: str = field(repr=False)


# Not frozen: one is made for each request, and that takes four times as long.
@dataclass(slots=True, kw_only=True)
class ProxyRequest:
    """What a proxy says of a request, as it came.

    ``problem`` is why it cannot be read, if it cannot. ``origin`` is what the browser says, ``own_origin`` what it says
    of a page of this host. ``is_upgrade``: it opens a WebSocket, which no method says. ``is_ambiguous``: one credential
    was sent twice in different words, so that two readers may find two.
    """

    is_from_proxy: bool
    host: str = ""
    target: str = ""
    method: str = ""
    address: str | None = None
    origin: str | None = None
    own_origin: str = ""
    is_upgrade: bool = False
    presented: tuple[Presented, ...] = ()
    is_ambiguous: bool = False
    problem: str | None = None


@dataclass(slots=True, eq=False)
class Outcome:
    """What came of a request.

    ``asker`` is nobody unless a credential was genuine; ``presented`` is the kind of what was presented, good or not,
    and ``is_bare`` says that nothing was. ``rate`` is the limit that was counted last, or that refused. ``is_strict``:
    a limit was counted in one place for all nodes, so that no answer stands for another one.

    ``answers`` are made from it by whoever answers often, and live as long as it does.
    """

    decision: Decision
    facts: RequestFacts | None = None
    asker: Asker = ANONYMOUS
    presented: CredentialKind = CredentialKind.NONE
    is_bare: bool = True
    rate: RateVerdict | None = None
    is_strict: bool = False
    retry_after_seconds: float = 1.0
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Caller:
    """Who asks, once that is known. ``ends`` is when the credential stops to work by itself."""

    asker: Asker = ANONYMOUS
    ends: datetime | None = None
    key: KnownKey | None = None


@dataclass(slots=True, eq=False)
class _Kept:
    outcome: Outcome
    policy: Policy
    revision: int
    look_again_at: float
    limits: tuple[tuple[str, RateLimit], ...]
    caller: _Caller


@dataclass(slots=True, eq=False)
class _Refusal:
    outcome: Outcome
    policy: Policy
    address: str | None
    look_again_at: float


class _Denied(Exception):
    """Ends the look at a credential."""

    def __init__(self, reason: Reason, remedy: str, *, asker: Asker = ANONYMOUS) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.remedy = remedy
        self.asker = asker


class _Limited(Exception):
    """A limit is used up."""

    def __init__(self, verdict: RateVerdict, remedy: str, *, is_strict: bool = False) -> None:
        super().__init__(remedy)
        self.verdict = verdict
        self.remedy = remedy
        self.is_strict = is_strict


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a minute, of one user and from one address; 0 is any number. ``shares``: processes that count."""

    user: int = _UNLIMITED
    address: int = _UNLIMITED
    bad_credentials: int = _UNLIMITED
    shares: int = 1


class DecideRequest:
    """Decides; ``recall`` says again, without waiting for anything, what it said a moment ago."""

    def __init__(
        self,
        policies: Policies,
        bearer: AuthenticateBearer,
        api_keys: AuthenticateApiKey,
        sessions: AuthenticateEdgeSession,
        revocations: RevocationList,
        shared_rates: SharedRates,
        key_uses: RecordKeyUses,
        session_uses: NoteSessionUses,
        clock: Clock,
        *,
        own_audience: str,
        limits: Limits,
    ) -> None:
        self._policies = policies
        self._bearer = bearer
        self._api_keys = api_keys
        self._sessions = sessions
        self._revocations = revocations
        self._shared_rates = shared_rates
        self._key_uses = key_uses
        self._session_uses = session_uses
        self._clock = clock
        self._own_audience = own_audience
        self._rates = LocalRates(shares=limits.shares)
        self._bad = BadCredentials(limits.bad_credentials, clock, shares=limits.shares)
        self._user_limit = RateLimit(limits.user, _MINUTE) if limits.user else None
        self._address_limit = RateLimit(limits.address, _MINUTE) if limits.address else None
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        # Beside the others: whoever guesses drives out nobody.
        self._refusals: OrderedDict[Hashable, _Refusal] = OrderedDict()
        self._rules_of: Policy | None = None
        self._rules: dict[tuple[str, str, str], Rule | None] = {}

    def recall(self, asked: Hashable) -> Outcome | None:
        """Return the decision of a moment ago about the same request, or None where it has to be made.

        ``asked`` is everything that the decision depends on, as ``__call__`` was given it. The decision holds while
        nothing new was heard from the feed, the rules are the same and the credential works. Limits are counted.
        """
        kept = self._kept.get(asked)
        if kept is None:
            return None
        moment = self._clock.monotonic()
        if (
            kept.revision != self._revocations.revision
            or kept.policy is not self._policies.policy
            or (moment >= kept.look_again_at and not self._is_same(kept, moment))
        ):
            del self._kept[asked]
            return None
        outcome = kept.outcome
        for name, limit in kept.limits:
            if not self._rates.admits(name, limit, moment):
                verdict = self._rates.take(name, limit, moment)
                return self._limited(outcome, _Limited(verdict, _rate_remedy(name, limit)))
        self._note_use(outcome.asker, moment)
        return outcome

    def recall_refusal(self, asked: Hashable) -> Outcome | None:
        """Return the refusal of a moment ago of what was no key, or None where it has to be decided about.

        ``asked`` is everything that the decision depends on but the text, whatever that was: refusing junk takes no
        longer than letting pass. It counts as one more try (FA-18).
        """
        kept = self._refusals.get(asked)
        if kept is None:
            return None
        if self._clock.monotonic() >= kept.look_again_at or kept.policy is not self._policies.policy:
            del self._refusals[asked]
            return None
        refused = self._bad.refusal(kept.address)
        if refused is not None:
            return self._limited(kept.outcome, _Limited(refused, _FEWER))
        self._bad.note(kept.address)
        return kept.outcome

    async def __call__(self, request: ProxyRequest, asked: Hashable | None = None, *, is_junk: bool = False) -> Outcome:
        """Decide. Whatever goes wrong, it is a denial. With ``asked`` it may be recalled for up to a second.

        ``is_junk`` says that what was presented can be no key: then ``asked`` is for ``recall_refusal``.
        """
        try:
            return await self._decide(request, asked, is_junk=is_junk)
        except Unavailable as error:
            _log.warning("a request was denied, because nobody can say: %s", error.reason)
            retry_after = max(error.retry_after.total_seconds(), 1.0)
        except Exception:
            _log.exception("a request was denied, because the decision failed")
            retry_after = 1.0
        decision = Decision(Reason.UNAVAILABLE, None, "all parts of Paseport that this decision needs")
        kind, is_bare = _kind_of(request), not request.presented
        return Outcome(decision, None, presented=kind, is_bare=is_bare, retry_after_seconds=retry_after)

    async def _decide(self, request: ProxyRequest, asked: Hashable | None, *, is_junk: bool) -> Outcome:
        if not request.is_from_proxy:
            remedy = "asking from an address in PASEPORT_TRUSTED_PROXIES"
            return Outcome(Decision(Reason.PROXY_UNTRUSTED, None, remedy))
        # What is heard or loaded from here on makes the decision old.
        revision, moment, policy = self._revocations.revision, self._clock.monotonic(), self._policies.policy
        try:
            facts = _facts_of(request)
            # A path that is too long for a regular expression of a rule is unclear, too.
            rule = self._rule_for(policy, facts)
        except UnclearRequest as error:
            remedy = f"a request that can be read in one way only: {error.reason}"
            return Outcome(Decision(Reason.REQUEST_UNCLEAR, None, remedy))
        kind, is_bare = _kind_of(request), not request.presented
        if rule is None or rule.access is Access.DENY:
            # No credential would help, so none is looked at.
            return Outcome(policy.decide(facts, ANONYMOUS), facts, presented=kind, is_bare=is_bare)
        outcome = Outcome(_UNDECIDED, facts, presented=kind, is_bare=is_bare)
        try:
            caller = await self._caller(request, facts, rule)
            outcome.asker = caller.asker
            outcome.decision = rule.judge(facts, caller.asker)
            if not outcome.decision.is_allowed:
                return outcome
            limits = self._limits_for(caller, facts)
            await self._count(limits, outcome)
        except _Denied as denied:
            outcome.asker = denied.asker
            outcome.decision = Decision(denied.reason, rule.name, denied.remedy)
            if is_junk and asked is not None and denied.reason is Reason.CREDENTIAL_INVALID:
                self._keep_refusal(asked, _Refusal(outcome, policy, facts.address, moment + LOOK_AGAIN_SECONDS))
            return outcome
        except _Limited as limited:
            return self._limited(outcome, limited)
        self._note_use(caller.asker, moment)
        is_unnamed = caller.asker.kind is CredentialKind.NONE
        if asked is not None and not is_junk and not outcome.is_strict and (outcome.is_bare or not is_unnamed):
            self._keep(asked, _Kept(outcome, policy, revision, self._look_again_at(caller, moment), limits, caller))
        return outcome

    def _rule_for(self, policy: Policy, facts: RequestFacts) -> Rule | None:
        """Return ``policy.rule_for(facts)``, which looks through all rules, once for each place."""
        if policy is not self._rules_of or len(self._rules) >= _PLACES:
            self._rules_of, self._rules = policy, {}
        place = (facts.host, facts.path, facts.method)
        if place in self._rules:
            return self._rules[place]
        rule = self._rules[place] = policy.rule_for(facts)
        return rule

    # --- who asks ---------------------------------------------------------------------------------------------------

    async def _caller(self, request: ProxyRequest, facts: RequestFacts, rule: Rule) -> _Caller:
        """Return who asks. For a public rule nobody has to be somebody: what is no good there does no harm."""
        try:
            return await self._authenticate(request, facts)
        except (_Denied, _Limited, Unavailable):
            if rule.access is not Access.PUBLIC:
                raise
            return _Caller()

    async def _authenticate(self, request: ProxyRequest, facts: RequestFacts) -> _Caller:
        several = len(request.presented) > 1 and len(set(request.presented)) > 1
        if request.is_ambiguous or several:
            raise _Denied(Reason.CREDENTIALS_AMBIGUOUS, "one credential, not several")
        if not request.presented:
            return _Caller()
        presented = request.presented[0]
        try:
            match presented.kind:
                case CredentialKind.ACCESS_TOKEN:
                    return await self._by_token(presented.text, facts)
                case CredentialKind.API_KEY:
                    return await self._by_key(presented.text, facts)
                case CredentialKind.SESSION:
                    return await self._by_session(presented.text, request, facts)
                case CredentialKind.NONE:
                    self._refuse_guessers(facts)
                    raise InvalidToken("the credential has the form of none of ours")
        except InvalidToken as error:
            self._bad.note(facts.address)
            remedy = f"a credential that is valid ({error.reason})"
            raise _Denied(Reason.CREDENTIAL_INVALID, remedy) from error

    async def _by_token(self, token: str, facts: RequestFacts) -> _Caller:
        verdict = self._bearer.verdict(token)
        if verdict is None:
            self._refuse_guessers(facts)
            principal = await self._bearer(token)
            asker = _asker_of(principal)
        else:
            principal = verdict.principal
            known = verdict.answers.get(_ASKER)
            asker = verdict.answers[_ASKER] = _asker_of(principal) if known is None else known
        # A port in the request's host is the caller's to choose, so it is no part of an audience.
        if principal.claims.audience not in (self._own_audience, f"https://{facts.host}"):
            raise _Denied(
                Reason.AUDIENCE_REFUSED, f"a token for {self._own_audience} or https://{facts.host}", asker=asker
            )
        return _Caller(asker, principal.expires_at)

    async def _by_key(self, text: str, facts: RequestFacts) -> _Caller:
        known = self._api_keys.recall(text)
        if known is None:
            self._refuse_guessers(facts, lambda: self._api_keys.remembers(text))
            known = await self._api_keys(text)
        refusal = known.key.refusal(facts, self._clock.now())
        if refusal is not None:
            raise _Denied(Reason(refusal.value), refusal.remedy, asker=known.asker)
        return _Caller(known.asker, known.ends, known)

    async def _by_session(self, cookie: str, request: ProxyRequest, facts: RequestFacts) -> _Caller:
        known = await self._sessions(cookie, facts.host)
        # Browsers name the origin of each unsafe request and of each WebSocket. A foreign one is refused whatever the
        # method: not every proxy passes on what tells a WebSocket from a page (FA-19).
        is_needed = request.is_upgrade or not facts.is_safe
        if request.origin != request.own_origin and (is_needed or request.origin is not None):
            raise _Denied(Reason.ORIGIN_REFUSED, f"Origin: {request.own_origin}", asker=known.asker)
        return _Caller(known.asker, known.ends)

    def _refuse_guessers(self, facts: RequestFacts, is_known: Callable[[], bool] = lambda: False) -> None:
        """Before anything is looked up for a credential that was not genuine when it was last seen (FA-18)."""
        refused = self._bad.refusal(facts.address)
        if refused is not None and not is_known():
            raise _Limited(refused, _FEWER)

    # --- how often --------------------------------------------------------------------------------------------------

    def _limits_for(self, caller: _Caller, facts: RequestFacts) -> tuple[tuple[str, RateLimit], ...]:
        asker = caller.asker
        limits: list[tuple[str, RateLimit]] = []
        if caller.key is not None and caller.key.key.rate_limit is not None:
            limits.append((f"key:{asker.key_id}", caller.key.key.rate_limit))
        if self._user_limit is not None and asker.subject:
            limits.append((f"user:{asker.subject}", self._user_limit))
        if self._address_limit is not None and facts.address is not None:
            limits.append((f"address:{facts.address}", self._address_limit))
        return tuple(limits)

    async def _count(self, limits: tuple[tuple[str, RateLimit], ...], outcome: Outcome) -> None:
        for name, limit in limits:
            outcome.is_strict = outcome.is_strict or limit.strict
            verdict = await self._take(name, limit)
            outcome.rate = verdict
            if not verdict.is_allowed:
                raise _Limited(verdict, _rate_remedy(name, limit), is_strict=outcome.is_strict)

    async def _take(self, name: str, limit: RateLimit) -> RateVerdict:
        if limit.strict:
            try:
                return await self._shared_rates.take(name, limit, self._clock.now())
            except Unavailable as error:
                _log.warning("a strict limit is counted by this process alone: %s", error.reason)
        return self._rates.take(name, limit, self._clock.monotonic())

    # --- what is remembered -----------------------------------------------------------------------------------------

    def _note_use(self, asker: Asker, moment: float) -> None:
        if asker.key_id is not None:
            self._key_uses.note(asker.key_id, moment)
        elif asker.kind is CredentialKind.SESSION and asker.session_id is not None:
            self._session_uses.note(asker.session_id)

    def _limited(self, outcome: Outcome, limited: _Limited) -> Outcome:
        return Outcome(
            Decision(Reason.RATE_LIMITED, outcome.decision.rule, limited.remedy),
            outcome.facts,
            outcome.asker,
            outcome.presented,
            outcome.is_bare,
            limited.verdict,
            limited.is_strict,
            limited.verdict.reset_seconds,
        )

    def _look_again_at(self, caller: _Caller, moment: float) -> float:
        if caller.asker.kind is CredentialKind.NONE:
            return moment + LOOK_AGAIN_SECONDS
        bounds = [moment + LOOK_AGAIN_SECONDS, self._revocations.stale_after]
        if caller.ends is not None:
            bounds.append(self._clock.monotonic() + (caller.ends - self._clock.now()).total_seconds())
        return min(bounds)

    def _is_same(self, kept: _Kept, moment: float) -> bool:
        """Look again, without waiting: a decision is made of the facts, the rules, a key and its owner, and no more."""
        caller = kept.caller
        if caller.asker.kind is not CredentialKind.NONE and (
            caller.key is None or not self._api_keys.is_same(caller.key)
        ):
            return False
        kept.look_again_at = self._look_again_at(caller, moment)
        return moment < kept.look_again_at

    def _keep_refusal(self, asked: Hashable, refusal: _Refusal) -> None:
        self._refusals[asked] = refusal
        self._refusals.move_to_end(asked)
        if len(self._refusals) > REFUSALS_KEPT:
            self._refusals.popitem(last=False)

    def _keep(self, asked: Hashable, kept: _Kept) -> None:
        self._kept[asked] = kept
        self._kept.move_to_end(asked)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


_PLACES: Final = 4_096
"""How many places are remembered with the rule that is about them."""
_ASKER: Final = "asker"
_FEWER: Final = "fewer credentials from this address that are no good"
_UNDECIDED: Final = Decision(Reason.UNAVAILABLE)
"""What an outcome is until it is another one: nothing that lets pass."""


def _asker_of(principal: Principal) -> Asker:
    return Asker(
        CredentialKind.ACCESS_TOKEN,
        subject=principal.subject,
        username=principal.username,
        roles=principal.roles,
        scopes=principal.scopes,
        email=principal.email,
        name=principal.name,
        session_id=principal.session_id,
    )


def _facts_of(request: ProxyRequest) -> RequestFacts:
    if request.problem is not None:
        raise UnclearRequest(request.problem)
    host, path = canonical_host(request.host), canonical_path(request.target)
    return RequestFacts(host, path, canonical_method(request.method), request.address)


def _kind_of(request: ProxyRequest) -> CredentialKind:
    return request.presented[0].kind if request.presented else CredentialKind.NONE


def _rate_remedy(name: str, limit: RateLimit) -> str:
    seconds = round(limit.window.total_seconds())
    return f"at most {limit.count} requests in {seconds} s of one {name.partition(':')[0]}"
