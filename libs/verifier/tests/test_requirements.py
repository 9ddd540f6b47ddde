"""What a caller must hold."""

from dataclasses import replace

import pytest
from paseport.claims import Claims
from paseport.errors import InsufficientRole, InsufficientScope
from paseport.principal import Principal
from paseport.requirements import require_roles, require_scopes, roles_of, scopes_of


@pytest.fixture
def alice(user_claims: Claims) -> Principal:
    return Principal(replace(user_claims, scope=("openid", "reports")), "alice", frozenset({"User", "Auditor"}))


def test_all_of_several_scopes_are_needed(alice: Principal) -> None:
    require_scopes(alice, "reports", "openid")

    with pytest.raises(InsufficientScope) as refused:
        require_scopes(alice, "reports", "admin")
    assert refused.value.required == "reports admin"


def test_any_of_several_roles_is_enough(alice: Principal) -> None:
    require_roles(alice, "Admin", "Auditor")

    with pytest.raises(InsufficientRole):
        require_roles(alice, "Admin", "Owner")


@pytest.mark.parametrize("scope", ["Reports", "report", "reports:read"])
def test_a_scope_that_is_only_similar_does_not_count(alice: Principal, scope: str) -> None:
    with pytest.raises(InsufficientScope):
        require_scopes(alice, scope)


@pytest.mark.parametrize("role", ["user", "USER", "Use", "User "])
def test_a_role_that_is_only_similar_does_not_count(alice: Principal, role: str) -> None:
    with pytest.raises(InsufficientRole):
        require_roles(alice, role)


def test_a_check_that_names_nothing_is_a_mistake_and_no_permission(alice: Principal) -> None:
    with pytest.raises(ValueError, match="at least one scope"):
        require_scopes(alice)
    with pytest.raises(ValueError, match="at least one role"):
        require_roles(alice)


def test_an_empty_role_is_a_mistake() -> None:
    """A setting that was left empty, split at its commas."""
    with pytest.raises(ValueError, match="role"):
        roles_of(["Admin", ""])


@pytest.mark.parametrize("scope", ["", "two words", 'a"b', "a\\b", "a\r\nb", "ä"])
def test_what_is_no_scope_is_refused_when_the_guard_is_made(scope: str) -> None:
    """RFC 6749 §3.3."""
    with pytest.raises(ValueError, match="scope"):
        scopes_of(["reports", scope])


def test_a_single_string_is_not_taken_for_its_letters() -> None:
    """Whoever holds a role called A would pass for an Admin."""
    with pytest.raises(TypeError, match="roles"):
        roles_of("Admin")
    with pytest.raises(TypeError, match="scopes"):
        scopes_of("reports")
