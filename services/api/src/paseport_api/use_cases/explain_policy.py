"""Why a request was denied, or what would become of one: the engine of live decisions, asked by an administrator.

Nothing is counted and no credential is needed: of whoever asks, what they hold now is looked up. What only a real
request shows is taken to be in order: the secret of a key, the audience of a token, the origin of a page, limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from paseport.authenticate_bearer import Subjects
from paseport.clock import Clock
from paseport.subject import SubjectState
from paseport_shared.domain.errors import NotFound, UnclearRequest
from paseport_shared.domain.models.api_key import KeyRefusal
from paseport_shared.domain.models.denial import MAX_TEXT, Denial
from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.domain.models.network import parse_address
from paseport_shared.domain.models.policy import ANONYMOUS, Access, Asker, CredentialKind, Decision, Policy, Reason
from paseport_shared.domain.models.request_facts import RequestFacts, canonical_host, canonical_method, canonical_path
from paseport_shared.domain.ports.api_key_directory import ApiKeyFinder
from paseport_shared.domain.ports.decision_log import DecisionLog
from paseport_shared.domain.ports.policies import Policies
from paseport_shared.domain.ports.usernames import Usernames

_UNREADABLE: Final = frozenset({Reason.REQUEST_UNCLEAR, Reason.PROXY_UNTRUSTED})


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request as somebody writes it: ``path`` as on the wire, with its escapes."""

    host: str
    path: str
    method: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class AskingUser:
    """A user, by user name or id, with a session, or an access token that covers ``scopes``."""

    name: str
    kind: CredentialKind = CredentialKind.SESSION
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AskingKey:
    """An API key, by its id."""

    key_id: str


@dataclass(frozen=True, slots=True)
class AskingNobody:
    """Somebody without a credential."""


Asking = AskingUser | AskingKey | AskingNobody


@dataclass(frozen=True, slots=True)
class RuleMark:
    """A rule, and its line in the policy file, or None where the file does not have it any more."""

    name: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and what it rests on.

    ``key_refusal`` is what the key refuses, whatever the rule says. ``recorded_at`` is set where it is a denial of the
    log; ``now`` is then what would become of the same request today, where that can be said.
    """

    decision: Decision
    rule: RuleMark | None
    asker: Asker
    request: AskedRequest
    key_refusal: KeyRefusal | None = None
    recorded_at: datetime | None = None
    now: Decision | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """Who asks. ``problem`` is why the credential is none, if it is none."""

    asker: Asker = ANONYMOUS
    problem: str | None = None
    refusal: KeyRefusal | None = None


class ExplainPolicy:
    """Answers with the rules in force, and with what callers are at this moment."""

    def __init__(
        self,
        policies: Policies,
        keys: ApiKeyFinder,
        subjects: Subjects,
        usernames: Usernames,
        decisions: DecisionLog,
        clock: Clock,
    ) -> None:
        self._policies = policies
        self._keys = keys
        self._subjects = subjects
        self._usernames = usernames
        self._decisions = decisions
        self._clock = clock

    async def __call__(self, request: AskedRequest, asking: Asking) -> Explanation:
        """Return what would become of a request. Raises ``Unavailable`` where nobody can say who asks."""
        policy = self._policies.policy
        try:
            facts = _facts_of(request)
            known = await self._known(asking, facts)
            decision = _decide(policy, facts, known)
        except UnclearRequest as error:
            decision = Decision(
                Reason.REQUEST_UNCLEAR, None, f"a request that can be read in one way only: {error.reason}"
            )
            return Explanation(decision, None, ANONYMOUS, request)
        return Explanation(decision, _mark(policy, decision), known.asker, request, known.refusal)

    async def of_request(self, request_id: str) -> Explanation:
        """Return why a request was denied.

        Raises ``NotFound`` where the log does not have it (any more), and ``Unavailable``.
        """
        denial = await self._decisions.find(request_id)
        if denial is None:
            raise NotFound("no denial of this request id")
        policy = self._policies.policy
        decision = Decision(denial.reason, denial.rule, denial.remedy)
        known, now = await self._today(policy, denial)
        return Explanation(
            decision,
            _mark(policy, decision),
            known.asker,
            AskedRequest(denial.host, denial.path, denial.method, denial.address),
            known.refusal,
            denial.at,
            now,
        )

    async def _today(self, policy: Policy, denial: Denial) -> tuple[_Known, Decision | None]:
        """Return who asked, as they are now, and what is decided about the same request now, if that can be said."""
        # The log has the canonical form: to canonicalise it once more would decode it twice.
        facts = RequestFacts(denial.host, denial.path, denial.method, denial.address)
        asking = _asking_of(denial)
        known = _Known() if asking is None else await self._known(asking, facts)
        is_whole = denial.reason not in _UNREADABLE and max(len(denial.host), len(denial.path)) < MAX_TEXT
        # What a token covered is not in the log, and neither is whose a credential was that was not looked at, or was
        # not genuine.
        is_known = asking is not None and denial.credential is not CredentialKind.ACCESS_TOKEN
        if not is_whole:
            return known, None
        try:
            return known, _decide(policy, facts, known) if is_known else _whoever_asks(policy, facts)
        except UnclearRequest:
            return known, None

    async def _known(self, asking: Asking, facts: RequestFacts) -> _Known:
        if isinstance(asking, AskingUser):
            return await self._user(asking)
        return await self._key(asking.key_id, facts) if isinstance(asking, AskingKey) else _Known()

    async def _user(self, asking: AskingUser) -> _Known:
        state = await self._state(asking.name)
        if state is None:
            return _Known(problem="there is no such user")
        if not state.enabled:
            return _Known(problem="the user is disabled or deleted")
        is_token = asking.kind is CredentialKind.ACCESS_TOKEN
        return _Known(
            Asker(
                asking.kind,
                subject=str(state.user_id),
                username=state.username,
                # As at every verifier, a token without scope `roles` has none (design §3).
                roles=state.roles if not is_token or "roles" in asking.scopes else frozenset(),
                scopes=asking.scopes,
            )
        )

    async def _state(self, name: str) -> SubjectState | None:
        user_id = parse_uuid(name)
        return await (self._usernames.find(name) if user_id is None else self._subjects(user_id))

    async def _key(self, key_id: str, facts: RequestFacts) -> _Known:
        key = await self._keys.find(key_id)
        if key is None:
            return _Known(problem="the API key is unknown or revoked")
        owner = await self._subjects(key.owner_id)
        if owner is None or not owner.enabled:
            return _Known(problem="the owner of the API key is disabled or deleted")
        asker = Asker(
            CredentialKind.API_KEY,
            subject=str(key.owner_id),
            username=owner.username,
            roles=key.roles & owner.roles,
            scopes=frozenset(key.scopes),
            key_id=key.id,
        )
        return _Known(asker, refusal=key.refusal(facts, self._clock.now()))


def _decide(policy: Policy, facts: RequestFacts, known: _Known) -> Decision:
    """Decide in the order of ``DecideRequest``: rule, credential, key, and what the rule asks of the caller."""
    rule = policy.rule_for(facts)
    if rule is None or rule.access is not Access.SIGNED_IN:
        return policy.decide(facts, ANONYMOUS)
    if known.problem is not None:
        return Decision(Reason.CREDENTIAL_INVALID, rule.name, f"a credential that is valid ({known.problem})")
    if known.refusal is not None:
        return Decision(Reason(known.refusal.value), rule.name, known.refusal.remedy)
    return rule.judge(facts, known.asker)


def _whoever_asks(policy: Policy, facts: RequestFacts) -> Decision | None:
    """Return what is decided about a request whoever makes it, or None where that matters."""
    rule = policy.rule_for(facts)
    return None if rule is not None and rule.access is Access.SIGNED_IN else policy.decide(facts, ANONYMOUS)


def _facts_of(request: AskedRequest) -> RequestFacts:
    if request.address is not None and parse_address(request.address) is None:
        raise UnclearRequest("the client address is none")
    return RequestFacts(
        canonical_host(request.host), canonical_path(request.path), canonical_method(request.method), request.address
    )


def _asking_of(denial: Denial) -> Asking | None:
    """Return whom a denial is about, or None where that is not known."""
    if denial.key_id is not None:
        return AskingKey(denial.key_id)
    if parse_uuid(denial.subject) is not None:
        return AskingUser(denial.subject, denial.credential)
    return AskingNobody() if denial.credential is CredentialKind.NONE and not denial.subject else None


def _mark(policy: Policy, decision: Decision) -> RuleMark | None:
    if decision.rule is None:
        return None
    line = next((rule.line for rule in policy.rules if rule.name == decision.rule), None)
    return RuleMark(decision.rule, line)
