"""Whose an external identity is, or becomes: every case in one place (OIDC Core §5.7).

The attacks that this table is written against: an address that its owner does not control (nOAuth), an account that
somebody opens in another's name before that other arrives (pre-hijacking), and a victim led to an attacker's answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.user import User


@dataclass(frozen=True, slots=True)
class SignInAs:
    """The identity is linked: it signs its user in."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class LinkTo:
    """The identity becomes this user's. ``claims_ownership``: see ``proves_ownership``."""

    user_id: UUID
    claims_ownership: bool


@dataclass(frozen=True, slots=True)
class ProveFirst:
    """Somebody has this address here: whoever proves to be them links the identity."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """Nobody is meant: a new account. ``email_verified`` is what it starts with."""

    email: str
    email_verified: bool


@dataclass(frozen=True, slots=True)
class AlreadyTheirs:
    """The identity is linked to whoever wants to link it: nothing to do."""


@dataclass(frozen=True, slots=True)
class TakenByAnother:
    """The identity is linked to somebody else, and stays so: no identity ever moves silently."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody can be signed in. ``reason`` is for the log."""

    reason: str


Decision = SignInAs | LinkTo | ProveFirst | CreateAccount | AlreadyTheirs | TakenByAnother | Refused


def decide(
    provider: IdentityProvider,
    identity: ExternalIdentity,
    *,
    linked_to: UUID | None,
    same_email: User | None,
    linking: User | None,
) -> Decision:
    """Return what becomes of an identity.

    ``linked_to`` is whose it is by now. ``same_email`` is the local account with its address. ``linking`` is who asked,
    signed in and freshly so, to link it; None where somebody signs in. A session that the browser happens to have is
    no argument: whoever was led here may have one (XI-03).
    """
    verified = identity.has_verified_email(provider)
    if provider.allowed_domains and not (verified and _is_in(identity.email, provider.allowed_domains)):
        return Refused("the address is in none of the provider's domains, or not verified")
    if linking is not None:
        if linked_to is None:
            return LinkTo(linking.id, proves_ownership(provider, identity, linking))
        return AlreadyTheirs() if linked_to == linking.id else TakenByAnother()
    if linked_to is not None:
        return SignInAs(linked_to)
    if same_email is not None:
        if same_email.built_in:
            return Refused("a built-in account has this address")
        if verified and same_email.email_verified:
            return LinkTo(same_email.id, claims_ownership=False)
        return ProveFirst(same_email.id)
    if not provider.create_users:
        return Refused("no account has this identity or this address, and the provider makes none")
    if identity.email is None:
        return Refused("the provider gave no address that an account could have")
    return CreateAccount(identity.email, verified)


def proves_ownership(provider: IdentityProvider, identity: ExternalIdentity, user: User) -> bool:
    """Say whether linking shows for the first time who owns the mailbox of an account.

    Until then anybody may have opened that account in the owner's name. What they know or hold ends with it: the old
    password, other identities, sessions.
    """
    return (
        not user.email_verified
        and identity.email is not None
        and identity.has_verified_email(provider)
        and identity.email.casefold() == user.canonical_email
    )


def _is_in(email: str | None, domains: tuple[str, ...]) -> bool:
    # An address has one @ (profile.py), so what follows it is its domain in every reading.
    return email is not None and email.rpartition("@")[2].lower() in domains
