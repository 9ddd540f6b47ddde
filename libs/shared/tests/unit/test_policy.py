"""The engine that live decisions and their explanations share."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paseport_shared.domain.errors import UnclearRequest
from paseport_shared.domain.models.policy import (
    ANONYMOUS,
    Access,
    Asker,
    CredentialKind,
    Decision,
    PathPattern,
    Policy,
    Reason,
    Rule,
)
from paseport_shared.domain.models.request_facts import RequestFacts, canonical_path

FACTS = RequestFacts("app.example.com", "/reports/2026", "GET", "192.0.2.7")
ADA = Asker(
    CredentialKind.SESSION,
    subject="01900000-0000-7000-8000-00000000a11c",
    username="ada",
    roles=frozenset({"User", "Auditor"}),
    scopes=frozenset({"reports", "mail"}),
)


class Literal:
    """``Pattern`` of one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def matches(self, text: str) -> bool:
        return text == self._text


def a_rule(**changes: object) -> Rule:
    return replace(Rule(name="rule", access=Access.SIGNED_IN), **changes)  # type: ignore[arg-type]  # fields by name


def reason_of(asker: Asker = ADA, facts: RequestFacts = FACTS, **changes: object) -> Reason:
    return Policy([a_rule(**changes)]).decide(facts, asker).reason


# --- which rule -------------------------------------------------------------------------------------------------------


def test_without_a_rule_everything_is_denied() -> None:
    decision = Policy(()).decide(FACTS, ADA)

    assert (decision.reason, decision.rule, decision.is_allowed) == (Reason.NO_RULE, None, False)
    assert decision.remedy


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        (PathPattern("/a"), "/a", True),
        (PathPattern("/a"), "/a/", False),
        (PathPattern("/a"), "/a/b", False),
        (PathPattern("/a"), "/A", False),
        (PathPattern("/a/**"), "/a", True),
        (PathPattern("/a/**"), "/a/", True),
        (PathPattern("/a/**"), "/a/b/c", True),
        (PathPattern("/a/**"), "/ab", False),
        (PathPattern("/**"), "/", True),
        (PathPattern("/**"), "/a", True),
        (PathPattern("/"), "/", True),
        (PathPattern("/"), "/a", False),
        (PathPattern("/x/**", Literal("/y")), "/y", True),
        (PathPattern("/x/**", Literal("/y")), "/x/1", False),
    ],
)
def test_a_path_pattern_means_one_path_or_what_is_below_it_or_what_its_expression_matches(
    pattern: PathPattern, path: str, fits: bool
) -> None:
    assert pattern.fits(path) is fits


@pytest.mark.parametrize(
    ("changes", "is_about"),
    [
        ({}, True),
        ({"hosts": ("other.example.com", "app.example.com")}, True),
        ({"hosts": ("*.example.com",)}, True),
        ({"hosts": ("other.example.com",)}, False),
        ({"methods": frozenset({"GET"})}, True),
        ({"methods": frozenset({"HEAD", "POST"})}, False),
        ({"paths": (PathPattern("/x"), PathPattern("/reports/**"))}, True),
        ({"paths": (PathPattern("/reports"),)}, False),
        ({"hosts": ("app.example.com",), "methods": frozenset({"POST"})}, False),
    ],
)
def test_a_rule_is_about_requests_that_fit_all_it_says(changes: dict[str, object], is_about: bool) -> None:
    assert a_rule(**changes).is_about(FACTS) is is_about


def test_of_rules_about_one_request_the_first_decides_even_where_a_later_one_would_allow() -> None:
    first = a_rule(name="first", roles=frozenset({"Admin"}))
    second = a_rule(name="second", access=Access.PUBLIC)

    assert Policy([first, second]).decide(FACTS, ADA).rule == "first"
    assert Policy([second, first]).decide(FACTS, ADA) == Decision(Reason.ALLOWED, "second")


def test_a_rule_that_denies_wins_wherever_it_stands() -> None:
    allow, deny = a_rule(name="allow", access=Access.PUBLIC), a_rule(name="deny", access=Access.DENY)

    for rules in ([allow, deny], [deny, allow]):
        assert Policy(rules).decide(FACTS, ADA) == Decision(
            Reason.DENIED_BY_RULE, "deny", "no credential: the rule denies everybody"
        )


# --- what it asks for -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "asker", "reason"),
    [
        ({"access": Access.PUBLIC}, ANONYMOUS, Reason.ALLOWED),
        ({}, ANONYMOUS, Reason.SIGN_IN_REQUIRED),
        ({}, ADA, Reason.ALLOWED),
        ({"roles": frozenset({"Admin", "Auditor"})}, ADA, Reason.ALLOWED),
        ({"roles": frozenset({"Admin"})}, ADA, Reason.ROLE_MISSING),
        ({"roles": frozenset({"auditor"})}, ADA, Reason.ROLE_MISSING),
        ({"users": frozenset({"grace", "ada"})}, ADA, Reason.ALLOWED),
        ({"users": frozenset({ADA.subject})}, ADA, Reason.ALLOWED),
        ({"users": frozenset({"grace"})}, ADA, Reason.USER_NOT_LISTED),
        ({"scopes": frozenset({"reports", "mail"})}, ADA, Reason.ALLOWED),
        ({"scopes": frozenset({"reports", "admin"})}, ADA, Reason.SCOPE_MISSING),
        ({"credentials": frozenset({CredentialKind.SESSION})}, ADA, Reason.ALLOWED),
        ({"credentials": frozenset({CredentialKind.API_KEY})}, ADA, Reason.CREDENTIAL_KIND),
        ({"networks": ("192.0.2.0/24",)}, ADA, Reason.ALLOWED),
        ({"networks": ("10.0.0.0/8",)}, ADA, Reason.NETWORK_REFUSED),
        ({"networks": ("10.0.0.0/8",), "access": Access.PUBLIC}, ANONYMOUS, Reason.NETWORK_REFUSED),
        ({"users": frozenset({"ada"}), "roles": frozenset({"Admin"})}, ADA, Reason.ROLE_MISSING),
        ({"users": frozenset({"grace"}), "roles": frozenset({"Auditor"})}, ADA, Reason.USER_NOT_LISTED),
    ],
)
def test_all_that_a_rule_asks_for_must_hold(changes: dict[str, object], asker: Asker, reason: Reason) -> None:
    decision = Policy([a_rule(**changes)]).decide(FACTS, asker)

    assert (decision.reason, decision.rule) == (reason, "rule")
    assert bool(decision.remedy) is not decision.is_allowed


def test_a_caller_without_a_name_is_not_the_one_whose_name_is_empty() -> None:
    """A machine has no user name."""
    machine = Asker(CredentialKind.ACCESS_TOKEN, subject="robot")

    assert reason_of(machine, users=frozenset({"ada"})) is Reason.USER_NOT_LISTED
    assert reason_of(machine, users=frozenset({"robot"})) is Reason.ALLOWED


def test_an_unknown_address_is_in_no_network() -> None:
    assert reason_of(facts=replace(FACTS, address=None), networks=("0.0.0.0/0", "::/0")) is Reason.NETWORK_REFUSED


@pytest.mark.parametrize(
    ("changes", "asker", "remedy"),
    [
        ({"roles": frozenset({"Editor", "Admin"})}, ADA, "the role one of Admin, Editor"),
        ({"roles": frozenset({"Admin"})}, ADA, "the role Admin"),
        ({"scopes": frozenset({"x", "b", "mail"})}, ADA, "the scope b and x"),
        ({"users": frozenset({"grace"})}, ADA, "being grace"),
        ({"networks": ("10.0.0.0/8",)}, ADA, "a client address in 10.0.0.0/8"),
        ({"credentials": frozenset({CredentialKind.API_KEY})}, ADA, "a credential of the kind api_key"),
        ({}, ANONYMOUS, "signing in, or a credential"),
    ],
)
def test_a_denial_says_what_would_have_let_the_request_pass(
    changes: dict[str, object], asker: Asker, remedy: str
) -> None:
    assert Policy([a_rule(**changes)]).decide(FACTS, asker).remedy == remedy


# --- whatever the rules -----------------------------------------------------------------------------------------------

PATHS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "/ab"]
HOSTS = ["a.example.com", "b.example.com", "example.org"]
ROLES = st.frozensets(st.sampled_from(["Admin", "User", "Auditor"]), max_size=2)
SCOPES = st.frozensets(st.sampled_from(["r", "w"]), max_size=2)
RULES = st.lists(
    st.builds(
        Rule,
        name=st.uuids().map(str),
        access=st.sampled_from(Access),
        hosts=st.lists(st.sampled_from([*HOSTS, "*.example.com"]), max_size=2).map(tuple),
        paths=st.lists(st.sampled_from([*PATHS, "/**", "/a/**", "/a/b/**"]).map(PathPattern), max_size=2).map(tuple),
        methods=st.frozensets(st.sampled_from(["GET", "POST"]), max_size=1),
        roles=ROLES,
        users=st.frozensets(st.sampled_from(["ada", "grace"]), max_size=1),
        scopes=SCOPES,
        networks=st.lists(st.sampled_from(["10.0.0.0/8", "2001:db8::/32"]), max_size=1).map(tuple),
        credentials=st.frozensets(
            st.sampled_from([CredentialKind.SESSION, CredentialKind.API_KEY, CredentialKind.ACCESS_TOKEN]), max_size=2
        ),
    ),
    max_size=6,
)
REQUESTS = st.builds(
    RequestFacts,
    st.sampled_from(HOSTS),
    st.sampled_from(PATHS),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from([None, "10.1.2.3", "192.0.2.7", "2001:db8::1"]),
)
ASKERS = st.one_of(
    st.just(ANONYMOUS),
    st.builds(
        Asker,
        st.sampled_from([CredentialKind.SESSION, CredentialKind.API_KEY, CredentialKind.ACCESS_TOKEN]),
        subject=st.just("u"),
        username=st.sampled_from(["", "ada", "grace"]),
        roles=ROLES,
        scopes=SCOPES,
    ),
)


@given(RULES, REQUESTS, ASKERS)
@settings(max_examples=300)
def test_nothing_passes_without_a_rule_that_is_about_it_and_lets_it(
    rules: list[Rule], facts: RequestFacts, asker: Asker
) -> None:
    """Default deny, deny wins, first rule decides: said once more, in other words."""
    about = [rule for rule in rules if rule.is_about(facts)]

    decision = Policy(rules).decide(facts, asker)

    if any(rule.access is Access.DENY for rule in about):
        assert decision.reason is Reason.DENIED_BY_RULE
    elif not about:
        assert decision.reason is Reason.NO_RULE
    else:
        assert decision == about[0].judge(facts, asker)
        assert decision.is_allowed is _lets(about[0], facts, asker)
    assert decision.is_allowed or decision.remedy


def _lets(rule: Rule, facts: RequestFacts, asker: Asker) -> bool:
    """What the documentation says of a rule that does not deny."""
    in_network = not rule.networks or (facts.address or "").startswith(
        tuple({"10.0.0.0/8": "10.", "2001:db8::/32": "2001:db8:"}[network] for network in rule.networks)
    )
    if rule.access is Access.PUBLIC:
        return in_network
    return (
        in_network
        and asker is not ANONYMOUS
        and (not rule.credentials or asker.kind in rule.credentials)
        and (not rule.users or asker.username in rule.users)
        and (not rule.roles or bool(rule.roles & asker.roles))
        and rule.scopes <= asker.scopes
    )


@given(RULES, REQUESTS, ASKERS)
def test_one_more_rule_that_denies_lets_nobody_in(rules: list[Rule], facts: RequestFacts, asker: Asker) -> None:
    denying = Rule(name="more", access=Access.DENY, paths=(PathPattern("/a/**"),))

    for position in range(len(rules) + 1):
        changed = Policy([*rules[:position], denying, *rules[position:]]).decide(facts, asker)
        assert not changed.is_allowed or Policy(rules).decide(facts, asker).is_allowed


@given(RULES, REQUESTS, ASKERS, ROLES, SCOPES)
def test_who_holds_more_is_never_let_in_less(
    rules: list[Rule], facts: RequestFacts, asker: Asker, roles: frozenset[str], scopes: frozenset[str]
) -> None:
    more = replace(asker, roles=asker.roles | roles, scopes=asker.scopes | scopes)

    assert Policy(rules).decide(facts, more).is_allowed or not Policy(rules).decide(facts, asker).is_allowed


@given(RULES, REQUESTS)
def test_which_rule_decides_depends_on_the_request_alone(rules: list[Rule], facts: RequestFacts) -> None:
    """So no credential has to be looked at where a rule denies everybody, or lets everybody in."""
    rule = Policy(rules).rule_for(facts)

    for asker in (ANONYMOUS, ADA):
        decided = Policy(rules).decide(facts, asker).rule
        assert decided == (None if rule is None else rule.name)


# --- no spelling is a way around --------------------------------------------------------------------------------------

PROTECTED = ["/admin", "/admin/users", "/admin/users/1"]
GUARDED = Policy([
    Rule(name="admin", access=Access.SIGNED_IN, paths=(PathPattern("/admin/**"),), roles=frozenset({"Admin"})),
    Rule(name="rest", access=Access.PUBLIC),
])  # fmt: skip
_DOTS = ["/.", "/%2e", "/x/..", "/x/%2e%2e", "/x/.%2E", "/x/..%2f..", "/x;a/..", "/x/..;", "/x/..\\..", "/x%2f.."]


def spellings(count: int, seed: int) -> list[str]:
    """Targets that one service or another reads as a protected path."""
    choice = random.Random(seed)

    def letter(text: str) -> str:
        if text == "/":
            return choice.choice(["/"] * 16 + ["//", "/./", "%2f", "\\", "%5C"])
        code = f"{ord(text):02x}"
        return choice.choice([text] * 20 + [f"%{code}"] * 4 + [f"%{code.upper()}"] * 4 + [f"%25{code}"])

    found = []
    for _ in range(count):
        target = choice.choice(["", *_DOTS, *([""] * 10)]) + "".join(map(letter, choice.choice(PROTECTED)))
        tail = [
            "",
            "",
            "",
            "?x=1",
            "?/../public",
            "/",
            "//",
            "/.",
            "/..;/",
            ";a=b",
            "%3bx",
            "#x",
            "%23",
            "%00",
            "%20",
            "\\",
        ]
        target += choice.choice(tail)
        found.append(target)
    return found


def test_no_spelling_of_a_protected_path_reaches_the_rule_that_lets_everybody_in() -> None:
    """FA-09: each is read as what it protects, or not at all."""
    outcomes = {Reason.ROLE_MISSING: 0, Reason.REQUEST_UNCLEAR: 0}
    for target in spellings(20_000, seed=7):
        try:
            path = canonical_path(target)
        except UnclearRequest:
            outcomes[Reason.REQUEST_UNCLEAR] += 1
            continue
        outcomes[GUARDED.decide(replace(FACTS, path=path), ADA).reason] += 1

    assert set(outcomes) == {Reason.ROLE_MISSING, Reason.REQUEST_UNCLEAR}
    assert min(outcomes.values()) > 1_000


def test_neither_log_nor_traceback_shows_the_address_or_the_name_of_a_caller() -> None:
    assert "example.com" not in repr(replace(ADA, email="ada@example.com", name="ada of example.com"))
