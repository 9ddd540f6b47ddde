"""User names for people who come from identity providers, whatever those call them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.new_username import MAX_SUFFIX, display_name_for, username_for
from paseport_shared.domain.models.profile import check_profile

TEXT = st.text(max_size=300)


def identity(username: str | None = None, email: str | None = None, name: str | None = None) -> ExternalIdentity:
    return ExternalIdentity(namespace="https://idp.example.com", subject="1", username=username, email=email, name=name)


@pytest.mark.parametrize(
    ("username", "email", "expected"),
    [
        ("alice", "a.liddell@example.com", "alice"),
        ("alice@corp.example", None, "alice"),
        ("Alice Liddell", None, "AliceLiddell"),
        (None, "a.liddell@example.com", "a.liddell"),
        ("@@", "a.liddell@example.com", "a.liddell"),
        ("\u202e \x00", None, "user"),
        (None, None, "user"),
        ("ａｌｉｃｅ＠corp", None, "alice"),
        ("x" * 200, None, "x" * 57),
    ],
)
def test_a_name_is_what_the_provider_calls_somebody_as_far_as_it_can_be_one(
    username: str | None, email: str | None, expected: str
) -> None:
    assert username_for(identity(username, email)) == expected


@given(username=st.none() | TEXT, local_part=st.none() | TEXT, name=st.none() | TEXT, suffix=st.booleans())
def test_whatever_a_provider_says_a_profile_comes_of_it(
    username: str | None, local_part: str | None, name: str | None, suffix: bool
) -> None:
    somebody = identity(username, None if local_part is None else f"{local_part}@example.com", name)

    found = username_for(somebody, "x" * MAX_SUFFIX if suffix else "")

    check_profile(username=found, email="a@example.com", display_name=display_name_for(somebody), roles=())
