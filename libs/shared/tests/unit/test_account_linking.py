"""Whose an external identity is: every cell of the table (OIDC Core §5.7, XI-08, XI-10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from paseport_shared.domain.models.account_linking import (
    AlreadyTheirs,
    CreateAccount,
    Decision,
    LinkTo,
    ProveFirst,
    Refused,
    SignInAs,
    TakenByAnother,
    decide,
    proves_ownership,
)
from paseport_shared.domain.models.identity_provider import ClaimMapping, IdentityProvider, ProviderKind, TrustEmail
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.user import User

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = "alice@example.com"
OWNER, OTHER = UUID(int=1), UUID(int=2)


def a_provider(**changes: object) -> IdentityProvider:
    provider = IdentityProvider(
        id=UUID(int=9),
        name="corp",
        display_name="Corp",
        kind=ProviderKind.OIDC,
        issuer="https://idp.example.com",
        client_id="paseport",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(provider, **changes)  # type: ignore[arg-type] - a test may replace any field


def an_identity(email: str | None = ADDRESS, *, claimed: bool = False) -> ExternalIdentity:
    return ExternalIdentity(
        namespace="https://idp.example.com", subject="a-subject", email=email, email_claimed_verified=claimed
    )


def a_user(user_id: UUID = OWNER, *, email: str = ADDRESS, verified: bool = False, built_in: bool = False) -> User:
    return User(
        id=user_id,
        username=f"user-{user_id.int}",
        email=email,
        display_name=None,
        password_hash="{bcrypt}…",
        roles=frozenset({"User"}),
        disabled=False,
        built_in=built_in,
        version=1,
        revision=1,
        created_at=NOW,
        updated_at=NOW,
        email_verified=verified,
    )


# What the provider said of the address, and what it is trusted with: is the address proven?
PROVEN = {
    ("said true", TrustEmail.NEVER): False,
    ("said true", TrustEmail.CLAIM): True,
    ("said true", TrustEmail.ALWAYS): True,
    ("not said", TrustEmail.NEVER): False,
    ("not said", TrustEmail.CLAIM): False,
    ("not said", TrustEmail.ALWAYS): True,
}

# (address proven, local account with the address, identity linked to, who links) → what happens.
# "owner" has the address, "other" is somebody else; nobody links where somebody just signs in.
CELLS: dict[tuple[bool, str, str, str], Decision] = {
    # Nobody has the address.
    (True, "none", "nobody", "nobody"): CreateAccount(ADDRESS, email_verified=True),
    (False, "none", "nobody", "nobody"): CreateAccount(ADDRESS, email_verified=False),
    (True, "none", "other", "nobody"): SignInAs(OTHER),
    (False, "none", "other", "nobody"): SignInAs(OTHER),
    (True, "none", "nobody", "other"): LinkTo(OTHER, claims_ownership=False),
    (False, "none", "nobody", "other"): LinkTo(OTHER, claims_ownership=False),
    (True, "none", "other", "other"): AlreadyTheirs(),
    (False, "none", "other", "other"): AlreadyTheirs(),
    # An account has it, and nobody knows whether it is the mailbox owner's (it may be pre-hijacked).
    (True, "unverified", "nobody", "nobody"): ProveFirst(OWNER),
    (False, "unverified", "nobody", "nobody"): ProveFirst(OWNER),
    (True, "unverified", "owner", "nobody"): SignInAs(OWNER),
    (False, "unverified", "owner", "nobody"): SignInAs(OWNER),
    (True, "unverified", "other", "nobody"): SignInAs(OTHER),
    (False, "unverified", "other", "nobody"): SignInAs(OTHER),
    (True, "unverified", "nobody", "owner"): LinkTo(OWNER, claims_ownership=True),
    (False, "unverified", "nobody", "owner"): LinkTo(OWNER, claims_ownership=False),
    (True, "unverified", "owner", "owner"): AlreadyTheirs(),
    (False, "unverified", "owner", "owner"): AlreadyTheirs(),
    (True, "unverified", "other", "owner"): TakenByAnother(),
    (False, "unverified", "other", "owner"): TakenByAnother(),
    (True, "unverified", "nobody", "other"): LinkTo(OTHER, claims_ownership=False),
    (False, "unverified", "nobody", "other"): LinkTo(OTHER, claims_ownership=False),
    (True, "unverified", "owner", "other"): TakenByAnother(),
    (False, "unverified", "owner", "other"): TakenByAnother(),
    (True, "unverified", "other", "other"): AlreadyTheirs(),
    (False, "unverified", "other", "other"): AlreadyTheirs(),
    # An account has it that is known to be the mailbox owner's.
    (True, "verified", "nobody", "nobody"): LinkTo(OWNER, claims_ownership=False),
    (False, "verified", "nobody", "nobody"): ProveFirst(OWNER),
    (True, "verified", "owner", "nobody"): SignInAs(OWNER),
    (False, "verified", "owner", "nobody"): SignInAs(OWNER),
    (True, "verified", "other", "nobody"): SignInAs(OTHER),
    (False, "verified", "other", "nobody"): SignInAs(OTHER),
    (True, "verified", "nobody", "owner"): LinkTo(OWNER, claims_ownership=False),
    (False, "verified", "nobody", "owner"): LinkTo(OWNER, claims_ownership=False),
    (True, "verified", "owner", "owner"): AlreadyTheirs(),
    (False, "verified", "owner", "owner"): AlreadyTheirs(),
    (True, "verified", "other", "owner"): TakenByAnother(),
    (False, "verified", "other", "owner"): TakenByAnother(),
    (True, "verified", "nobody", "other"): LinkTo(OTHER, claims_ownership=False),
    (False, "verified", "nobody", "other"): LinkTo(OTHER, claims_ownership=False),
    (True, "verified", "owner", "other"): TakenByAnother(),
    (False, "verified", "owner", "other"): TakenByAnother(),
    (True, "verified", "other", "other"): AlreadyTheirs(),
    (False, "verified", "other", "other"): AlreadyTheirs(),
}


def test_the_table_has_every_cell() -> None:
    """Without an account that has the address, nothing can be linked to its owner, and its owner links nothing."""
    cells = {
        (proven, local, linked, linking)
        for proven in (True, False)
        for local in ("none", "unverified", "verified")
        for linked in ("nobody", "owner", "other")
        for linking in ("nobody", "owner", "other")
        if local != "none" or "owner" not in (linked, linking)
    }

    assert cells == CELLS.keys()


@pytest.mark.parametrize(("said", "trust"), PROVEN)
@pytest.mark.parametrize(("local", "linked", "linking"), sorted({cell[1:] for cell in CELLS}))
def test_each_cell_is_decided_as_the_table_says(
    said: str, trust: TrustEmail, local: str, linked: str, linking: str
) -> None:
    """What the provider says × what it is trusted with × local account × link × who asks."""
    ids = {"nobody": None, "owner": OWNER, "other": OTHER}
    users = {
        "nobody": None,
        "owner": a_user(verified=local == "verified"),
        "other": a_user(OTHER, email="other@example.com", verified=True),
    }

    decision = decide(
        a_provider(trust_email=trust),
        an_identity(claimed=said == "said true"),
        linked_to=ids[linked],
        same_email=None if local == "none" else users["owner"],
        linking=users[linking],
    )

    assert decision == CELLS[PROVEN[said, trust], local, linked, linking]


def test_an_address_that_changes_at_the_provider_opens_no_other_account() -> None:
    """nOAuth: in Entra anybody with a tenant writes the victim's address into an account of their own."""
    entra = a_provider(trust_email=TrustEmail.NEVER, claims=ClaimMapping(subject=("tid", "oid")))
    victim = a_user(verified=True)

    decision = decide(entra, an_identity(claimed=True), linked_to=None, same_email=victim, linking=None)

    assert decision == ProveFirst(victim.id)


def test_whoever_is_linked_stays_so_whatever_their_address_is_now() -> None:
    """OIDC Core §5.7: only issuer and subject name somebody."""
    decision = decide(
        a_provider(),
        an_identity("somebody-else@example.com", claimed=True),
        linked_to=OWNER,
        same_email=a_user(OTHER, email="somebody-else@example.com", verified=True),
        linking=None,
    )

    assert decision == SignInAs(OWNER)


@pytest.mark.parametrize("linking", [None, a_user(OTHER, email="other@example.com")])
@pytest.mark.parametrize(
    ("email", "claimed", "trust"),
    [
        ("alice@example.org", True, TrustEmail.CLAIM),
        ("alice@sub.example.com", True, TrustEmail.CLAIM),
        ("alice@notexample.com", True, TrustEmail.ALWAYS),
        (ADDRESS, False, TrustEmail.CLAIM),
        (None, True, TrustEmail.ALWAYS),
    ],
)
def test_only_a_proven_address_of_an_allowed_domain_may_come_in(
    email: str | None, claimed: bool, trust: TrustEmail, linking: User | None
) -> None:
    """Not a subdomain, not a suffix, not an address that the provider does not vouch for: linked or not."""
    provider = a_provider(allowed_domains=("example.com",), trust_email=trust)

    for linked_to in (None, OWNER):
        decision = decide(
            provider, an_identity(email, claimed=claimed), linked_to=linked_to, same_email=None, linking=linking
        )

        assert isinstance(decision, Refused)


def test_a_proven_address_of_an_allowed_domain_comes_in_in_any_case() -> None:
    """Domains are compared without regard to case (RFC 1035 §2.3.3)."""
    provider = a_provider(allowed_domains=("example.com",))

    decision = decide(
        provider, an_identity("Alice@Example.COM", claimed=True), linked_to=None, same_email=None, linking=None
    )

    assert decision == CreateAccount("Alice@Example.COM", email_verified=True)


def test_a_provider_that_makes_no_accounts_makes_none() -> None:
    """Only those who are here already may use it."""
    decision = decide(
        a_provider(create_users=False), an_identity(claimed=True), linked_to=None, same_email=None, linking=None
    )

    assert isinstance(decision, Refused)


def test_nobody_without_an_address_gets_an_account() -> None:
    """Every account has one."""
    decision = decide(a_provider(), an_identity(None), linked_to=None, same_email=None, linking=None)

    assert isinstance(decision, Refused)


def test_a_built_in_account_is_never_anybodys() -> None:
    """Its address is one that nobody has, whatever a provider says."""
    built_in = a_user(verified=True, built_in=True)

    decision = decide(a_provider(), an_identity(claimed=True), linked_to=None, same_email=built_in, linking=None)

    assert isinstance(decision, Refused)


@pytest.mark.parametrize(
    ("email", "claimed", "verified", "proves"),
    [
        (ADDRESS, True, False, True),
        ("ALICE@example.com", True, False, True),
        (ADDRESS, False, False, False),
        ("other@example.com", True, False, False),
        (None, True, False, False),
        (ADDRESS, True, True, False),
    ],
)
def test_ownership_is_proven_by_the_proven_address_of_an_account_of_which_it_was_not_known(
    email: str | None, claimed: bool, verified: bool, proves: bool
) -> None:
    """Otherwise linking changes nothing else of the account."""
    user = a_user(verified=verified)

    assert proves_ownership(a_provider(), an_identity(email, claimed=claimed), user) is proves
