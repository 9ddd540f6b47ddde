"""What a provider's claims say of somebody: nothing that is not there, nobody by another one's name. XI-08, XI-10."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oidc_support import a_provider
from paseport_shared.adapters.oidc.claims import (
    MAX_GROUP,
    MAX_GROUPS,
    find,
    lacks_a_claim,
    map_email,
    map_identity,
    map_subject,
    primary_email,
)
from paseport_shared.adapters.oidc.wire import Unreadable, read_object, read_time, shown
from paseport_shared.domain.errors import ProviderAnswerRefused, ValidationFailed
from paseport_shared.domain.models.identity_provider import ClaimMapping, GroupRole
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.profile import MAX_DISPLAY_NAME, MAX_USERNAME, check_profile

NAMES = st.sampled_from(["sub", "tid", "oid", "email", "email_verified", "name", "preferred_username", "groups", "a"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.dictionaries(NAMES, JSON), min_size=1, max_size=2)
PARTS = st.from_regex(r"[A-Za-z0-9_.-]{1,40}", fullmatch=True)
ENTRA = ClaimMapping(subject=("tid", "oid"), groups="groups")


def identify(*documents: dict[str, Any], **provider: Any) -> ExternalIdentity:
    registered = a_provider(**provider)
    return map_identity(registered, documents, map_email(registered, documents))


# --- who it is --------------------------------------------------------------------------------------------------------


@given(DOCUMENTS, st.sampled_from([ClaimMapping(), ENTRA, ClaimMapping(subject=("a.sub",), groups="a.groups")]))
def test_whatever_a_provider_says_is_somebody_sane_or_nobody(
    documents: list[dict[str, Any]], mapping: ClaimMapping
) -> None:
    try:
        identity = identify(*documents, claims=mapping)
    except ProviderAnswerRefused:
        return

    assert 1 <= len(identity.subject) <= 255
    assert identity.groups is None or all(len(group) <= MAX_GROUP for group in identity.groups)
    for text, longest in ((identity.name, MAX_DISPLAY_NAME), (identity.username, MAX_USERNAME)):
        assert text is None or 1 <= len(text) <= longest
        assert text is None or not any(unicodedata.category(character)[0] == "C" for character in text)
    assert not identity.email_claimed_verified or identity.email is not None
    if identity.email is not None:
        check_profile(username="x", email=identity.email, display_name=None, roles=())


@given(st.tuples(PARTS, PARTS), st.tuples(PARTS, PARTS))
def test_two_people_never_have_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Parts are joined, so what joins them is in none of them."""
    names = ("tid", "oid")
    subjects = [map_subject([dict(zip(names, person, strict=True))], names) for person in (one, other)]

    assert (subjects[0] == subjects[1]) == (one == other)


@pytest.mark.parametrize("part", ["", "a:b", "a b", "ä", "a\n", "x" * 129, None, True, 1.5, {}, ["a"], " a"])
def test_a_part_that_could_reach_into_another_is_refused(part: object) -> None:
    with pytest.raises(ProviderAnswerRefused):
        map_subject([{"tid": "t", "oid": part}], ("tid", "oid"))


def test_three_long_parts_are_too_long() -> None:
    with pytest.raises(ProviderAnswerRefused):
        map_subject([dict.fromkeys("abc", "x" * 128)], tuple("abc"))


@pytest.mark.parametrize(("value", "subject"), [(0, "0"), (583231, "583231"), (-1, "-1"), (2**63, str(2**63))])
def test_a_number_is_written_out(value: int, subject: str) -> None:
    assert map_subject([{"id": value}], ("id",)) == subject


@given(st.floats() | st.booleans() | st.none() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_what_is_neither_text_nor_whole_number_names_nobody(value: object) -> None:
    with pytest.raises(ProviderAnswerRefused):
        map_subject([{"sub": value}], ("sub",))


def test_what_the_id_token_says_userinfo_cannot_change() -> None:
    identity = identify({"sub": "a", "name": "A"}, {"sub": "a", "name": "B", "preferred_username": "b"})

    assert (identity.name, identity.username) == ("A", "b")


def test_a_session_is_one_of_the_id_token() -> None:
    identity = identify({"sub": "a"}, {"sub": "a", "sid": "x", "auth_time": 5})

    assert (identity.session_id, identity.auth_time) == (None, None)


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a": {"b": 2}}, "a.b", 2),
        ({"a": {"b.c": 3}}, "a.b.c", 3),
        ({"https://example.com/groups": ["g"]}, "https://example.com/groups", ["g"]),
        ({"a": {"b": {"c": 4}}}, "a.b.c", 4),
        ({"a": "text"}, "a.b", None),
        ({"a": [{"b": 1}]}, "a.0.b", None),
        ({"a": None}, "a", None),
        ({}, "a", None),
        ({"": {"": 5}}, ".", 5),
    ],
)
def test_a_dot_leads_into_an_object_unless_it_is_part_of_a_name(
    document: dict[str, Any], path: str, value: object
) -> None:
    assert find([document], path) == value


@pytest.mark.parametrize(
    "missing", ["sub", "email", "email_verified", "name", "preferred_username", "realm_access", None]
)
def test_userinfo_is_worth_asking_for_where_a_claim_is_missing(missing: str | None) -> None:
    claims: dict[str, Any] = {
        "sub": "a",
        "email": "a@example.com",
        "email_verified": False,
        "name": "A",
        "preferred_username": "a",
        "realm_access": {"roles": []},
    }
    claims.pop(missing or "", None)

    assert lacks_a_claim(a_provider(claims=ClaimMapping(groups="realm_access.roles")), claims) == (missing is not None)


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "email",
    [
        "a@evil@corp.example",
        '"a b"@example.com',
        '"alice@corp.example"@evil.example',
        " alice@example.com",
        "alice@example.com ",
        "alice@example.com\n",
        "alice@exämple.com",
        "älice@example.com",
        "alice@[127.0.0.1]",
        "alice@localhost",
        "alice",
        "@example.com",
        "alice@example.com\x00",
        "<alice@example.com>",
        "alice@example.com,bob@example.com",
        "x" * 65 + "@example.com",
        "alice@" + "x." * 150 + "example.com",
        ["alice@example.com"],
        {"email": "alice@example.com"},
        True,
        5,
        "",
    ],
)
def test_an_address_that_is_not_one_as_it_stands_is_none(email: object) -> None:
    """XI-10: whoever repairs an address decides whose it is."""
    identity = identify({"sub": "a", "email": email, "email_verified": True})

    assert (identity.email, identity.email_claimed_verified) == (None, False)


@pytest.mark.parametrize("verified", [False, None, "true", "True", 1, 1.0, [], [True], {"a": True}, "yes"])
def test_nothing_but_true_is_true(verified: object) -> None:
    """XI-08: Entra, adapters and Apple once upon a time send texts."""
    identity = identify({"sub": "a", "email": "a@example.com", "email_verified": verified})

    assert (identity.email, identity.email_claimed_verified) == ("a@example.com", False)


@given(st.emails())
def test_an_address_is_taken_as_it_stands_or_not_at_all(address: str) -> None:
    identity = identify({"sub": "a", "email": address, "email_verified": True})

    try:
        check_profile(username="x", email=address, display_name=None, roles=())
    except ValidationFailed:
        assert identity.email is None
    else:
        assert (identity.email, identity.email_claimed_verified) == (address, True)


@given(st.lists(JSON, max_size=5))
def test_any_list_has_one_primary_address_or_none(listed: list[Any]) -> None:
    assert primary_email(listed).address is None


@pytest.mark.parametrize("name", ["Al\x00ice\r\n", "Al\u200b\u202eice", "\ufeffAlice", " Alice "])
def test_names_are_shown_without_what_cannot_be_seen(name: str) -> None:
    assert identify({"sub": "a", "name": name}).name == "Alice"


@pytest.mark.parametrize("name", ["", " ", "\x00", 5, True, ["Alice"], {"name": "Alice"}])
def test_what_is_no_name_is_none(name: object) -> None:
    identity = identify({"sub": "a", "name": name, "preferred_username": name})

    assert (identity.name, identity.username) == (None, None)


# --- groups -----------------------------------------------------------------------------------------------------------

GROUPS = ClaimMapping(groups="groups")
ROLES = (GroupRole("admins", "Admin"),)


@pytest.mark.parametrize(
    ("stated", "groups"),
    [
        (["a", "b", "a"], {"a", "b"}),
        ("a", {"a"}),
        ("a b", {"a b"}),
        ([], set()),
        (None, None),
        (["x" * MAX_GROUP], {"x" * MAX_GROUP}),
        ([str(number) for number in range(MAX_GROUPS)], {str(number) for number in range(MAX_GROUPS)}),
    ],
)
def test_groups_are_a_list_of_texts(stated: object, groups: set[str] | None) -> None:
    assert identify({"sub": "a", "groups": stated}, claims=GROUPS, group_roles=ROLES).groups == groups


@pytest.mark.parametrize(
    "stated",
    [
        [1],
        [None],
        [["a"]],
        {"a": True},
        5,
        True,
        ["x" * (MAX_GROUP + 1)],
        "x" * (MAX_GROUP + 1),
        ["a"] * (MAX_GROUPS + 1),
    ],
    ids=lambda stated: str(stated)[:20],
)
def test_groups_that_are_something_else_are_refused(stated: object) -> None:
    """Somebody would keep, or lose, roles by a list that was misread."""
    with pytest.raises(ProviderAnswerRefused):
        identify({"sub": "a", "groups": stated}, claims=GROUPS, group_roles=ROLES)


def test_groups_that_nobody_mapped_are_not_looked_at() -> None:
    assert identify({"sub": "a", "groups": [1]}).groups is None


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example.com"}}},
        {"hasgroups": True},
        {"hasgroups": "true"},
        {"_claim_names": {"groups": "src1"}, "groups": ["a"]},
    ],
    ids=str,
)
def test_groups_that_are_elsewhere_are_not_taken_for_none(elsewhere: dict[str, Any]) -> None:
    """Entra's overage: with more than 200 groups a token has none, and everybody would lose their roles."""
    with pytest.raises(ProviderAnswerRefused) as refused:
        identify({"sub": "a", **elsewhere}, claims=GROUPS, group_roles=ROLES)

    assert "overage" in refused.value.reason
    assert identify({"sub": "a", **elsewhere}).subject == "a"


def test_other_claims_that_are_elsewhere_are_no_matter() -> None:
    claims = {"sub": "a", "groups": ["a"], "_claim_names": {"address": "src1"}, "hasgroups": False}

    assert identify(claims, claims=GROUPS, group_roles=ROLES).groups == {"a"}


# --- what is read, and what is shown ----------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), JSON))
def test_a_document_is_what_its_author_meant(document: dict[str, Any]) -> None:
    assert read_object(json.dumps(document).encode()) == json.loads(json.dumps(document))


@given(st.binary(max_size=200))
def test_junk_is_unreadable(junk: bytes) -> None:
    try:
        document = read_object(junk)
    except Unreadable:
        return
    assert document == json.loads(junk)


@given(st.text(max_size=500))
def test_what_is_shown_is_one_short_line(text: str) -> None:
    assert shown(text).isascii()
    assert shown(text).isprintable()
    assert len(shown(text)) <= 200


@pytest.mark.parametrize(
    "value",
    [None, True, "5", -1, 253_402_300_800, float("inf"), float("nan"), [5], 10**400],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_time(value: object) -> None:
    assert read_time(value) is None
