"""What a client may be, and a verifier: the rules for administrators and for the settings alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.client import (
    FIRST_PARTY_ONLY,
    OFFLINE_ACCESS,
    SCOPES,
    Client,
    ClientAuthMethod,
    ClientKind,
    GrantType,
    api_audience,
    userinfo_audience,
)
from paseport_shared.domain.models.client_registry import is_client_id
from paseport_shared.domain.models.redirect_uri import registration_problem

MAX_NAME: Final = 100
MAX_URIS: Final = 50
MAX_AUDIENCE: Final = 500
MIN_ACCESS_TOKEN_LIFETIME: Final = timedelta(seconds=30)
MIN_REFRESH_LIFETIME: Final = timedelta(seconds=60)
# An absolute URI without fragment (RFC 8707 §2), and nothing that two readers could read differently.
_AUDIENCE: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!$-)+-;=?-\[\]_a-z~]+")


class RegistrationRules(Protocol):
    """What those of one kind may be."""

    def completed(self, client: Client) -> Client:
        """Return the client with what follows from the rest."""
        ...

    def check(self, client: Client) -> None:
        """Raise ``ValidationFailed`` naming everything that is not acceptable."""
        ...


@dataclass(frozen=True, slots=True)
class ClientRules:
    """What an installation allows: no client's tokens live longer than its own."""

    issuer: str
    access_token_lifetime: timedelta
    refresh_lifetime: timedelta

    def completed(self, client: Client) -> Client:
        """Return the client with what follows from the rest: whom its tokens are for, and no secret if it is public."""
        audience = api_audience(self.issuer) if client.first_party else userinfo_audience(self.issuer)
        return replace(client, audience=audience, secrets=() if client.is_public else client.secrets)

    def check(self, client: Client) -> None:
        """Raise ``ValidationFailed`` naming everything that is not acceptable."""
        if problems := list(self.problems(client)):
            raise ValidationFailed(problems)

    def problems(self, client: Client) -> Iterator[FieldProblem]:
        """Yield what is wrong. No message repeats what was sent: it would stand in answers and logs (LG-21)."""
        if not is_client_id(client.client_id):
            yield FieldProblem(
                "client_id",
                "format",
                "Use 3 to 64 letters, digits, dots, dashes, underscores; a letter or a digit first; not a UUID.",
            )
        yield from _name(client.name)
        yield from _grants(client)
        yield from _scopes(client)
        yield from _uris(client)
        yield from self._audiences(client)
        yield from self._lifetimes(client)

    def _audiences(self, client: Client) -> Iterator[FieldProblem]:
        yield from _list_problems("audiences", client.audiences)
        own = {userinfo_audience(self.issuer)} | ({api_audience(self.issuer)} if client.first_party else set())
        for number, audience in enumerate(client.audiences, start=1):
            if audience == api_audience(self.issuer) and not client.first_party:
                yield FieldProblem("audiences", "first_party", f"Number {number} is for first-party clients only.")
            elif audience not in own:
                yield from _audience(audience, self.issuer, "audiences", f"Number {number}")

    def _lifetimes(self, client: Client) -> Iterator[FieldProblem]:
        for field, lifetime, low, high in (
            (
                "access_token_lifetime",
                client.access_token_lifetime,
                MIN_ACCESS_TOKEN_LIFETIME,
                self.access_token_lifetime,
            ),
            ("refresh_lifetime", client.refresh_lifetime, MIN_REFRESH_LIFETIME, self.refresh_lifetime),
        ):
            if lifetime is None:
                continue
            if not low <= lifetime <= high or lifetime % timedelta(seconds=1):
                bounds = f"{low // timedelta(seconds=1)} to {high // timedelta(seconds=1)}"
                yield FieldProblem(field, "range", f"Use {bounds} seconds, or leave it out.")


@dataclass(frozen=True, slots=True)
class VerifierRules:
    """What a registered verifier may be: a name and an audience, and nothing that OAuth gives a client."""

    issuer: str

    def completed(self, client: Client) -> Client:
        """Return the verifier without anything that it cannot have."""
        return Client(
            client.client_id,
            name=client.name,
            first_party=False,
            scope=(),
            audience=client.audience,
            auth_method=ClientAuthMethod.BASIC,
            secrets=client.secrets,
            source=client.source,
            kind=ClientKind.VERIFIER,
            revision=client.revision,
            created_at=client.created_at,
            updated_at=client.updated_at,
        )

    def check(self, client: Client) -> None:
        """Raise ``ValidationFailed`` naming everything that is not acceptable.

        An audience of the issuer's own is not: the tokens for it are keys to the issuer, and nobody else may take them.
        """
        problems = [*_name(client.name), *_audience(client.audience, self.issuer, "audience", "It")]
        if problems:
            raise ValidationFailed(problems)


def _audience(audience: str, issuer: str, field: str, subject: str) -> Iterator[FieldProblem]:
    if len(audience) > MAX_AUDIENCE or _AUDIENCE.fullmatch(audience) is None:
        yield FieldProblem(field, "format", f"{subject} must be an absolute URI without fragment and wildcard.")
    elif audience == issuer or audience.startswith(f"{issuer}/"):
        yield FieldProblem(field, "reserved", f"{subject} is a name of the issuer itself.")


def _name(name: str) -> Iterator[FieldProblem]:
    if not name.strip() or len(name) > MAX_NAME:
        yield FieldProblem("name", "length", f"Use 1 to {MAX_NAME} characters.")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        yield FieldProblem("name", "characters", "Leave out control characters.")


def _grants(client: Client) -> Iterator[FieldProblem]:
    grants = client.grants
    if client.is_public and not client.require_pkce:
        yield FieldProblem("require_pkce", "public", "A client without a secret always needs PKCE.")
    if client.is_public and GrantType.CLIENT_CREDENTIALS in grants:
        yield FieldProblem("grants", "public", "client_credentials needs a client with a secret.")
    if client.is_public and not grants:
        yield FieldProblem("grants", "required", "A client without a secret and without a grant can do nothing.")
    if GrantType.REFRESH_TOKEN in grants and GrantType.AUTHORIZATION_CODE not in grants:
        yield FieldProblem("grants", "combination", "refresh_token needs authorization_code.")


def _scopes(client: Client) -> Iterator[FieldProblem]:
    if not set(SCOPES).issuperset(client.scope):
        yield FieldProblem("scopes", "unknown", f"Use some of {', '.join(SCOPES)}.")
    if len(set(client.scope)) < len(client.scope):
        yield FieldProblem("scopes", "twice", "Name each scope once.")
    if not client.first_party and not FIRST_PARTY_ONLY.isdisjoint(client.scope):
        names = " and ".join(sorted(FIRST_PARTY_ONLY))
        yield FieldProblem("scopes", "first_party", f"{names} are for first-party clients only.")
    if OFFLINE_ACCESS in client.scope and GrantType.REFRESH_TOKEN not in client.grants:
        yield FieldProblem("scopes", "combination", "offline_access needs the grant refresh_token.")


def _uris(client: Client) -> Iterator[FieldProblem]:
    if GrantType.AUTHORIZATION_CODE in client.grants and not client.redirect_uris:
        yield FieldProblem("redirect_uris", "required", "authorization_code needs at least one redirect URI.")
    for field, uris in (
        ("redirect_uris", client.redirect_uris),
        ("post_logout_redirect_uris", client.post_logout_redirect_uris),
    ):
        yield from _list_problems(field, uris)
        for number, uri in enumerate(uris, start=1):
            if (problem := registration_problem(uri, client.application_type)) is not None:
                yield FieldProblem(field, "format", f"Number {number} {problem}.")


def _list_problems(field: str, values: tuple[str, ...]) -> Iterator[FieldProblem]:
    if len(values) > MAX_URIS:
        yield FieldProblem(field, "too_many", f"Use at most {MAX_URIS}.")
    if any(count > 1 for count in Counter(values).values()):
        yield FieldProblem(field, "twice", "Name each one once.")


def secret_problem(client: Client) -> FieldProblem | None:
    """Return what is wrong with the secrets of a client whose registration brings them along, or None."""
    if client.auth_method is ClientAuthMethod.NONE and client.secrets:
        return FieldProblem("secret", "public", "A client that authenticates with none has no secret.")
    if client.auth_method is not ClientAuthMethod.NONE and not client.secrets:
        return FieldProblem(
            "secret", "required", "This client authenticates with a secret; give secret or secret_sha256."
        )
    return None
