"""What an OpenID provider says about itself (OpenID Connect Discovery §3, §4).

Authlib judges the members that are relied on (presence, https, arrays). Not so all others: a provider may write what it
likes about things that are not used, and widely used ones do. What Authlib does not see is checked here: that https
means https whatever the environment says, that an address can be read in one way, that strings are strings, and that
the issuer is the one that was asked (§4.3). Where it is stricter than is good, it is not asked: a provider that signs
with ES256 alone is fine, although RS256 is mandatory to offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from authlib.oidc.discovery import (  # type: ignore[import-untyped]  # Authlib ships no types
    OpenIDProviderMetadata,
    get_well_known_url,
)

from paseport_shared.adapters.oidc.wire import shown
from paseport_shared.domain.models.outbound_url import parse_url

ALGORITHMS: Final = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in ("256", "384", "512")
) | frozenset({"EdDSA"})
"""What an ID token may be signed with. Never ``none``, and never a secret that both sides know."""
_REQUIRED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL: Final = ("userinfo_endpoint", "end_session_endpoint")


class UnusableMetadata(Exception):
    """The metadata cannot be used. The message is a sentence's end for an administrator; ``check`` is what failed."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """What is relied on of a provider's metadata. None where it announces nothing about something.

    ``algorithms`` are those that it announces and we accept.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: frozenset[str]
    names_itself: bool
    """Whether each answer has its ``iss`` (RFC 9207 §3)."""
    scopes: tuple[str, ...] | None
    response_modes: tuple[str, ...] | None
    challenge_methods: tuple[str, ...] | None
    auth_methods: tuple[str, ...] | None


class _ReliedOn(OpenIDProviderMetadata):  # type: ignore[misc]  # Authlib ships no types
    """Authlib's rules for the members that are relied on, and for no others."""

    REGISTRY_KEYS: ClassVar = [
        *_REQUIRED,
        "scopes_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
    ]


def metadata_url(issuer: str) -> str:
    """Return where an issuer's metadata is: below its path, without a slash at its end (OIDC Discovery §4.1)."""
    return str(get_well_known_url(issuer, external=True))


def read_metadata(document: Mapping[str, Any], issuer: str) -> ProviderMetadata:
    """Return the metadata of the provider that was asked for. Raises ``UnusableMetadata``."""
    _check_members(document)
    if document["issuer"] != issuer:
        raise UnusableMetadata("issuer", f"the provider calls itself {shown(document['issuer'])}")
    for name in (*_REQUIRED, *_OPTIONAL):
        if name in _REQUIRED or document.get(name) is not None:
            _check_endpoint(name, document.get(name))
    announced = _strings(document, "id_token_signing_alg_values_supported")
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        userinfo_endpoint=document.get("userinfo_endpoint"),
        end_session_endpoint=document.get("end_session_endpoint"),
        algorithms=ALGORITHMS if announced is None else ALGORITHMS.intersection(announced),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        scopes=_strings(document, "scopes_supported"),
        response_modes=_strings(document, "response_modes_supported"),
        challenge_methods=_strings(document, "code_challenge_methods_supported"),
        auth_methods=_strings(document, "token_endpoint_auth_methods_supported"),
    )


def _check_members(document: Mapping[str, Any]) -> None:
    for name in ("issuer", *_REQUIRED):
        if not isinstance(document.get(name), str):
            check = "discovery" if name == "issuer" else "endpoints"
            raise UnusableMetadata(check, f"{name} is missing, or no text")
    try:
        _ReliedOn(document).validate()
    except (ValueError, TypeError, AttributeError) as error:
        # Its messages name members and no values.
        check = "endpoints" if any(name in str(error) for name in _REQUIRED) else "discovery"
        raise UnusableMetadata(check, str(error)) from error
    _strings(document, "grant_types_supported")
    if "code" not in (_strings(document, "response_types_supported") or ()):
        raise UnusableMetadata("discovery", "the provider does not offer the code flow (response_types_supported)")


def _check_endpoint(name: str, url: object) -> None:
    if not isinstance(url, str):
        raise UnusableMetadata("endpoints", f"{name} is no text")
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise UnusableMetadata("endpoints", f"{name} {error}") from error
    if parsed.scheme != "https":
        raise UnusableMetadata("endpoints", f"{name} must be an https address")


def _strings(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    values = document.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UnusableMetadata("discovery", f"{name} must be a list of texts")
    return tuple(values)
