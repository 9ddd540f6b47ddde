import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.secret import Secret
from paseport_shared.domain.errors import WeakPassword
from paseport_shared.domain.models.password import MAX_LENGTH, MIN_LENGTH, check_new_password, normalise


def problems(password: str, *, username: str = "alice", email: str = "al.smith@example.com") -> list[str]:
    """The codes with which a new password of this user is refused."""
    try:
        check_new_password(Secret(password), username=username, email=email)
    except WeakPassword as refusal:
        return [problem.code for problem in refusal.problems if problem.field == "password"]
    return []


@pytest.mark.parametrize(
    "password",
    ["x" * MIN_LENGTH, "x" * MAX_LENGTH, "correct horse battery staple", "пароль из слов", " " * 15, "🐴🔋" * 8],
)
def test_a_user_may_choose_any_long_password(password: str) -> None:
    """NIST SP 800-63B-4 §3.1.1: length, no composition rules."""
    assert problems(password.ljust(MIN_LENGTH, "…")) == []


def test_a_password_below_or_above_the_bounds_is_refused() -> None:
    assert problems("x" * (MIN_LENGTH - 1)) == ["too_short"]
    assert problems("") == ["too_short"]
    assert problems("x" * (MAX_LENGTH + 1)) == ["too_long"]


def test_the_length_is_counted_as_the_password_is_hashed() -> None:
    """LG-08: one ligature is three characters after NFKC, a decomposed letter is one."""
    assert problems("ﬃ" * 5) == []
    assert problems("e\u0301" * 8) == ["too_short"]


@pytest.mark.parametrize(
    "password",
    [
        "alice and her password",
        "my name is ALICE, yes",
        "ａｌｉｃｅ and her password",
        "I am al.smith, by the way",
        "write to Al.Smith@Example.com now",
    ],
)
def test_a_password_that_contains_the_users_names_is_refused(password: str) -> None:
    assert problems(password) == ["contains_name"]


def test_names_too_short_to_matter_may_occur() -> None:
    assert problems("bob built a boat by the sea", username="bob", email="bo@example.com") == []


def test_all_problems_are_named_at_once() -> None:
    assert problems("alice") == ["too_short", "contains_name"]


def test_a_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(WeakPassword) as refusal:
        check_new_password(Secret("alice-canary"), username="alice", email="a@example.com")

    assert "canary" not in f"{refusal.value!r} {refusal.value.reason} {refusal.value.problems}"


@given(st.text(max_size=40))
def test_every_keyboard_spells_a_password_alike(text: str) -> None:
    """LG-08."""
    once = normalise(Secret(text))

    assert normalise(once) == once


def test_case_and_spaces_of_a_password_are_kept() -> None:
    assert normalise(Secret("  Correct  Horse ")).reveal() == "  Correct  Horse "
