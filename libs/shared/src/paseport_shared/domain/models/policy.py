"""Which request may pass: rules, and the one engine that live decisions and their explanations share.

Default is to deny. A rule that denies wins over every other; of the rest the first one that is about the request
decides. All that a rule asks for must hold.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from paseport_shared.domain.models.host_pattern import host_fits
from paseport_shared.domain.models.network import address_is_in
from paseport_shared.domain.models.request_facts import RequestFacts, is_below


class Pattern(Protocol):
    """A compiled regular expression of linear time."""

    def matches(self, text: str) -> bool:
        """Say whether all of ``text`` matches."""
        ...


class CredentialKind(enum.Enum):
    """What a caller showed (``X-Auth-Method``)."""

    NONE = "none"
    ACCESS_TOKEN = "access_token"
    API_KEY = "api_key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who a request comes from, as far as it is known now.

    ``subject`` is a user's UUID or a machine's client id. ``roles`` are live, and of an API key only those that it
    shares with its owner. ``email`` is one that is known to be the person's, else empty.
    """

    kind: CredentialKind
    subject: str = ""
    username: str = ""
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    email: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    key_id: str | None = None
    session_id: str | None = None


ANONYMOUS: Final = Asker(CredentialKind.NONE)


class Reason(enum.Enum):
    """Why a request passed or not: stable codes, for the log, for ``explain`` and for metrics."""

    ALLOWED = "allowed"
    NO_RULE = "no_rule"
    DENIED_BY_RULE = "denied_by_rule"
    SIGN_IN_REQUIRED = "sign_in_required"
    CREDENTIAL_KIND = "credential_kind"
    ROLE_MISSING = "role_missing"
    USER_NOT_LISTED = "user_not_listed"
    SCOPE_MISSING = "scope_missing"
    NETWORK_REFUSED = "network_refused"
    # Of the credential, before any rule was asked.
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIALS_AMBIGUOUS = "credentials_ambiguous"
    AUDIENCE_REFUSED = "audience_refused"
    ORIGIN_REFUSED = "origin_refused"
    KEY_DISABLED = "key_disabled"
    KEY_EXPIRED = "key_expired"
    KEY_HOST = "key_host"
    KEY_PATH = "key_path"
    KEY_METHOD = "key_method"
    KEY_NETWORK = "key_network"
    # Of the request, and of us.
    REQUEST_UNCLEAR = "request_unclear"
    PROXY_UNTRUSTED = "proxy_untrusted"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a request. ``rule`` is the one that decided; ``remedy`` says what would have let it pass.

    Neither is for the caller: they tell how an installation is protected.
    """

    reason: Reason
    rule: str | None = None
    remedy: str = ""

    @property
    def is_allowed(self) -> bool:
        """Whether the request may pass."""
        return self.reason is Reason.ALLOWED


class Access(enum.Enum):
    """What a rule says at first."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PathPattern:
    """Which paths: one (``/a``), what is below it too (``/a/**``), or those that a regular expression matches whole."""

    text: str
    pattern: Pattern | None = field(default=None, compare=False)

    def fits(self, path: str) -> bool:
        """Say whether a canonical path is meant."""
        if self.pattern is not None:
            return self.pattern.matches(path)
        if self.text.endswith("/**"):
            return is_below(path, self.text[:-3] or "/")
        return path == self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One named rule. Empty ``hosts``, ``paths`` and ``methods`` mean all of them.

    ``networks`` hold for a public rule too. Of ``roles``, ``users`` (user names or UUIDs), ``networks`` and
    ``credentials`` one each is enough; of ``scopes`` all are needed. ``line`` is where it stands in its file.
    """

    name: str
    access: Access
    hosts: tuple[str, ...] = ()
    paths: tuple[PathPattern, ...] = ()
    methods: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    credentials: frozenset[CredentialKind] = frozenset()
    line: int = 0

    def is_about(self, facts: RequestFacts) -> bool:
        """Say whether the rule is one for this request."""
        return (
            (not self.hosts or any(host_fits(pattern, facts.host) for pattern in self.hosts))
            and (not self.methods or facts.method in self.methods)
            and (not self.paths or any(pattern.fits(facts.path) for pattern in self.paths))
        )

    def judge(self, facts: RequestFacts, asker: Asker) -> Decision:
        """Decide about a request that the rule is about."""
        if self.access is Access.DENY:
            return self._deny(Reason.DENIED_BY_RULE, "no credential: the rule denies everybody")
        if self.networks and not address_is_in(facts.address, self.networks):
            return self._deny(Reason.NETWORK_REFUSED, f"a client address in {_one_of(self.networks)}")
        if self.access is Access.PUBLIC:
            return Decision(Reason.ALLOWED, self.name)
        if asker.kind is CredentialKind.NONE:
            return self._deny(Reason.SIGN_IN_REQUIRED, "signing in, or a credential")
        if self.credentials and asker.kind not in self.credentials:
            kinds = _one_of(kind.value for kind in self.credentials)
            return self._deny(Reason.CREDENTIAL_KIND, f"a credential of the kind {kinds}")
        if self.users and asker.username not in self.users and asker.subject not in self.users:
            return self._deny(Reason.USER_NOT_LISTED, f"being {_one_of(self.users)}")
        if self.roles and not self.roles & asker.roles:
            return self._deny(Reason.ROLE_MISSING, f"the role {_one_of(self.roles)}")
        if missing := self.scopes - asker.scopes:
            return self._deny(Reason.SCOPE_MISSING, f"the scope {' and '.join(sorted(missing))}")
        return Decision(Reason.ALLOWED, self.name)

    def _deny(self, reason: Reason, remedy: str) -> Decision:
        return Decision(reason, self.name, remedy)


class Policy:
    """All rules, in the order of their file."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._denying = tuple(rule for rule in rules if rule.access is Access.DENY)
        self._others = tuple(rule for rule in rules if rule.access is not Access.DENY)

    def rule_for(self, facts: RequestFacts) -> Rule | None:
        """Return the rule that decides about a request, or None where no rule is about it. No caller matters here."""
        for rules in (self._denying, self._others):
            for rule in rules:
                if rule.is_about(facts):
                    return rule
        return None

    def decide(self, facts: RequestFacts, asker: Asker) -> Decision:
        """Decide about a request."""
        rule = self.rule_for(facts)
        if rule is None:
            return Decision(Reason.NO_RULE, None, "a rule about this host, path and method")
        return rule.judge(facts, asker)


def _one_of(values: Iterable[str]) -> str:
    texts = sorted(values)
    return texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}"
