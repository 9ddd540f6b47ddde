"""What an ID token says."""

from datetime import timedelta

import pytest
from paseport_shared.adapters.memory.clock import START
from paseport_shared.domain.models.id_token import RESERVED_CLAIMS, IdTokenClaims, UserClaim, access_token_hash


def claims(**user_claims: UserClaim) -> IdTokenClaims:
    return IdTokenClaims(
        issuer="https://auth.example.com",
        subject="alice",
        audience="a-client",
        expires_at=START + timedelta(minutes=5),
        issued_at=START,
        auth_time=START,
        authorized_party="a-client",
        at_hash="",
        amr=("pwd",),
        user_claims=user_claims,
    )


def test_the_access_token_hash_is_that_of_the_specification_s_example() -> None:
    """OIDC Core appendix A.3."""
    assert access_token_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize("name", sorted(RESERVED_CLAIMS))
def test_no_claim_about_a_user_replaces_one_of_the_token(name: str) -> None:
    """An administrator who could name a claim ``sub`` would sign somebody else in."""
    with pytest.raises(ValueError, match=name):
        claims(**{name: "mallory"})

    assert claims(email="alice@example.com").user_claims == {"email": "alice@example.com"}
